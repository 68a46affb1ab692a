import duckdb, { type LogicalType, type Vector } from '@duckdb/node-bindings';

/** One column of a kernel's chunk, as memory views that live as long as the chunk. */
export class KernelVector {
  readonly vector: Vector;
  /** How many rows the vector has; of a list's child more than its chunk. */
  readonly rowCount: number;
  #type: LogicalType | undefined;

  constructor(vector: Vector, rowCount: number) {
    this.vector = vector;
    this.rowCount = rowCount;
  }

  get type(): LogicalType {
    return (this.#type ??= duckdb.vector_get_column_type(this.vector));
  }

  data(bytesPerRow: number): Buffer {
    const view = duckdb.vector_get_data(this.vector, this.rowCount * bytesPerRow);
    return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  }

  /** One bit a row, 1 for a value; undefined when there are no nulls. */
  validity(): Uint8Array | undefined {
    // The kernel keeps validity in words of 64 rows.
    const view = duckdb.vector_get_validity(
      this.vector,
      Math.ceil(this.rowCount / 64) * 8,
    ) as Uint8Array | null;
    return view === null || view.length === 0 ? undefined : view;
  }

  structChild(index: number): KernelVector {
    return new KernelVector(duckdb.struct_vector_get_child(this.vector, index), this.rowCount);
  }

  listChild(): KernelVector {
    return new KernelVector(
      duckdb.list_vector_get_child(this.vector),
      duckdb.list_vector_get_size(this.vector),
    );
  }
}
