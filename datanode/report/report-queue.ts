import type { ReplicaChange } from './replica-info.ts';

/** More in one message would keep the namenode from its other calls. */
const BATCH_MAX = 1_000;

export interface ReportBatch {
  readonly sequence: number;
  readonly changes: readonly ReplicaChange[];
}

/**
 * Changes that the namenode has not been told yet, in order, numbered from 1 in each session. A batch stays the head
 * until it is acknowledged, with the same number and content, so that a repeat can be told from news.
 */
export class ReportQueue {
  #waiting: ReplicaChange[] = [];
  #head: ReportBatch | undefined;
  #nextSequence = 1;

  get isEmpty(): boolean {
    return this.#head === undefined && this.#waiting.length === 0;
  }

  push(change: ReplicaChange): void {
    this.#waiting.push(change);
  }

  /** What to send now; undefined when there is nothing. */
  next(): ReportBatch | undefined {
    if (this.#head === undefined && this.#waiting.length > 0) {
      this.#head = { sequence: this.#nextSequence++, changes: this.#waiting.splice(0, BATCH_MAX) };
    }
    return this.#head;
  }

  acknowledge(batch: ReportBatch): void {
    if (this.#head === batch) this.#head = undefined;
  }

  /**
   * A new session: the numbers start again and its full report tells what there is. Verdicts on replicas are in no
   * full report, so they stay.
   */
  restart(): void {
    const unsent = [...(this.#head?.changes ?? []), ...this.#waiting];
    this.#waiting = unsent.filter(({ kind }) => kind === 'CORRUPT' || kind === 'VERIFIED');
    this.#head = undefined;
    this.#nextSequence = 1;
  }
}
