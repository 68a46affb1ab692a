import { QuarryError } from '../common/quarry-error.ts';
import type { OffsetRange, RecordBatch } from './log.ts';
import { interrupted, isTransient, Pauses, type Retries, unavailable } from './retry.ts';

/** How one implementation brings the records of one partition. */
export interface PartitionFetch<Answer> {
  /** What is stored from `offset` on, or nothing after a short wait. Errors of `isTransient` are tried again. */
  fetch(offset: number): Promise<Answer>;
  /** The answer's records in [from, until); `nextOffset` = `from` when there was nothing. */
  decode(answer: Answer, from: number, until: number): Promise<RecordBatch>;
  /** True when an answer without records does not say that the partition ends: a quota held them back. */
  isHeldBack?(answer: Answer): boolean;
  /** After a failure: the next fetch starts from scratch. */
  reset(): void;
  /** Ends a fetch that is under way with an error. */
  close(): void;
}

/** Reads one range of one partition; the next fetch is under way while a batch is decoded and used. */
export class RangeReader<Answer> {
  readonly #source: PartitionFetch<Answer>;
  readonly #range: OffsetRange;
  readonly #retries: Retries;
  readonly #onAbort = () => this.close();
  #ahead: { readonly from: number; readonly answer: Promise<Answer> } | undefined;
  #progressMs: number;

  constructor(source: PartitionFetch<Answer>, range: OffsetRange, retries: Retries) {
    this.#source = source;
    this.#range = range;
    this.#retries = retries;
    this.#progressMs = retries.clock.monoMs();
    retries.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Ends at the range's end. Errors: those of `LogSource.read`. */
  async *batches(): AsyncGenerator<RecordBatch> {
    const { from, until } = this.#range;
    for (let position = from; position < until; ) {
      const answer = await this.#fetch(position);
      const batch = await this.#source.decode(answer, position, until);
      if (this.#retries.signal?.aborted) throw interrupted();
      const isHeldBack = this.#source.isHeldBack?.(answer) === true;
      this.#checkEnd(batch.nextOffset > position || isHeldBack, position);
      if (batch.nextOffset === position) continue;
      position = batch.nextOffset;
      if (position < until) void this.#ask(position);
      yield batch;
    }
  }

  close(): void {
    this.#retries.signal?.removeEventListener('abort', this.#onAbort);
    this.#ahead = undefined;
    this.#source.close();
  }

  /** Asks ahead; a failure is met when the answer is waited for. */
  #ask(from: number): Promise<Answer> {
    if (this.#ahead?.from === from) return this.#ahead.answer;
    const answer = this.#source.fetch(from);
    answer.catch(() => undefined);
    this.#ahead = { from, answer };
    return answer;
  }

  async #fetch(from: number): Promise<Answer> {
    const { clock, timeoutMs, signal } = this.#retries;
    const untilMs = clock.monoMs() + timeoutMs;
    const pauses = new Pauses();
    for (;;) {
      if (signal?.aborted) throw interrupted();
      try {
        return await this.#ask(from);
      } catch (thrown) {
        if (signal?.aborted) throw interrupted();
        if (!isTransient(thrown)) throw thrown;
        this.#source.reset();
        const pauseMs = pauses.next();
        if (clock.monoMs() + pauseMs > untilMs) throw unavailable(this.#retries, thrown);
        await clock.sleep(pauseMs, signal);
      } finally {
        this.#ahead = undefined;
      }
    }
  }

  /** A bounded range was readable when it was planned; a log that ends before it has lost records. */
  #checkEnd(progressed: boolean, position: number): void {
    const { topic, partition, until } = this.#range;
    const nowMs = this.#retries.clock.monoMs();
    if (progressed || until === Number.POSITIVE_INFINITY) this.#progressMs = nowMs;
    else if (nowMs - this.#progressMs > this.#retries.timeoutMs) {
      throw new QuarryError(
        'OFFSET_OUT_OF_RANGE',
        `${topic}/${partition} ends at offset ${position}, before ${until}, where the range to read ends`,
      );
    }
  }
}

/** The error of a read that starts where nothing is kept. */
export function outOfRange(topic: string, partition: number, offset: number): QuarryError {
  return new QuarryError(
    'OFFSET_OUT_OF_RANGE',
    `${topic}/${partition} keeps no records at offset ${offset}: its retention deleted them, or they were never written`,
  );
}
