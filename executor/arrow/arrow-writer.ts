import duckdb from '@duckdb/node-bindings';
import type { DuckDBDataChunk, DuckDBResult } from '@duckdb/node-api';
import { QuarryError } from '../../common/quarry-error.ts';
import type { ColumnInput } from '../../proto/gen/quarry/Column.ts';
import { END_OF_STREAM, recordBatchMessage, schemaMessage } from './arrow-message.ts';
import type { BatchParts, ColumnBuilder } from './column-builder.ts';
import { createBuilder } from './create-builder.ts';
import { kernelTypeMatches } from './kernel-type.ts';
import { KernelVector } from './kernel-vector.ts';

/** What PySpark takes a batch to be at most, and small enough to flow through gRPC evenly. */
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
const BATCH_ROWS_MAX = 131_072;

export interface ArrowBatch {
  readonly data: Buffer;
  readonly rowCount: number;
}

/** Turns kernel chunks into Arrow IPC, each batch a stream of its own: schema, record batch, end. */
export class ArrowWriter {
  readonly #schema: Buffer;
  readonly #columns: readonly ColumnInput[];
  readonly #builders: readonly ColumnBuilder[];
  #rowCount = 0;

  constructor(columns: readonly ColumnInput[], timeZone: string) {
    this.#columns = columns;
    this.#schema = schemaMessage(columns, timeZone);
    this.#builders = columns.map((column) => createBuilder(column.type ?? {}));
  }

  /** Errors: INTERNAL when the kernel's types are not those of the plan; their bytes would be read as something else. */
  checkTypes(result: DuckDBResult): void {
    // A SELECT has a column at least: rows without any come with one that nobody asked for.
    if (result.columnCount !== Math.max(1, this.#columns.length)) {
      throw new QuarryError(
        'INTERNAL',
        `the plan has ${this.#columns.length} columns, the kernel ${result.columnCount}`,
      );
    }
    this.#columns.forEach((column, index) => {
      const type = result.columnType(index);
      if (!kernelTypeMatches(column.type ?? {}, type)) {
        throw new QuarryError(
          'INTERNAL',
          `column ${column.name} is ${column.type?.kind} in the plan and ${type.toString()} in the kernel`,
        );
      }
    });
  }

  append(chunk: DuckDBDataChunk): void {
    const rowCount = chunk.rowCount;
    this.#builders.forEach((builder, index) => {
      builder.append(
        new KernelVector(duckdb.data_chunk_get_vector(chunk.chunk, index), rowCount),
        0,
        rowCount,
      );
    });
    this.#rowCount += rowCount;
  }

  get isFull(): boolean {
    return (
      this.#rowCount >= BATCH_ROWS_MAX ||
      this.#builders.reduce((sum, builder) => sum + builder.dataBytes, 0) >= BATCH_BYTES_MAX
    );
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** The rows since the last call as one batch; an empty one when there are none. */
  finishBatch(): ArrowBatch {
    const parts: BatchParts = { nodes: [], buffers: [] };
    for (const builder of this.#builders) builder.collect(parts);
    const places: [number, number][] = [];
    let bodyLength = 0;
    for (const buffer of parts.buffers) {
      places.push([bodyLength, buffer.length]);
      bodyLength += padded(buffer.length);
    }
    const header = recordBatchMessage(this.#rowCount, parts.nodes, places, bodyLength);
    const bodyAt = this.#schema.length + header.length;
    const data = Buffer.allocUnsafeSlow(bodyAt + bodyLength + END_OF_STREAM.length);
    this.#schema.copy(data, 0);
    header.copy(data, this.#schema.length);
    parts.buffers.forEach((buffer, index) => {
      const at = bodyAt + places[index]![0];
      data.set(buffer, at);
      data.fill(0, at + buffer.length, at + padded(buffer.length));
    });
    END_OF_STREAM.copy(data, bodyAt + bodyLength);
    const rowCount = this.#rowCount;
    for (const builder of this.#builders) builder.clear();
    this.#rowCount = 0;
    return { data, rowCount };
  }
}

function padded(length: number): number {
  return (length + 7) & ~7;
}
