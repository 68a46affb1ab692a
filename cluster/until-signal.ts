/** Aborts at the first Ctrl-C or SIGTERM, and takes the later ones too: what the first has begun is to come to its end. */
export function abortOnSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => controller.abort());
  return controller.signal;
}

/** Resolves when the signal comes, and keeps the process alive until then. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const keepAlive = setInterval(() => undefined, 60_000);
    signal.addEventListener(
      'abort',
      () => {
        clearInterval(keepAlive);
        resolve();
      },
      { once: true },
    );
  });
}

/** Resolves at Ctrl-C or SIGTERM, and keeps the process alive until then. */
export function untilSignal(): Promise<void> {
  return untilAborted(abortOnSignal());
}
