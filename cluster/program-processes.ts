import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** What services set for the programs that they begin: attempts of workflow tasks, supervised applications. */
const MARKS: readonly string[] = ['QUARRY_ATTEMPT=', 'QUARRY_APPLICATION_ID='];
const GRACE_MS = 5_000;
const POLL_MS = 50;

/**
 * The programs of users that services of the cluster have begun and that live. A service that was killed has left them; a
 * shell of the user's that only names the cluster is none.
 */
export function programsOf(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && isProgram(pid, directory));
}

/** SIGTERM, and SIGKILL to what has not ended after a while. Resolves when none is left. */
export async function endPrograms(directory: string): Promise<void> {
  const deadlineMs = performance.now() + GRACE_MS;
  const asked = new Set<number>();
  for (;;) {
    const left = programsOf(directory);
    if (left.length === 0) return;
    const isLate = performance.now() > deadlineMs;
    for (const pid of left) {
      if (isLate) signal(pid, 'SIGKILL');
      else if (!asked.has(pid)) signal(pid, 'SIGTERM');
      // A stopped one must run to see it.
      signal(pid, 'SIGCONT');
      asked.add(pid);
    }
    await sleep(POLL_MS);
  }
}

function isProgram(pid: number, directory: string): boolean {
  const environment = read(pid, 'environ').split('\0');
  if (!environment.some((each) => MARKS.some((mark) => each.startsWith(mark)))) return false;
  return (
    environment.includes(`QUARRY_CLUSTER=${directory}`) ||
    read(pid, 'cmdline')
      .split('\0')
      .some((word) => word.startsWith(`${directory}/`))
  );
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
  }
}

/** Empty for one that has ended, for a zombie, and for somebody else's. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch (thrown) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((thrown as NodeJS.ErrnoException).code ?? ''))
      return '';
    throw thrown;
  }
}
