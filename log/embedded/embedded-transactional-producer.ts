import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { COMMIT_BYTES_MAX } from '../limits.ts';
import { closedProducer, reopen } from '../ended-producer.ts';
import type { RecordInput, TransactionalProducer } from '../log.ts';
import { byPartition } from '../partitioner.ts';
import { encodeParts } from './encode-parts.ts';
import { LogClient, type LogClientOptions } from './log-client.ts';

type CountOf = (topic: string) => Promise<number>;

/** A commit is one request and one atomic write of the log, so nothing is ever left open. */
export class EmbeddedTransactionalProducer implements TransactionalProducer {
  readonly #id: string;
  readonly #epoch: number;
  readonly #client: LogClient;
  readonly #countOf: CountOf;
  #sequence = 0;
  /** What ended this producer: it must be opened again. */
  #broken: QuarryError | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(client: LogClient, countOf: CountOf, id: string, epoch: number) {
    this.#client = client;
    this.#countOf = countOf;
    this.#id = id;
    this.#epoch = epoch;
  }

  static async open(
    options: LogClientOptions,
    id: string,
    countOf: CountOf,
  ): Promise<EmbeddedTransactionalProducer> {
    const client = new LogClient(options);
    try {
      const { epoch } = await client.call({ op: 'open', id });
      return new EmbeddedTransactionalProducer(client, countOf, id, epoch);
    } catch (thrown) {
      client.close();
      throw thrown;
    }
  }

  /** One commit after the other. */
  commit(records: readonly RecordInput[]): Promise<void> {
    const done = this.#last.then(() => this.#commit(records));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async close(): Promise<void> {
    await this.#last;
    this.#broken ??= closedProducer();
    this.#client.close();
  }

  /** Ends a commit that is under way with INTERRUPTED. */
  abandon(): void {
    this.#client.close();
  }

  async #commit(records: readonly RecordInput[]): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    const parts = encodeParts(await byPartition(records, this.#countOf));
    if (parts.length === 0) return;
    const bytes = parts.reduce((sum, part) => sum + part.bytes.length, 0);
    if (bytes > COMMIT_BYTES_MAX) {
      throw new QuarryError(
        'LIMIT_EXCEEDED',
        `a transaction of ${bytes} bytes: at most ${COMMIT_BYTES_MAX} fit, commit it in parts`,
      );
    }
    this.#sequence++;
    const head = { op: 'commit', id: this.#id, epoch: this.#epoch, sequence: this.#sequence } as const;
    try {
      await this.#client.call(
        { ...head, parts: parts.map(({ part }) => part) },
        parts.map((part) => part.bytes),
      );
    } catch (thrown) {
      const error = QuarryError.from(thrown);
      this.#broken = hasCode(error, 'FENCED') ? error : reopen(error);
      throw error;
    }
  }
}
