import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { ColumnBuilder } from '../column-builder.ts';
import { FETCH_BYTES } from '../limits.ts';
import type { OffsetRange, RecordBatch } from '../log.ts';
import { interrupted, isTransient, Pauses, unavailable } from '../retry.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { kafkaError, moved } from './kafka-error.ts';
import { batchHeads, committed, decodeRecords, inflated } from './record-batches.ts';
import { FETCH, fetchAnswer, fetchRequest, type FetchAnswer } from './requests.ts';

/** How long the broker holds a fetch that finds nothing. */
const FETCH_WAIT_MS = 500;

/** Reads one range of one partition over a connection of its own; the next fetch is under way while a batch is decoded and used. */
export class PartitionReader {
  readonly #cluster: KafkaCluster;
  readonly #range: OffsetRange;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.close();
  #connection: KafkaConnection | undefined;
  #next: { readonly from: number; readonly answer: Promise<FetchAnswer> } | undefined;
  #quietSinceMs: number;

  constructor(cluster: KafkaCluster, range: OffsetRange, signal: AbortSignal | undefined) {
    this.#cluster = cluster;
    this.#range = range;
    this.#signal = signal;
    this.#quietSinceMs = cluster.options.clock.monoMs();
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Ends at the range's end. Errors: those of `LogSource.read`. */
  async *batches(): AsyncGenerator<RecordBatch> {
    let position = this.#range.from;
    while (position < this.#range.until) {
      const answer = await this.#fetch(position);
      const batch = await this.#decode(answer, position);
      this.#quiet(batch.nextOffset > position, batch.nextOffset);
      if (batch.nextOffset === position) continue;
      position = batch.nextOffset;
      if (position < this.#range.until) this.#ask(position);
      yield batch;
    }
  }

  close(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#connection?.close();
    this.#connection = undefined;
    this.#next = undefined;
  }

  /** Asks ahead; a failure is met when the answer is waited for. */
  #ask(from: number): void {
    if (this.#next?.from === from) return;
    const answer = this.#send(from);
    answer.catch(() => undefined);
    this.#next = { from, answer };
  }

  async #fetch(from: number): Promise<FetchAnswer> {
    const { clock, timeoutMs } = this.#cluster.options;
    const untilMs = clock.monoMs() + timeoutMs;
    const pauses = new Pauses();
    for (;;) {
      if (this.#signal?.aborted) throw interrupted();
      this.#ask(from);
      const asked = this.#next!;
      try {
        return await asked.answer;
      } catch (thrown) {
        if (this.#signal?.aborted) throw interrupted();
        this.#cluster.forget(this.#range.topic);
        this.#connection?.close();
        this.#connection = undefined;
        if (!isTransient(thrown)) throw thrown;
        const pauseMs = pauses.next();
        if (clock.monoMs() + pauseMs > untilMs) throw unavailable(this.#cluster.retries(), thrown);
        await clock.sleep(pauseMs, this.#signal);
      } finally {
        if (this.#next === asked) this.#next = undefined;
      }
    }
  }

  async #send(from: number): Promise<FetchAnswer> {
    const { topic, partition } = this.#range;
    const leaders = await this.#cluster.leaders(topic);
    const leader = leaders.get(partition);
    if (leader === undefined) {
      throw new QuarryError(
        'TOPIC_NOT_FOUND',
        `topic ${topic} has ${leaders.size} partitions, so none with number ${partition}`,
      );
    }
    if (leader < 0) throw new QuarryError('LOG_UNAVAILABLE', `${topic}/${partition} has no leader now`);
    if (!this.#connection?.isOpen) {
      const connection = await this.#cluster.own(this.#cluster.addressOf(leader));
      if (this.#signal?.aborted) {
        connection.close();
        throw interrupted();
      }
      this.#connection = connection;
    }
    const body = fetchRequest({
      topic,
      partition,
      offset: from,
      maxBytes: FETCH_BYTES,
      maxWaitMs: FETCH_WAIT_MS,
    });
    const answer = await this.#connection.send(FETCH, body, fetchAnswer);
    if (answer.error !== 0) throw this.#error(answer.error, from);
    return answer;
  }

  #error(code: number, from: number): QuarryError {
    const where = `${this.#range.topic}/${this.#range.partition}`;
    const error = moved(kafkaError(code, `${where} at offset ${from}`));
    return hasCode(error, 'OFFSET_OUT_OF_RANGE') ? outOfRange(where, from) : error;
  }

  async #decode(answer: FetchAnswer, position: number): Promise<RecordBatch> {
    const { topic, partition, until } = this.#range;
    const heads = batchHeads(answer.records).filter(({ lastOffset }) => lastOffset >= position);
    const wanted = committed(answer.records, heads, answer.aborted).filter(
      ({ baseOffset }) => baseOffset < until,
    );
    const bodies = await inflated(answer.records, wanted);
    const columns = new ColumnBuilder();
    for (const head of wanted) {
      decodeRecords(answer.records, head, bodies.get(head), columns, { from: position, until });
    }
    const last = heads.at(-1);
    return columns.batch(
      topic,
      partition,
      last === undefined ? position : Math.min(until, last.lastOffset + 1),
    );
  }

  /** A bounded range was readable when it was planned; a log that ends before it has lost records. */
  #quiet(progressed: boolean, position: number): void {
    const { clock, timeoutMs } = this.#cluster.options;
    if (progressed || this.#range.until === Number.POSITIVE_INFINITY) this.#quietSinceMs = clock.monoMs();
    else if (clock.monoMs() - this.#quietSinceMs > timeoutMs) {
      throw new QuarryError(
        'OFFSET_OUT_OF_RANGE',
        `${this.#range.topic}/${this.#range.partition} ends at offset ${position}, before ${this.#range.until}, where the range to read ends`,
      );
    }
  }
}

function outOfRange(where: string, offset: number): QuarryError {
  return new QuarryError(
    'OFFSET_OUT_OF_RANGE',
    `${where} keeps no records at offset ${offset}: its retention deleted them, or they were never written`,
  );
}
