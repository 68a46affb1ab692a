import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { BATCH_BYTES } from '../limits.ts';
import type { RecordInput } from '../log.ts';
import { type PartitionRecords, runs } from '../partitioner.ts';
import { encodeBatch } from './encode-batch.ts';
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
const SEQUENCES = 2 ** 31;
const BROKER_TIMEOUT_MS = 30_000;

interface PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  readonly runs: RecordInput[][];
}

/**
 * One idempotent producer identity: numbers the batches of each partition, so that a batch that is sent again after a lost
 * answer is kept once. One request a broker is under way, with at most one batch a partition: a number is used up only by a batch that was kept.
 */
export class ProducerSession {
  readonly #cluster: KafkaCluster;
  readonly #identity: ProducerIdentity;
  readonly #sequences = new Map<string, number>();

  constructor(cluster: KafkaCluster, identity: ProducerIdentity) {
    this.#cluster = cluster;
    this.#identity = identity;
  }

  get identity(): ProducerIdentity {
    return this.#identity;
  }

  /** Sends all of it and resolves when every batch is on all in-sync replicas. After an error the session is not to be used again. */
  async send(groups: readonly PartitionRecords[]): Promise<void> {
    const queues = groups.map(({ topic, partition, records }) => ({
      topic,
      partition,
      runs: runs(records, BATCH_BYTES),
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
    const batches = new Map(queues.map((queue) => [queue, this.#encode(queue)]));
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
    if (error !== 0 && error !== DUPLICATE_SEQUENCE) throw moved(kafkaError(error, where));
    const sent = queue.runs.shift()!;
    this.#sequences.set(where, ((this.#sequences.get(where) ?? 0) + sent.length) % SEQUENCES);
  }

  #encode(queue: PartitionQueue): Buffer {
    const { producerId, producerEpoch, transactionalId } = this.#identity;
    const sequence = this.#sequences.get(`${queue.topic}/${queue.partition}`) ?? 0;
    return encodeBatch(queue.runs[0]!, {
      producerId,
      producerEpoch,
      sequence,
      transactional: transactionalId !== null,
    });
  }
}
