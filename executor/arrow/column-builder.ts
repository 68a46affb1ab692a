import { GrowingBits } from './growing-buffer.ts';
import type { KernelVector } from './kernel-vector.ts';

/** Where a batch's nodes and buffers are collected, depth first. */
export interface BatchParts {
  readonly nodes: [number, number][];
  readonly buffers: Uint8Array[];
}

/** Collects one column of a batch from slices of kernel vectors. */
export abstract class ColumnBuilder {
  readonly #validity = new GrowingBits();

  get rowCount(): number {
    return this.#validity.length;
  }

  /** Bytes held now, without children. */
  abstract get dataBytes(): number;

  /** Rows `start` to `start + count` of `vector`. */
  append(vector: KernelVector, start: number, count: number): void {
    const validity = vector.validity();
    if (validity === undefined) this.#validity.pushOnes(count);
    else this.#validity.pushBits(validity, start, count);
    this.appendData(vector, start, count, validity);
  }

  collect(parts: BatchParts): void {
    parts.nodes.push([this.rowCount, this.#validity.clearedCount]);
    // Arrow lets a column without nulls leave its bitmap out.
    parts.buffers.push(this.#validity.clearedCount === 0 ? EMPTY : this.#validity.view);
    this.collectData(parts);
  }

  clear(): void {
    this.#validity.clear();
    this.clearData();
  }

  protected abstract appendData(
    vector: KernelVector,
    start: number,
    count: number,
    validity: Uint8Array | undefined,
  ): void;
  protected abstract collectData(parts: BatchParts): void;
  protected abstract clearData(): void;
}

const EMPTY = Buffer.alloc(0);
