import { partitionOf } from './partition-of.ts';

/** Characters of records in one message. */
const BATCH_CHARS = 256 * 1024;

/** Collects lines and sends them together. */
export class LineBatch {
  readonly #send: (lines: Uint8Array, rowCount: number) => void;
  #lines: string[] = [];
  #chars = 0;

  constructor(send: (lines: Uint8Array, rowCount: number) => void) {
    this.#send = send;
  }

  get chars(): number {
    return this.#chars;
  }

  add(line: string): void {
    this.#lines.push(line);
    this.#chars += line.length + 1;
    if (this.#chars >= BATCH_CHARS) this.flush();
  }

  flush(): void {
    if (this.#lines.length === 0) return;
    const rowCount = this.#lines.length;
    this.#lines.push('');
    // The encoder's buffer is its own, so that it can be given away.
    const bytes = encoder.encode(this.#lines.join('\n'));
    this.#lines = [];
    this.#chars = 0;
    this.#send(bytes, rowCount);
  }
}

const encoder = new TextEncoder();

/** Lines `key \t value` for each partition of a shuffle. JSON texts hold neither a tab nor a line break. */
export class PartitionBatches {
  readonly #batches: readonly LineBatch[];

  constructor(partitions: number, send: (partition: number, lines: Uint8Array, rowCount: number) => void) {
    this.#batches = Array.from(
      { length: partitions },
      (_, partition) => new LineBatch((lines, rowCount) => send(partition, lines, rowCount)),
    );
  }

  addKeyed(key: string, value: string): void {
    this.add(partitionOf(key, this.#batches.length), key, value);
  }

  add(partition: number, key: string, value: string): void {
    this.#batches[partition]!.add(`${key}\t${value}`);
  }

  flush(): void {
    for (const batch of this.#batches) batch.flush();
  }
}
