import { WireReader, WireWriter } from './wire.ts';

/** One request kind in one version: those of Kafka 2.1 to 4.x that need no tagged fields. Zstandard wants Fetch 10 and Produce 7. */
export interface Api {
  readonly key: number;
  readonly version: number;
  /** A version with compact lengths and tagged fields. */
  readonly flexible?: boolean;
}

export const METADATA: Api = { key: 3, version: 4 };
export const LIST_OFFSETS: Api = { key: 2, version: 2 };
export const FETCH: Api = { key: 1, version: 10 };

const READ_COMMITTED = 1;
const NO_SESSION = 0;
const NO_SESSION_EPOCH = -1;
const NO_LEADER_EPOCH = -1;
export const TIMESTAMP_LATEST = -1;
export const TIMESTAMP_EARLIEST = -2;

export interface PartitionLeader {
  readonly error: number;
  readonly partition: number;
  /** -1: none at the moment. */
  readonly leader: number;
}

export interface ClusterDescription {
  readonly brokers: readonly { readonly id: number; readonly address: string }[];
  readonly controller: number;
  readonly topics: readonly TopicDescription[];
}

export interface TopicDescription {
  readonly error: number;
  readonly name: string;
  readonly internal: boolean;
  readonly partitions: readonly PartitionLeader[];
}

/** `undefined`: all topics. Never creates one. */
export function metadataRequest(topics: readonly string[] | undefined): Buffer {
  const writer = new WireWriter();
  if (topics === undefined) writer.int32(-1);
  else writer.array(topics, (topic) => writer.string(topic));
  return writer.int8(0).done();
}

export function metadataAnswer(reader: WireReader): ClusterDescription {
  reader.int32(); // throttle time
  const brokers = reader.array(() => {
    const id = reader.int32();
    const host = reader.string();
    const port = reader.int32();
    reader.nullableString(); // rack
    return { id, address: `${host}:${port}` };
  });
  reader.nullableString(); // cluster id
  const controller = reader.int32();
  const topics = reader.array(() => ({
    error: reader.int16(),
    name: reader.string(),
    internal: reader.int8() !== 0,
    partitions: reader.array(() => {
      const leader = { error: reader.int16(), partition: reader.int32(), leader: reader.int32() };
      reader.array(() => reader.int32()); // replicas
      reader.array(() => reader.int32()); // in sync
      return leader;
    }),
  }));
  return { brokers, controller, topics };
}

export interface ListedOffset {
  readonly partition: number;
  readonly error: number;
  /** -1: none at or after the time. */
  readonly offset: number;
}

export function listOffsetsRequest(
  topic: string,
  partitions: readonly number[],
  timestampMs: number,
): Buffer {
  const writer = new WireWriter();
  writer.int32(-1).int8(READ_COMMITTED).int32(1).string(topic);
  return writer.array(partitions, (partition) => writer.int32(partition).int64(timestampMs)).done();
}

export function listOffsetsAnswer(reader: WireReader): ListedOffset[] {
  reader.int32(); // throttle time
  return reader
    .array(() => {
      reader.string();
      return reader.array(() => {
        const partition = reader.int32();
        const error = reader.int16();
        reader.int64(); // timestamp
        return { partition, error, offset: reader.int64() };
      });
    })
    .flat();
}

export interface FetchRequest {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
}

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface FetchAnswer {
  readonly error: number;
  /** How long the broker will not answer this connection, because a quota is used up; it may bring nothing then. */
  readonly throttleMs: number;
  /** Records before it are readable. */
  readonly lastStableOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches; the last one may be cut short. */
  readonly records: Buffer;
}

export function fetchRequest(request: FetchRequest): Buffer {
  const writer = new WireWriter();
  writer.int32(-1).int32(request.maxWaitMs).int32(1).int32(request.maxBytes).int8(READ_COMMITTED);
  writer.int32(NO_SESSION).int32(NO_SESSION_EPOCH);
  writer.int32(1).string(request.topic).int32(1);
  writer.int32(request.partition).int32(NO_LEADER_EPOCH).int64(request.offset);
  writer.int64(-1).int32(request.maxBytes); // log start: a follower's to tell
  return writer.int32(0).done(); // forgotten topics
}

export function fetchAnswer(reader: WireReader): FetchAnswer {
  const throttleMs = reader.int32();
  const ofRequest = reader.int16();
  reader.int32(); // session
  const [answer] = reader
    .array(() => {
      reader.string();
      return reader.array(() => {
        reader.int32(); // partition
        const error = reader.int16();
        reader.int64(); // high watermark
        const lastStableOffset = reader.int64();
        reader.int64(); // log start
        const aborted = reader.array(() => ({ producerId: reader.int64(), firstOffset: reader.int64() }));
        return { error, throttleMs, lastStableOffset, aborted, records: reader.bytes() };
      });
    })
    .flat();
  // Over its quota a reader gets no partitions at all.
  const nothing = { lastStableOffset: -1, aborted: [], records: Buffer.alloc(0) };
  return answer ?? { error: ofRequest, throttleMs, ...nothing };
}
