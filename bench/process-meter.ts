import { readdirSync, readFileSync } from 'node:fs';

const CLOCK_TICKS = 100;
const MiB = 1024 * 1024;

/** What one process uses, from /proc. */
export interface ProcessUse {
  readonly pid: number;
  /** RssAnon and RssShmem: what nobody else can have; pages of files are not counted. */
  readonly anonymousMiB: number;
  readonly cpuSeconds: number;
}

/** Undefined when it has ended. */
export function useOf(pid: number): ProcessUse | undefined {
  try {
    const fields = statOf(pid);
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kilobytes = ['RssAnon', 'RssShmem'].reduce(
      (sum, key) => sum + Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0),
      0,
    );
    // utime and stime, and those of the children that it has waited for.
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return { pid, anonymousMiB: (kilobytes * 1024) / MiB, cpuSeconds: ticks / CLOCK_TICKS };
  } catch (thrown) {
    if (isGone(thrown)) return undefined;
    throw thrown;
  }
}

/** The process and all that it has started, and those have started. */
export function treeOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = Number(statOf(Number(name))[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch (thrown) {
      if (!isGone(thrown)) throw thrown;
    }
  }
  const found = [root];
  // The list grows while it is walked.
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch (thrown) {
    if (isGone(thrown)) return '';
    throw thrown;
  }
}

/** The fields of /proc/PID/stat from the state on: the name before it may hold anything. */
function statOf(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(') ') + 2).split(' ');
}

function isGone(thrown: unknown): boolean {
  const { code } = thrown as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}
