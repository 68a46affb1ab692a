import { QuarryError } from '../../common/quarry-error.ts';
import type { TopicSpec } from '../../log/log.ts';

export interface Partition {
  /** The first offset that is kept. */
  start: number;
  /** The offset of the next record. */
  next: number;
  /** Readers see what is before it: everything that is durable. */
  readable: number;
  /** The highest timestamp ever. */
  highestMs: number;
  /** The highest timestamp of what retention has deleted. */
  deletedHighestMs: number;
  /** Of the batches that are kept. */
  bytes: number;
}

export interface Topic {
  readonly name: string;
  readonly id: number;
  readonly spec: TopicSpec;
  readonly partitions: readonly Partition[];
}

export interface Producer {
  readonly sequence: number;
  readonly atMs: number;
}

export interface TransactionalState {
  readonly epoch: number;
  readonly sequence: number;
}

/** All that the log knows without its database. Commands change it at once; what they write becomes durable together, a little later. */
export interface LogState {
  readonly topics: Map<string, Topic>;
  readonly producers: Map<string, Producer>;
  readonly transactional: Map<string, TransactionalState>;
  nextTopicId: number;
}

export function emptyState(): LogState {
  return { topics: new Map(), producers: new Map(), transactional: new Map(), nextTopicId: 1 };
}

export function emptyPartition(): Partition {
  return { start: 0, next: 0, readable: 0, highestMs: -1, deletedHighestMs: -1, bytes: 0 };
}

/** Errors: TOPIC_NOT_FOUND. */
export function topicOf(state: LogState, name: string): Topic {
  const topic = state.topics.get(name);
  if (topic === undefined) {
    throw new QuarryError('TOPIC_NOT_FOUND', `there is no topic ${JSON.stringify(name)}: create it first`);
  }
  return topic;
}

/** Errors: TOPIC_NOT_FOUND, also for a partition that the topic does not have. */
export function partitionOf(
  state: LogState,
  name: string,
  partition: number,
): { topic: Topic; partition: Partition } {
  const topic = topicOf(state, name);
  const found = topic.partitions[partition];
  if (found === undefined) {
    throw new QuarryError(
      'TOPIC_NOT_FOUND',
      `topic ${name} has ${topic.partitions.length} partitions, so none with number ${partition}`,
    );
  }
  return { topic, partition: found };
}
