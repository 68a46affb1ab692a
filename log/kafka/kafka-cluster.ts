import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import type { Net } from '../../common/seams/net.ts';
import { type Retries, withRetries } from '../retry.ts';
import type { Compression } from './compression.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { kafkaError, topicNotFound } from './kafka-error.ts';
import type { Security } from './security/security.ts';
import {
  type ClusterDescription,
  METADATA,
  type TopicDescription,
  metadataAnswer,
  metadataRequest,
} from './requests.ts';

export interface KafkaClusterOptions {
  readonly url: string;
  /** Brokers to ask first. */
  readonly addresses: readonly string[];
  readonly clientId: string;
  readonly timeoutMs: number;
  readonly security: Security;
  readonly compression: Compression;
  readonly transactionTimeoutMs: number;
  readonly net: Net;
  readonly clock: Clock;
}

type Leaders = ReadonlyMap<number, number>;

/** Partitions may be added, and keys then go to other ones: producers notice after that long. */
const LEADERS_AGE_MAX_MS = 60_000;

const UNKNOWN_TOPIC = 3;
const INVALID_TOPIC = 17;

/** What is known of the brokers: where partitions are led, and the connections for short requests. */
export class KafkaCluster {
  readonly options: KafkaClusterOptions;
  readonly #brokers = new Map<number, string>();
  readonly #leaders = new Map<string, { readonly leaders: Leaders; readonly knownMs: number }>();
  readonly #connections = new Map<string, Promise<KafkaConnection>>();
  #closed = false;

  constructor(options: KafkaClusterOptions) {
    this.options = options;
  }

  retries(signal?: AbortSignal): Retries {
    const { clock, timeoutMs, url } = this.options;
    return { clock, timeoutMs, url, signal };
  }

  /** Runs `attempt` again while brokers are away or partitions move. Errors: LOG_UNAVAILABLE, INTERRUPTED, what `attempt` throws else. */
  retrying<T>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return withRetries(this.retries(signal), async () => {
      if (this.#closed) throw new QuarryError('INTERRUPTED', 'the log was closed by its caller');
      return attempt();
    });
  }

  async topics(): Promise<string[]> {
    const { topics } = (await this.#describe(undefined)).described;
    return topics.filter((topic) => !topic.internal && topic.error === 0).map((topic) => topic.name);
  }

  /** The leader of every partition; from memory for a minute, unless `forget` was called. Errors: TOPIC_NOT_FOUND, LOG_UNAVAILABLE, PEER_UNREACHABLE, DEADLINE. */
  async leaders(topic: string): Promise<Leaders> {
    const known = this.#leaders.get(topic);
    const { clock } = this.options;
    if (known !== undefined && clock.monoMs() - known.knownMs < LEADERS_AGE_MAX_MS) return known.leaders;
    const described = await this.#topic(topic);
    if (described.error !== 0) throw kafkaError(described.error, `topic ${topic}`);
    const leaders = new Map<number, number>();
    for (const { partition, leader } of described.partitions.toSorted((a, b) => a.partition - b.partition)) {
      leaders.set(partition, leader);
    }
    // One without a leader is asked for again by the next caller.
    if (described.partitions.every(({ leader }) => leader >= 0)) {
      this.#leaders.set(topic, { leaders, knownMs: clock.monoMs() });
    }
    return leaders;
  }

  /** How many partitions. Errors: TOPIC_NOT_FOUND, LOG_UNAVAILABLE. */
  async partitions(topic: string): Promise<number> {
    return (await this.retrying(() => this.leaders(topic))).size;
  }

  /** A connection to a broker that answers. */
  async any(): Promise<KafkaConnection> {
    for (const opening of this.#connections.values()) {
      const connection = await opening.catch(() => undefined);
      if (connection?.isOpen) return connection;
    }
    return (await this.#describe([])).connection;
  }

  /** A connection to the broker that creates topics. */
  async controller(): Promise<KafkaConnection> {
    const { described } = await this.#describe([]);
    return this.shared(this.addressOf(described.controller));
  }

  /** Drops what is believed about the topic: a broker said that it is no longer so, or could not be reached. */
  forget(topic: string): void {
    this.#leaders.delete(topic);
  }

  addressOf(broker: number): string {
    const address = this.#brokers.get(broker);
    if (address === undefined)
      throw new QuarryError('LOG_UNAVAILABLE', `Kafka broker ${broker} is not there now`);
    return address;
  }

  /** A connection that others use as well: for requests that the broker answers at once. */
  async shared(address: string): Promise<KafkaConnection> {
    const known = this.#connections.get(address);
    if (known !== undefined) {
      const connection = await known.catch(() => undefined);
      if (connection?.isOpen) return connection;
      if (this.#connections.get(address) === known) this.#connections.delete(address);
      return this.shared(address);
    }
    const opening = this.own(address);
    this.#connections.set(address, opening);
    return opening.catch((thrown: unknown) => {
      if (this.#connections.get(address) === opening) this.#connections.delete(address);
      throw thrown;
    });
  }

  /** A connection of the caller's own, which the caller closes. */
  own(address: string): Promise<KafkaConnection> {
    return KafkaConnection.open(address, this.options);
  }

  close(): void {
    this.#closed = true;
    for (const opening of this.#connections.values()) {
      opening.then(
        (connection) => connection.close(),
        () => undefined,
      );
    }
    this.#connections.clear();
  }

  /** Errors: TOPIC_NOT_FOUND. */
  async #topic(topic: string): Promise<TopicDescription> {
    const find = ({ topics }: ClusterDescription) => {
      const found = topics.find(({ name }) => name === topic);
      return found?.error === UNKNOWN_TOPIC || found?.error === INVALID_TOPIC ? undefined : found;
    };
    // A broker learns of a new topic a moment after the one that made it: none of them may know it.
    const { described } = await this.#describe([topic], (each) => find(each) !== undefined);
    const found = find(described);
    if (found === undefined) throw topicNotFound(topic);
    return found;
  }

  /** What the first broker says that answers with something `isEnough`; else the last one. */
  async #describe(
    topics: readonly string[] | undefined,
    isEnough: (described: ClusterDescription) => boolean = () => true,
  ): Promise<{ described: ClusterDescription; connection: KafkaConnection }> {
    const body = metadataRequest(topics);
    let failure: unknown;
    let answer: { described: ClusterDescription; connection: KafkaConnection } | undefined;
    for (const address of new Set([...this.options.addresses, ...this.#brokers.values()])) {
      try {
        const connection = await this.shared(address);
        const described = await connection.send(METADATA, body, metadataAnswer);
        for (const broker of described.brokers) this.#brokers.set(broker.id, broker.address);
        answer = { described, connection };
        if (isEnough(described)) return answer;
      } catch (thrown) {
        if (!hasCode(thrown, 'PEER_UNREACHABLE', 'DEADLINE')) throw thrown;
        failure = thrown;
      }
    }
    if (answer !== undefined) return answer;
    throw failure;
  }
}
