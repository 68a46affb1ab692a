import type { Log } from '../../log/log.ts';
import { openLog } from '../../log/open-log.ts';

/** The logs that tasks of this executor read, one client for each address and its settings, for as long as the executor lives. */
export class LogClients {
  readonly #clientId: string;
  readonly #open = new Map<string, Promise<Log>>();

  constructor(clientId: string) {
    this.#clientId = clientId;
  }

  /** Errors: INVALID_ARGUMENT for a URL that names no log or settings that cannot be, UNSUPPORTED. */
  get(url: string, settings: Readonly<Record<string, string>> = {}): Promise<Log> {
    const key = JSON.stringify([url, Object.entries(settings).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
    let log = this.#open.get(key);
    if (log === undefined) {
      log = openLog(url, { clientId: this.#clientId, settings });
      this.#open.set(key, log);
      log.catch(() => this.#open.delete(key));
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
