/**
 * The log: topics of partitions of records, each with an offset that only grows. One interface, two implementations: real
 * Kafka, and the embedded log of `services/log`. Offsets may have gaps (Kafka's transaction markers take some).
 */
export interface Log {
  readonly source: LogSource;
  readonly sink: LogSink;
  close(): Promise<void>;
}

/** What one read returns, by column: no object a record. Every array has one entry a record, in the order of the offsets. */
export interface RecordBatch {
  readonly topic: string;
  readonly partition: number;
  readonly offsets: readonly number[];
  /** Milliseconds since 1970, as the producer set them, or the broker where the topic says `LogAppendTime`. */
  readonly timestampsMs: readonly number[];
  readonly keys: readonly (Buffer | null)[];
  readonly values: readonly (Buffer | null)[];
  /** When the read asked for them; a record without any has none in its list. */
  readonly headers?: readonly (readonly RecordHeader[])[];
  /** Where the next read goes on: past the last record and past every gap that follows it and is known. A batch may have no records: only a gap was passed. */
  readonly nextOffset: number;
}

/** A name and bytes beside a record's value; a name may come more than once. */
export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /** Headers are decoded for who asks. The embedded log keeps none. */
  readonly headers?: boolean;
}

export interface OffsetRange {
  readonly topic: string;
  readonly partition: number;
  /** Inclusive. */
  readonly from: number;
  /** Exclusive. */
  readonly until: number;
}

export interface PartitionOffsets {
  readonly partition: number;
  readonly offset: number;
}

/**
 * Reads what is committed (read_committed): never a record of an open or aborted transaction. No consumer group: a reader
 * says where it starts.
 */
export interface LogSource {
  topics(): Promise<string[]>;
  /** How many partitions. Errors: TOPIC_NOT_FOUND. */
  partitionCount(topic: string): Promise<number>;
  /** The first offset that is kept, by partition. Errors: TOPIC_NOT_FOUND. */
  earliest(topic: string): Promise<PartitionOffsets[]>;
  /** The offset after the last readable record, by partition: a read up to it ends without waiting. Errors: TOPIC_NOT_FOUND. */
  latest(topic: string): Promise<PartitionOffsets[]>;
  /** The first offset whose record's timestamp is at or after `timestampMs`; `latest` where there is none. Errors: TOPIC_NOT_FOUND. */
  offsetsAtTime(topic: string, timestampMs: number): Promise<PartitionOffsets[]>;
  /**
   * Every record of the range, in order, then ends. Batches are bounded in bytes; the reader's pace is the pace.
   * Errors: TOPIC_NOT_FOUND, OFFSET_OUT_OF_RANGE when records of the range are no longer kept, LOG_UNAVAILABLE, INTERRUPTED.
   */
  read(range: OffsetRange, options?: ReadOptions): AsyncIterable<RecordBatch>;
  /** As `read` without an end: waits for more at the end of the partition, until the signal aborts (then it ends without an error). */
  follow(
    start: { readonly topic: string; readonly partition: number; readonly from: number },
    options: ReadOptions & { readonly signal: AbortSignal },
  ): AsyncIterable<RecordBatch>;
}

export interface RecordInput {
  readonly topic: string;
  /** Chosen by the key's murmur2 hash when absent, as Kafka's own clients do; a record without a key goes anywhere. */
  readonly partition?: number;
  readonly key: Buffer | null;
  /** Null: a tombstone of a compacted topic. */
  readonly value: Buffer | null;
  readonly timestampMs: number;
  /** Kafka only: the embedded log refuses them (UNSUPPORTED). */
  readonly headers?: readonly RecordHeader[];
}

export interface TopicSpec {
  readonly partitions: number;
  /** Keep only the newest record of a key. */
  readonly compacted?: boolean;
  readonly retentionMs?: number;
  readonly retentionBytes?: number;
}

/** Appends. An append that returned is durable: it survives kill -9, and with the embedded log a power cut. */
export interface LogSink {
  /** Returns false when it existed. Errors: INVALID_ARGUMENT (name, or another partition count than the existing one's), LOG_UNAVAILABLE. */
  createTopic(topic: string, spec: TopicSpec): Promise<boolean>;
  /**
   * In the order of the calls, also of those not waited for. At least once when it is retried by the caller; what the log itself
   * sends again is kept once (on Kafka only while records are younger than its `producer.id.expiration.ms`, a day by their own
   * timestamps: older events are exactly once through `transactional`). A record is up to 1,000,000 bytes. Waits while the log is slower than the caller. Errors: TOPIC_NOT_FOUND, LIMIT_EXCEEDED (a record above the limit),
   * INVALID_ARGUMENT (a partition that is not there, a time that is none), LOG_UNAVAILABLE.
   */
  append(records: readonly RecordInput[]): Promise<void>;
  /**
   * Opens the producer of this name and fences every earlier one of the same name (Kafka's transactional.id and epoch): what
   * those had begun and not committed is aborted before this returns.
   */
  transactional(id: string): Promise<TransactionalProducer>;
}

export interface TransactionalProducer {
  /**
   * All of the records, of any topics, or none; committed and readable when it returns; one commit after the other. The embedded
   * log takes up to 64 MiB in one, Kafka what its coordinator ends within a minute. After any error but LIMIT_EXCEEDED and TOPIC_NOT_FOUND
   * the outcome may be unknown: open the producer again and read what is committed.
   * Errors: FENCED by a newer producer of the same name, LOG_UNAVAILABLE, TOPIC_NOT_FOUND, LIMIT_EXCEEDED.
   */
  commit(records: readonly RecordInput[]): Promise<void>;
  close(): Promise<void>;
}
