import type { Log } from '../../log/log.ts';
import { openLog } from '../../log/open-log.ts';

/** The logs that tasks of this executor read, one client for each address, for as long as the executor lives. */
export class LogClients {
  readonly #clientId: string;
  readonly #open = new Map<string, Promise<Log>>();

  constructor(clientId: string) {
    this.#clientId = clientId;
  }

  /** Errors: INVALID_ARGUMENT for a URL that names no log. */
  get(url: string): Promise<Log> {
    let log = this.#open.get(url);
    if (log === undefined) {
      log = openLog(url, { clientId: this.#clientId });
      this.#open.set(url, log);
      log.catch(() => this.#open.delete(url));
    }
    return log;
  }

  async close(): Promise<void> {
    const settled = await Promise.allSettled(this.#open.values());
    this.#open.clear();
    const logs = settled.flatMap((log) => (log.status === 'fulfilled' ? [log.value] : []));
    await Promise.all(logs.map((log) => log.close()));
  }
}
