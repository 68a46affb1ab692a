import { QuarryError } from '../../common/quarry-error.ts';
import type { Store } from '../../common/seams/disk.ts';
import type { Seams } from '../../common/seams/seams.ts';
import type { LogAnswers, TopicDescription } from '../../log/embedded/protocol.ts';
import { execute, type LogCommand } from './commands.ts';
import { GroupCommit } from './group-commit.ts';
import { loadState } from './load.ts';
import { type LogState, type Partition, partitionOf, topicOf } from './log-state.ts';
import { type Fetched, fetchBatches, offsetAtTime, type Place } from './stored-log.ts';

type World = Pick<Seams, 'clock' | 'proc'>;

/** The log: one state, one database. Commands are executed in the order they come and answered when they are durable. */
export class LogService {
  readonly state: LogState;
  readonly store: Store;
  readonly #world: World;
  readonly #commit: GroupCommit;
  readonly #waiting = new Map<Partition, Set<() => void>>();
  #pendingBytes = 0;

  private constructor(store: Store, state: LogState, world: World) {
    this.store = store;
    this.state = state;
    this.#world = world;
    this.#commit = new GroupCommit(store.db, world.proc);
  }

  /** Errors: METADATA_DAMAGED. */
  static async open(store: Store, world: World): Promise<LogService> {
    return new LogService(store, await loadState(store.db), world);
  }

  /** Bytes of batches that are not durable yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Resolves when what the command did is durable and readable. Errors: those of `execute`. */
  async run(command: LogCommand): Promise<object> {
    const { writes, grown, answer } = execute(this.state, command, this.#world.clock.nowMs());
    const ends = grown.map((partition) => [partition, partition.next] as const);
    const bytes = writes.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    this.#pendingBytes += bytes;
    await this.#commit.durable(writes);
    this.#pendingBytes -= bytes;
    for (const [partition, end] of ends) this.#show(partition, end);
    return answer;
  }

  /** For retention and compaction: writes that change no offset that anybody reads next. */
  durable(writes: Parameters<GroupCommit['durable']>[0]): Promise<void> {
    return this.#commit.durable(writes);
  }

  /** Errors: TOPIC_NOT_FOUND. */
  describe(name: string): TopicDescription {
    const { id, partitions } = topicOf(this.state, name);
    return {
      topic: name,
      id,
      partitions: partitions.map(({ start, readable }) => ({ earliest: start, latest: readable })),
    };
  }

  /** Errors: TOPIC_NOT_FOUND. */
  async offsetsAtTime(name: string, timestampMs: number): Promise<LogAnswers['offsetsAtTime']> {
    const topic = topicOf(this.state, name);
    const offsets: number[] = [];
    for (const [number, partition] of topic.partitions.entries()) {
      offsets.push(await offsetAtTime(this.store.db, { topic, number, partition }, timestampMs));
    }
    return { offsets };
  }

  /** Waits up to `maxWaitMs` for something to read, or until the signal aborts. Errors: TOPIC_NOT_FOUND, OFFSET_OUT_OF_RANGE. */
  async fetch(
    request: { topic: string; partition: number; offset: number; maxBytes: number; maxWaitMs: number },
    signal: AbortSignal,
  ): Promise<Fetched & { readonly topicId: number }> {
    const { topic, partition } = partitionOf(this.state, request.topic, request.partition);
    if (!Number.isSafeInteger(request.offset) || request.offset < 0) {
      throw new QuarryError('INVALID_ARGUMENT', `${request.offset} is no offset`);
    }
    const place: Place = { topic, number: request.partition, partition };
    if (request.offset === partition.readable) await this.#growth(partition, request.maxWaitMs, signal);
    const fetched = await fetchBatches(this.store.db, place, request.offset, request.maxBytes);
    return { ...fetched, topicId: topic.id };
  }

  close(): Promise<void> {
    return this.#commit.durable([]).then(() => this.store.close());
  }

  #show(partition: Partition, end: number): void {
    partition.readable = Math.max(partition.readable, end);
    const waiting = this.#waiting.get(partition);
    this.#waiting.delete(partition);
    for (const wake of waiting ?? []) wake();
  }

  async #growth(partition: Partition, maxWaitMs: number, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const wake = () => stop.abort();
    const waiting = this.#waiting.get(partition) ?? new Set();
    this.#waiting.set(partition, waiting.add(wake));
    signal.addEventListener('abort', wake, { once: true });
    await this.#world.clock.sleep(maxWaitMs, stop.signal);
    signal.removeEventListener('abort', wake);
    waiting.delete(wake);
  }
}
