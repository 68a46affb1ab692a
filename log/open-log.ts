import type { Log } from './log.ts';

export interface OpenLogOptions {
  /** Shown in the broker's logs. */
  readonly clientId?: string;
  /** How long one call may go on retrying an unreachable log. */
  readonly timeoutMs?: number;
}

/** Opens `kafka://HOST:PORT[,HOST:PORT...]` or `quarry-log://HOST:PORT`. Errors: INVALID_ARGUMENT for another URL; an unreachable log fails the first call. */
export async function openLog(url: string, _options: OpenLogOptions = {}): Promise<Log> {
  throw new Error(`not there yet: ${url}`);
}
