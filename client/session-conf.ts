import { hasCode } from '../common/quarry-error.ts';
import type { ConnectClient } from './connect/connect-client.ts';

/** `session.conf`: the `spark.*` settings of one session, kept by the server. */
export class SessionConf {
  readonly #client: ConnectClient;

  constructor(client: ConnectClient) {
    this.#client = client;
  }

  /** The value of a setting, or undefined when it is not set and has no default. */
  async get(key: string): Promise<string | undefined> {
    try {
      const { pairs } = await this.#client.config({ getOption: { keys: [key] } });
      return pairs[0]?.value;
    } catch (thrown) {
      // Spark answers so for an unknown key where it knows no default.
      if (hasCode(thrown, 'ANALYSIS') && thrown.message.includes('SQL_CONF_NOT_FOUND')) return undefined;
      throw thrown;
    }
  }

  async set(key: string, value: string | number | boolean): Promise<void> {
    await this.#client.config({ set: { pairs: [{ key, value: String(value) }] } });
  }

  async unset(key: string): Promise<void> {
    await this.#client.config({ unset: { keys: [key] } });
  }

  async getAll(prefix = ''): Promise<ReadonlyMap<string, string>> {
    const { pairs } = await this.#client.config({ getAll: prefix === '' ? {} : { prefix } });
    return new Map(pairs.map(({ key, value }) => [key, value ?? '']));
  }
}
