import type { TopicSpec } from '../log.ts';
import type { Api } from './requests.ts';
import { type WireReader, WireWriter } from './wire.ts';

export const PRODUCE: Api = { key: 0, version: 7 };
export const FIND_COORDINATOR: Api = { key: 10, version: 1 };
export const CREATE_TOPICS: Api = { key: 19, version: 4 };
export const INIT_PRODUCER_ID: Api = { key: 22, version: 1 };
/** The first version that says which identity it is to follow. */
export const FOLLOW_PRODUCER_ID: Api = { key: 22, version: 3, flexible: true };
export const ADD_PARTITIONS_TO_TXN: Api = { key: 24, version: 0 };
export const END_TXN: Api = { key: 26, version: 0 };

const ALL_REPLICAS = -1;
const TRANSACTION = 1;

export interface ProducerIdentity {
  readonly transactionalId: string | null;
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface PartitionBytes {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
}

/** The request's parts: the batches are sent as they are, without a copy. */
export function produceRequest(
  transactionalId: string | null,
  parts: readonly PartitionBytes[],
  timeoutMs: number,
): Buffer[] {
  const chunks: Buffer[] = [];
  let writer = new WireWriter()
    .string(transactionalId)
    .int16(ALL_REPLICAS)
    .int32(timeoutMs)
    .int32(parts.length);
  for (const { topic, partition, batch } of parts) {
    // One topic entry a partition: the protocol allows a topic more than once.
    chunks.push(writer.string(topic).int32(1).int32(partition).int32(batch.length).done(), batch);
    writer = new WireWriter(64);
  }
  return chunks;
}

export interface Outcome {
  readonly topic: string;
  readonly partition: number;
  readonly error: number;
}

export function produceAnswer(reader: WireReader): Outcome[] {
  return reader
    .array(() => {
      const topic = reader.string();
      return reader.array(() => {
        const outcome = { topic, partition: reader.int32(), error: reader.int16() };
        reader.int64(); // base offset
        reader.int64(); // log append time
        reader.int64(); // log start
        return outcome;
      });
    })
    .flat();
}

export function findCoordinatorRequest(transactionalId: string): Buffer {
  return new WireWriter().string(transactionalId).int8(TRANSACTION).done();
}

export function findCoordinatorAnswer(reader: WireReader): { error: number; address: string } {
  reader.int32(); // throttle time
  const error = reader.int16();
  reader.nullableString();
  reader.int32(); // node
  const host = reader.string();
  return { error, address: `${host}:${reader.int32()}` };
}

export function initProducerIdRequest(transactionalId: string | null, transactionTimeoutMs: number): Buffer {
  return new WireWriter().string(transactionalId).int32(transactionTimeoutMs).done();
}

/** Asks for the identity after this one: refused when another producer of the name has one already. */
export function followProducerIdRequest(identity: ProducerIdentity, transactionTimeoutMs: number): Buffer {
  const writer = new WireWriter().compactString(identity.transactionalId ?? '').int32(transactionTimeoutMs);
  return writer.int64(identity.producerId).int16(identity.producerEpoch).noTags().done();
}

export function initProducerIdAnswer(reader: WireReader): {
  error: number;
  producerId: number;
  producerEpoch: number;
} {
  reader.int32(); // throttle time
  return { error: reader.int16(), producerId: reader.int64(), producerEpoch: reader.int16() };
}

export function addPartitionsRequest(
  identity: ProducerIdentity,
  partitions: readonly { readonly topic: string; readonly partition: number }[],
): Buffer {
  const writer = identityOf(identity);
  return writer
    .array(partitions, ({ topic, partition }) => writer.string(topic).int32(1).int32(partition))
    .done();
}

export function addPartitionsAnswer(reader: WireReader): Outcome[] {
  reader.int32(); // throttle time
  return reader
    .array(() => {
      const topic = reader.string();
      return reader.array(() => ({ topic, partition: reader.int32(), error: reader.int16() }));
    })
    .flat();
}

export function endTxnRequest(identity: ProducerIdentity, end: 'commit' | 'abort'): Buffer {
  return identityOf(identity)
    .int8(end === 'commit' ? 1 : 0)
    .done();
}

export function endTxnAnswer(reader: WireReader): number {
  reader.int32(); // throttle time
  return reader.int16();
}

function identityOf(identity: ProducerIdentity): WireWriter {
  return new WireWriter()
    .string(identity.transactionalId)
    .int64(identity.producerId)
    .int16(identity.producerEpoch);
}

/** What a topic is made with, by its settings' names. */
export function topicConfigs(spec: TopicSpec): [string, string][] {
  return [
    ['cleanup.policy', spec.compacted === true ? 'compact' : 'delete'],
    // A broker's own default is a week by the records' times: replayed events of last month would be gone at once.
    ['retention.ms', String(spec.retentionMs ?? -1)],
    ['retention.bytes', String(spec.retentionBytes ?? -1)],
    // And an hour ahead of its clock: one line of a host whose clock is wrong would be refused with all that came with it.
    [TIME_AHEAD, String(2n ** 63n - 1n)],
  ];
}

/** Since Kafka 3.6; older brokers refuse a topic with a setting that they do not know. */
export const TIME_AHEAD = 'message.timestamp.after.max.ms';

export interface TopicCreation {
  readonly topic: string;
  readonly partitions: number;
  readonly configs: readonly [string, string][];
  readonly timeoutMs: number;
}

export function createTopicRequest({ topic, partitions, configs, timeoutMs }: TopicCreation): Buffer {
  const writer = new WireWriter();
  // Replication -1: the broker's default.
  writer.int32(1).string(topic).int32(partitions).int16(-1).int32(0);
  writer.array(configs, ([name, value]) => writer.string(name).string(value));
  return writer.int32(timeoutMs).int8(0).done();
}

export function createTopicAnswer(reader: WireReader): { error: number; message: string } {
  reader.int32(); // throttle time
  const [answer] = reader.array(() => {
    reader.string();
    return { error: reader.int16(), message: reader.string() };
  });
  return answer ?? { error: 0, message: '' };
}
