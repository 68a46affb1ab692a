import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { BATCH_BYTES } from '../limits.ts';
import type { RecordInput } from '../log.ts';
import { type PartitionRecords, recordBytes, runs } from '../partitioner.ts';
import { encodeBatch, packBatch } from './encode-batch.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { kafkaError, moved } from './kafka-error.ts';
import {
  type Outcome,
  type PartitionBytes,
  PRODUCE,
  produceAnswer,
  type ProducerIdentity,
  produceRequest,
} from './produce-requests.ts';

const DUPLICATE_SEQUENCE = 46;
/** A batch above max.message.bytes, or above segment.bytes. */
const TOO_LARGE = [10, 18];
const SEQUENCES = 2 ** 31;
const BROKER_TIMEOUT_MS = 30_000;

interface PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  runs: RecordInput[][];
}

/**
 * One idempotent producer identity: numbers the batches of each partition, so that a batch that is sent again after a lost
 * answer is kept once. One request a broker is under way, with at most one batch a partition: a number is used up only by a batch that was kept.
 */
export class ProducerSession {
  readonly #cluster: KafkaCluster;
  readonly #identity: ProducerIdentity;
  readonly #sequences = new Map<string, number>();
  /** What a topic takes in one batch, where it has refused more. */
  readonly #batchBytes = new Map<string, number>();
  #isSound = true;

  constructor(cluster: KafkaCluster, identity: ProducerIdentity) {
    this.#cluster = cluster;
    this.#identity = identity;
  }

  get identity(): ProducerIdentity {
    return this.#identity;
  }

  /** False when it is not known which batches are kept: then nothing more can be numbered. */
  get isSound(): boolean {
    return this.#isSound;
  }

  /** Sends all of it and resolves when every batch is on all in-sync replicas. After an error, unless it `isSound`, the session is not to be used again. */
  async send(groups: readonly PartitionRecords[]): Promise<void> {
    const queues = groups.map(({ topic, partition, records }) => ({
      topic,
      partition,
      runs: runs(records, this.#batchBytes.get(topic) ?? BATCH_BYTES),
    }));
    for (
      let open: PartitionQueue[] = queues;
      open.length > 0;
      open = open.filter(({ runs: left }) => left.length > 0)
    ) {
      await this.#round(open);
    }
  }

  /** One batch of each partition, sent until each of them is kept. */
  async #round(queues: readonly PartitionQueue[]): Promise<void> {
    const waiting = new Set(queues);
    const batches = new Map<PartitionQueue, Buffer>();
    for (const queue of queues) batches.set(queue, await this.#encode(queue));
    await this.#cluster.retrying(async () => {
      const outcomes = await Promise.allSettled(
        (await this.#byLeader([...waiting])).map(async ([address, ofLeader]) => {
          const parts = ofLeader.map((queue) => ({ ...queue, batch: batches.get(queue)! }));
          for (const outcome of await this.#produce(address, parts)) {
            const queue = ofLeader.find(
              (each) => each.topic === outcome.topic && each.partition === outcome.partition,
            );
            if (queue === undefined) continue;
            this.#settle(queue, outcome);
            waiting.delete(queue);
          }
        }),
      );
      const failures = outcomes.flatMap((outcome) =>
        outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
      );
      if (failures.length > 0) {
        for (const { topic } of waiting) this.#cluster.forget(topic);
        // What was refused is known not to be kept; of any other failure's batches it is not.
        this.#isSound = failures.every((failure) => hasCode(failure, 'LIMIT_EXCEEDED', 'INVALID_ARGUMENT'));
        throw (
          failures.find((failure) => !hasCode(failure, 'LOG_UNAVAILABLE', 'PEER_UNREACHABLE', 'DEADLINE')) ??
          failures[0]
        );
      }
    });
  }

  async #byLeader(queues: readonly PartitionQueue[]): Promise<[string, PartitionQueue[]][]> {
    const groups = new Map<string, PartitionQueue[]>();
    for (const queue of queues) {
      const leader = (await this.#cluster.leaders(queue.topic)).get(queue.partition) ?? -1;
      if (leader < 0) {
        this.#cluster.forget(queue.topic);
        throw new QuarryError('LOG_UNAVAILABLE', `${queue.topic}/${queue.partition} has no leader now`);
      }
      const address = this.#cluster.addressOf(leader);
      groups.set(address, [...(groups.get(address) ?? []), queue]);
    }
    return [...groups];
  }

  async #produce(address: string, parts: readonly PartitionBytes[]): Promise<Outcome[]> {
    const connection = await this.#cluster.shared(address);
    const body = produceRequest(this.#identity.transactionalId, parts, BROKER_TIMEOUT_MS);
    return connection.send(PRODUCE, body, produceAnswer, BROKER_TIMEOUT_MS + 5_000);
  }

  #settle(queue: PartitionQueue, { error }: Outcome): void {
    const where = `${queue.topic}/${queue.partition}`;
    if (TOO_LARGE.includes(error) && queue.runs[0]!.length > 1) return this.#cutSmaller(queue);
    if (error !== 0 && error !== DUPLICATE_SEQUENCE) throw moved(kafkaError(error, where));
    const sent = queue.runs.shift()!;
    this.#sequences.set(where, ((this.#sequences.get(where) ?? 0) + sent.length) % SEQUENCES);
  }

  /** A topic may take smaller batches than brokers do by default: the rest goes out in halves of what it refused. */
  #cutSmaller(queue: PartitionQueue): void {
    const [refused] = queue.runs;
    const bytesMax = Math.floor(refused!.reduce((sum, record) => sum + recordBytes(record), 0) / 2);
    const known = this.#batchBytes.get(queue.topic) ?? BATCH_BYTES;
    this.#batchBytes.set(queue.topic, Math.min(known, bytesMax));
    queue.runs = runs(queue.runs.flat(), bytesMax);
  }

  #encode(queue: PartitionQueue): Promise<Buffer> {
    const { producerId, producerEpoch, transactionalId } = this.#identity;
    const sequence = this.#sequences.get(`${queue.topic}/${queue.partition}`) ?? 0;
    const origin = { producerId, producerEpoch, sequence, transactional: transactionalId !== null };
    return packBatch(encodeBatch(queue.runs[0]!, origin), this.#cluster.options.compression);
  }
}
