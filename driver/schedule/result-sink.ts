import { QuarryError, type WireError } from '../../common/quarry-error.ts';
import type { JobBatch, JobOutcome } from './job-runner.ts';
import type { AttemptId } from './scheduler-protocol.ts';

/** Up to here a job's batches are held until their task has succeeded, so that a failed attempt leaves no trace. */
const HELD_BYTES_MAX = 64 * 1024 * 1024;

interface AttemptBatches {
  readonly attempt: number;
  readonly batches: JobBatch[];
}

interface PartitionState {
  readonly attempts: Map<number, AttemptBatches>;
  accepted: number | undefined;
}

/**
 * The batches of a job's last stage, in the order of its partitions, each task's once. A result larger than what is
 * held starts to leave before its task has ended; if that task then fails, the job does.
 */
export class ResultSink {
  readonly #partitions: readonly PartitionState[];
  #head = 0;
  /** The attempt of the head partition whose batches have begun to leave. */
  #streamed: number | undefined;
  #heldBytes = 0;
  #outcome: JobOutcome | undefined;
  #error: QuarryError | undefined;
  #waiting: (() => void)[] = [];

  constructor(partitionCount: number) {
    this.#partitions = Array.from({ length: partitionCount }, () => ({
      attempts: new Map(),
      accepted: undefined,
    }));
  }

  launched(id: AttemptId): void {
    this.#partitions[id.partition]?.attempts.set(id.attempt, { attempt: id.attempt, batches: [] });
    this.#changed();
  }

  /** Resolves when the attempt may send more. */
  async push(id: AttemptId, batch: JobBatch): Promise<void> {
    const attempt = this.#partitions[id.partition]?.attempts.get(id.attempt);
    if (attempt === undefined) return;
    attempt.batches.push(batch);
    this.#heldBytes += batch.data.length;
    this.#changed();
    while (this.#mustWait(id)) await this.#change();
  }

  accept(id: AttemptId): void {
    const partition = this.#partitions[id.partition];
    if (partition === undefined) return;
    partition.accepted = id.attempt;
    for (const attempt of partition.attempts.values()) {
      if (attempt.attempt !== id.attempt) this.#drop(partition, attempt);
    }
    this.#changed();
  }

  /** Answers the error that ends the job when some of the attempt's rows have left already. */
  discard(id: AttemptId, error: WireError): WireError | undefined {
    const partition = this.#partitions[id.partition];
    const attempt = partition?.attempts.get(id.attempt);
    if (partition === undefined || attempt === undefined) return undefined;
    if (id.partition === this.#head && this.#streamed === id.attempt) {
      return {
        ...error,
        message: `${error.message}; part of the result had left already: run the query again`,
      };
    }
    this.#drop(partition, attempt);
    this.#changed();
    return undefined;
  }

  finish(outcome: JobOutcome): void {
    this.#outcome = outcome;
    this.#changed();
  }

  fail(error: WireError): void {
    this.#error ??= QuarryError.fromWire(error);
    this.#changed();
  }

  async *drain(): AsyncGenerator<JobBatch, JobOutcome, undefined> {
    for (;;) {
      if (this.#error !== undefined) throw this.#error;
      const batch = this.#next();
      if (batch !== undefined) {
        yield batch;
        continue;
      }
      if (this.#outcome !== undefined && this.#head === this.#partitions.length) return this.#outcome;
      await this.#change();
    }
  }

  #next(): JobBatch | undefined {
    for (; this.#head < this.#partitions.length; this.#head++, this.#streamed = undefined) {
      const partition = this.#partitions[this.#head]!;
      if (partition.accepted === undefined && this.#heldBytes > HELD_BYTES_MAX) {
        this.#streamed ??= [...partition.attempts.values()].find(
          ({ batches }) => batches.length > 0,
        )?.attempt;
      }
      const leaving = partition.accepted ?? this.#streamed;
      const batch = leaving === undefined ? undefined : partition.attempts.get(leaving)?.batches.shift();
      if (batch !== undefined) {
        this.#heldBytes -= batch.data.length;
        this.#changed();
        return batch;
      }
      if (partition.accepted === undefined) return undefined;
      partition.attempts.clear();
    }
    return undefined;
  }

  /** A later partition waits only while the first missing one is running: else it could keep that one from a slot for ever. */
  #mustWait(id: AttemptId): boolean {
    if (this.#error !== undefined || this.#heldBytes <= HELD_BYTES_MAX) return false;
    if (!this.#partitions[id.partition]?.attempts.has(id.attempt)) return false;
    return (this.#partitions[this.#head]?.attempts.size ?? 0) > 0;
  }

  #drop(partition: PartitionState, attempt: AttemptBatches): void {
    partition.attempts.delete(attempt.attempt);
    for (const { data } of attempt.batches) this.#heldBytes -= data.length;
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
