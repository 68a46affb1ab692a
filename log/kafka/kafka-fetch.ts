import { QuarryError } from '../../common/quarry-error.ts';
import { ColumnBuilder } from '../column-builder.ts';
import { FETCH_BYTES } from '../limits.ts';
import type { RecordBatch } from '../log.ts';
import { outOfRange, type PartitionFetch } from '../range-reader.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { kafkaError, moved } from './kafka-error.ts';
import { batchHeads, committed, decodeRecords, inflated } from './record-batches.ts';
import { FETCH, type FetchAnswer, fetchAnswer, fetchRequest } from './requests.ts';

/** How long the broker holds a fetch that finds nothing. */
const FETCH_WAIT_MS = 500;

export interface FetchPlace {
  readonly topic: string;
  readonly partition: number;
  readonly headers?: boolean | undefined;
}

/** Fetches from the leader of a partition over a connection of its own. */
export class KafkaFetch implements PartitionFetch<FetchAnswer> {
  readonly #cluster: KafkaCluster;
  readonly #topic: string;
  readonly #partition: number;
  readonly #withHeaders: boolean;
  #connection: KafkaConnection | undefined;
  #closed = false;

  constructor(cluster: KafkaCluster, place: FetchPlace) {
    this.#cluster = cluster;
    this.#topic = place.topic;
    this.#partition = place.partition;
    this.#withHeaders = place.headers === true;
  }

  async fetch(offset: number): Promise<FetchAnswer> {
    const connection = this.#connection?.isOpen ? this.#connection : await this.#connect();
    const where = { topic: this.#topic, partition: this.#partition, offset };
    const body = fetchRequest({ ...where, maxBytes: FETCH_BYTES, maxWaitMs: FETCH_WAIT_MS });
    const answer = await connection.send(FETCH, body, fetchAnswer);
    if (answer.error !== 0) throw this.#error(answer.error, offset);
    return answer;
  }

  async decode(answer: FetchAnswer, from: number, until: number): Promise<RecordBatch> {
    const { records, aborted } = answer;
    const heads = batchHeads(records).filter(({ lastOffset }) => lastOffset >= from);
    const wanted = committed(records, heads, aborted).filter(({ baseOffset }) => baseOffset < until);
    const bodies = await inflated(records, wanted);
    const columns = new ColumnBuilder({ headers: this.#withHeaders });
    for (const head of wanted) decodeRecords(records, head, bodies.get(head), columns, { from, until });
    const last = heads.at(-1);
    const nextOffset = last === undefined ? from : Math.min(until, last.lastOffset + 1);
    return columns.batch(this.#topic, this.#partition, nextOffset);
  }

  isHeldBack({ throttleMs }: FetchAnswer): boolean {
    return throttleMs > 0;
  }

  /** The leader may be another one now. */
  reset(): void {
    this.#cluster.forget(this.#topic);
    this.#connection?.close();
    this.#connection = undefined;
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close();
  }

  async #connect(): Promise<KafkaConnection> {
    const leaders = await this.#cluster.leaders(this.#topic);
    const leader = leaders.get(this.#partition);
    if (leader === undefined) {
      throw new QuarryError(
        'TOPIC_NOT_FOUND',
        `topic ${this.#topic} has ${leaders.size} partitions, so none with number ${this.#partition}`,
      );
    }
    if (leader < 0) {
      throw new QuarryError('LOG_UNAVAILABLE', `${this.#topic}/${this.#partition} has no leader now`);
    }
    this.#connection?.close();
    this.#connection = await this.#cluster.own(this.#cluster.addressOf(leader));
    if (this.#closed) this.#connection.close();
    return this.#connection;
  }

  #error(code: number, offset: number): QuarryError {
    const error = moved(kafkaError(code, `${this.#topic}/${this.#partition} at offset ${offset}`));
    return error.code === 'OFFSET_OUT_OF_RANGE' ? outOfRange(this.#topic, this.#partition, offset) : error;
  }
}
