const TIMEOUT_MS = 15_000;

/** An answer of the API as text. Throws an Error whose message is for people. */
export async function askText(path: string): Promise<{ text: string; headers: Headers }> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    text = await answer.text();
  } catch (cause) {
    throw new Error('the web service does not answer', { cause });
  }
  if (answer.ok) return { text, headers: answer.headers };
  throw new Error(messageOf(text) ?? `${path} answered ${answer.status}`);
}

/** As `askText`, parsed. */
export async function ask<T>(path: string): Promise<T> {
  return JSON.parse((await askText(path)).text) as T;
}

function messageOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { error?: { message?: string } }).error?.message;
  } catch {
    // Not one of the API's own refusals.
    return undefined;
  }
}

/** Runs `step` again and again, one at a time, while the page is seen. Returns what runs it at once. */
export function repeat(intervalMs: number, step: () => Promise<void>): () => void {
  let timer: number | undefined;
  let isRunning = false;
  let isWanted = false;
  const run = () => {
    if (isRunning) {
      isWanted = true;
      return;
    }
    clearTimeout(timer);
    isRunning = true;
    void step().finally(() => {
      isRunning = false;
      if (isWanted) {
        isWanted = false;
        run();
      } else if (!document.hidden) timer = setTimeout(run, intervalMs);
    });
  };
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) run();
  });
  run();
  return run;
}

export function messageFrom(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
