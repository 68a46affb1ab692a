import { QuarryError } from '../../common/quarry-error.ts';
import type { LogSink, RecordInput, TopicSpec, TransactionalProducer } from '../log.ts';
import { checkTopic, type PartitionRecords } from '../partitioner.ts';
import { divided } from './divided.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { kafkaError } from './kafka-error.ts';
import { KafkaTransactionalProducer } from './kafka-transactional-producer.ts';
import {
  CREATE_TOPICS,
  createTopicAnswer,
  createTopicRequest,
  INIT_PRODUCER_ID,
  initProducerIdAnswer,
  initProducerIdRequest,
  TIME_AHEAD,
  topicConfigs,
} from './produce-requests.ts';
import { ProducerSession } from './producer-session.ts';

const CREATE_TIMEOUT_MS = 10_000;
const TOPIC_EXISTS = 36;
const INVALID_CONFIG = 40;

interface Pending {
  readonly groups: readonly PartitionRecords[];
  readonly resolve: () => void;
  readonly reject: (thrown: unknown) => void;
}

/** Appends to Kafka: idempotent, acknowledged by all in-sync replicas. */
export class KafkaSink implements LogSink {
  readonly #cluster: KafkaCluster;
  readonly #queue: Pending[] = [];
  #session: ProducerSession | undefined;
  #sending = false;

  constructor(cluster: KafkaCluster) {
    this.#cluster = cluster;
  }

  async createTopic(topic: string, spec: TopicSpec): Promise<boolean> {
    checkTopic(topic, spec.partitions);
    let configs = topicConfigs(spec);
    const created = await this.#cluster.retrying(async () => {
      const connection = await this.#cluster.controller();
      const request = { topic, partitions: spec.partitions, timeoutMs: CREATE_TIMEOUT_MS };
      const create = () =>
        connection.send(CREATE_TOPICS, createTopicRequest({ ...request, configs }), createTopicAnswer);
      let { error, message } = await create();
      if (error === INVALID_CONFIG && message.includes(TIME_AHEAD)) {
        configs = configs.filter(([name]) => name !== TIME_AHEAD);
        ({ error, message } = await create());
      }
      if (error === TOPIC_EXISTS) return false;
      if (error !== 0)
        throw kafkaError(error, `the creation of topic ${topic}${message === '' ? '' : ` (${message})`}`);
      return true;
    });
    const count = await this.#untilThere(topic);
    if (count !== spec.partitions) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `topic ${topic} exists with ${count} partitions, not ${spec.partitions}`,
      );
    }
    return created;
  }

  async append(records: readonly RecordInput[]): Promise<void> {
    const groups = await divided(this.#cluster, records);
    if (groups.length === 0) return;
    return new Promise((resolve, reject) => {
      this.#queue.push({ groups, resolve, reject });
      if (!this.#sending) void this.#drain();
    });
  }

  async transactional(id: string): Promise<TransactionalProducer> {
    return KafkaTransactionalProducer.open(this.#cluster, id);
  }

  /** A created topic is known to the brokers a moment later. */
  #untilThere(topic: string): Promise<number> {
    return this.#cluster.retrying(async () => {
      this.#cluster.forget(topic);
      const leaders = await this.#cluster.leaders(topic).catch((thrown: unknown) => {
        if (thrown instanceof QuarryError && thrown.code === 'TOPIC_NOT_FOUND') {
          throw new QuarryError('LOG_UNAVAILABLE', thrown.message);
        }
        throw thrown;
      });
      if ([...leaders.values()].some((leader) => leader < 0)) {
        throw new QuarryError('LOG_UNAVAILABLE', `topic ${topic} has no leaders yet`);
      }
      return leaders.size;
    });
  }

  /** One append after the other: the order of the calls is the order of their records. */
  async #drain(): Promise<void> {
    this.#sending = true;
    for (let pending = this.#queue.shift(); pending !== undefined; pending = this.#queue.shift()) {
      try {
        this.#session ??= await this.#open();
        await this.#session.send(pending.groups);
        pending.resolve();
      } catch (thrown) {
        // What the broker kept of it is unknown, so the numbers of its batches are: the next append starts with a new identity.
        this.#session = undefined;
        pending.reject(thrown);
      }
    }
    this.#sending = false;
  }

  #open(): Promise<ProducerSession> {
    return this.#cluster.retrying(async () => {
      const connection = await this.#cluster.controller();
      const body = initProducerIdRequest(null, 60_000);
      const { error, producerId, producerEpoch } = await connection.send(
        INIT_PRODUCER_ID,
        body,
        initProducerIdAnswer,
      );
      if (error !== 0) throw kafkaError(error, 'a producer id');
      return new ProducerSession(this.#cluster, { transactionalId: null, producerId, producerEpoch });
    });
  }
}
