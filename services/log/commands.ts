import { QuarryError } from '../../common/quarry-error.ts';
import { bodyIsIntact, placeBatch, storedHead } from '../../log/embedded/stored-batch.ts';
import type { TopicSpec } from '../../log/log.ts';
import { checkTopic } from '../../log/partitioner.ts';
import { batchKey, encodeEntry, namedKey } from './keys.ts';
import { emptyPartition, type LogState, type Partition, partitionOf } from './log-state.ts';

/** A batch as its producer sent it. Executing the command places it, in its own bytes. */
export interface ArrivedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: Buffer;
}

export type LogCommand =
  | { readonly kind: 'create'; readonly topic: string; readonly spec: TopicSpec }
  | {
      readonly kind: 'append';
      readonly producer: string;
      readonly sequence: number;
      readonly batches: readonly ArrivedBatch[];
    }
  | { readonly kind: 'open'; readonly id: string }
  | {
      readonly kind: 'commit';
      readonly id: string;
      readonly epoch: number;
      readonly sequence: number;
      readonly batches: readonly ArrivedBatch[];
    };

export interface Write {
  readonly key: Buffer;
  /** Undefined: deleted. */
  readonly value: Buffer | undefined;
}

/** What a command does: the writes become durable together, or none of them; then the partitions' new records are readable and the answer is given. */
export interface Effects {
  readonly writes: readonly Write[];
  readonly grown: readonly Partition[];
  readonly answer: object;
}

const NOTHING: Effects = { writes: [], grown: [], answer: {} };

/**
 * Executes one command: changes the state and says what to write. Pure but for the state and the batches' heads; a command
 * that throws has changed nothing. Errors: INVALID_ARGUMENT, TOPIC_NOT_FOUND, FENCED, BAD_DATA.
 */
export function execute(state: LogState, command: LogCommand, nowMs: number): Effects {
  switch (command.kind) {
    case 'create':
      return createTopic(state, command.topic, command.spec);
    case 'append':
      return append(state, command, nowMs);
    case 'open':
      return open(state, command.id);
    case 'commit':
      return commit(state, command, nowMs);
  }
}

function createTopic(state: LogState, name: string, spec: TopicSpec): Effects {
  checkTopic(name, spec.partitions);
  const existing = state.topics.get(name);
  if (existing !== undefined) {
    if (existing.partitions.length === spec.partitions) return { ...NOTHING, answer: { created: false } };
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `topic ${name} exists with ${existing.partitions.length} partitions, not ${spec.partitions}`,
    );
  }
  const id = state.nextTopicId++;
  const partitions = Array.from({ length: spec.partitions }, emptyPartition);
  state.topics.set(name, { name, id, spec, partitions });
  const value = Buffer.from(JSON.stringify({ id, spec }));
  return { writes: [{ key: namedKey('T', name), value }], grown: [], answer: { created: true } };
}

function append(state: LogState, command: LogCommand & { kind: 'append' }, nowMs: number): Effects {
  const { producer, sequence, batches } = command;
  const known = state.producers.get(producer);
  // Sent again after a lost answer: what the first one wrote is durable before this one is answered.
  if (known !== undefined && sequence <= known.sequence) return NOTHING;
  const appended = appendBatches(state, batches, nowMs);
  const entry = { sequence, atMs: nowMs };
  state.producers.set(producer, entry);
  const numbered = { key: namedKey('P', producer), value: Buffer.from(JSON.stringify(entry)) };
  return { writes: [...appended.writes, numbered], grown: appended.grown, answer: {} };
}

function open(state: LogState, id: string): Effects {
  const opened = { epoch: (state.transactional.get(id)?.epoch ?? 0) + 1, sequence: 0 };
  state.transactional.set(id, opened);
  const value = Buffer.from(JSON.stringify(opened));
  return { writes: [{ key: namedKey('X', id), value }], grown: [], answer: { epoch: opened.epoch } };
}

function commit(state: LogState, command: LogCommand & { kind: 'commit' }, nowMs: number): Effects {
  const { id, epoch, sequence, batches } = command;
  const current = state.transactional.get(id);
  if (current === undefined || epoch !== current.epoch) {
    throw new QuarryError(
      'FENCED',
      `a newer producer ${id} has taken over: this one can commit nothing more`,
    );
  }
  if (sequence <= current.sequence) return NOTHING;
  const appended = appendBatches(state, batches, nowMs);
  const committed = { epoch, sequence };
  state.transactional.set(id, committed);
  const numbered = { key: namedKey('X', id), value: Buffer.from(JSON.stringify(committed)) };
  return { writes: [...appended.writes, numbered], grown: appended.grown, answer: {} };
}

function appendBatches(
  state: LogState,
  batches: readonly ArrivedBatch[],
  nowMs: number,
): { writes: Write[]; grown: Partition[] } {
  // All are checked before the first one changes anything.
  for (const { topic, partition, bytes } of batches) {
    partitionOf(state, topic, partition);
    if (!bodyIsIntact(bytes) || storedHead(bytes).count === 0) {
      throw new QuarryError('BAD_DATA', `a batch for ${topic}/${partition} arrived with a wrong checksum`);
    }
  }
  const writes: Write[] = [];
  const grown = new Set<Partition>();
  for (const { topic: name, partition: number, bytes } of batches) {
    const { topic, partition } = partitionOf(state, name, number);
    const { count, maxTimestampMs } = storedHead(bytes);
    const baseOffset = partition.next;
    const lastOffset = baseOffset + count - 1;
    placeBatch(
      bytes,
      { topicId: topic.id, partition: number },
      { baseOffset, lastOffset, appendedMs: nowMs },
    );
    partition.next = lastOffset + 1;
    partition.highestMs = Math.max(partition.highestMs, maxTimestampMs);
    partition.bytes += bytes.length;
    const entry = {
      baseOffset,
      lastOffset,
      maxTimestampMs,
      highestMs: partition.highestMs,
      appendedMs: nowMs,
      bytes: bytes.length,
    };
    writes.push(
      { key: batchKey('B', topic.id, number, lastOffset), value: bytes },
      { key: batchKey('I', topic.id, number, lastOffset), value: encodeEntry(entry) },
    );
    grown.add(partition);
  }
  return { writes, grown: [...grown] };
}
