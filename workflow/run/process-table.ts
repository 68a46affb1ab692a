import { readdirSync, readFileSync } from 'node:fs';
import type { ProcessIdentity } from '../core/records.ts';

/** The variable that marks every process of an attempt, whatever process group or session it moves to. */
export const ATTEMPT_VARIABLE = 'QUARRY_ATTEMPT';

/** Undefined when there is no such process. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const stat = statOf(pid);
  return stat === undefined || stat.state === 'Z' ? undefined : { pid, startTicks: stat.startTicks };
}

/** True while it is the same process, not another one that got its pid. */
export function isAlive(process: ProcessIdentity): boolean {
  return identityOf(process.pid)?.startTicks === process.startTicks;
}

/** Every living process that an attempt has begun, by the mark in its environment. */
export function processesOfAttempt(token: string): number[] {
  const mark = `${ATTEMPT_VARIABLE}=${token}\0`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && `${read(`/proc/${pid}/environ`) ?? ''}\0`.includes(mark));
}

/** False when nobody was there to take it. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw thrown;
  }
}

function statOf(pid: number): { state: string; startTicks: number } | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field, the program's name, is in parentheses and may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTicks: Number(fields[19]) };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (thrown) {
    // It has ended meanwhile, or it is somebody else's.
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((thrown as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw thrown;
  }
}
