import { open, type FileHandle, rm } from 'node:fs/promises';
import { crc32c } from '../../common/checksum.ts';
import type { MapOutputInput } from '../../proto/gen/quarry/MapOutput.ts';
import type { TaskId } from '../../proto/gen/quarry/TaskId.ts';
import type { ShuffleSegment, ShuffleStore } from '../shuffle/shuffle-store.ts';

/** Records in memory before they go to disk. */
const BUFFERED_BYTES_MAX = 32 * 1024 * 1024;

interface Partition {
  buffered: Uint8Array[];
  /** Where its earlier records are in the spill file. */
  readonly spilled: { readonly offsetBytes: number; readonly lengthBytes: number }[];
  lengthBytes: number;
  rowCount: number;
  /** Of all its records, as they came: what the disk does to them afterwards is found out by the reader. */
  crc32c: number;
}

/**
 * A map task's output: the records of each partition together, as lines. They come in any order, so what does not fit in
 * memory waits in a spill file until the end.
 */
export class ShuffleOutput {
  readonly #store: ShuffleStore;
  readonly #id: TaskId;
  readonly #path: string;
  readonly #partitions: readonly Partition[];
  #spill: FileHandle | undefined;
  #spillBytes = 0;
  #bufferedBytes = 0;

  private constructor(store: ShuffleStore, id: TaskId, path: string, partitions: number) {
    this.#store = store;
    this.#id = id;
    this.#path = path;
    this.#partitions = Array.from({ length: partitions }, () => ({
      buffered: [],
      spilled: [],
      lengthBytes: 0,
      rowCount: 0,
      crc32c: 0,
    }));
  }

  static async open(store: ShuffleStore, id: TaskId, partitions: number): Promise<ShuffleOutput> {
    return new ShuffleOutput(store, id, await store.temporaryPath(id), partitions);
  }

  async add(partition: number, lines: Uint8Array, rowCount: number): Promise<void> {
    const target = this.#partitions[partition]!;
    target.buffered.push(lines);
    target.lengthBytes += lines.length;
    target.rowCount += rowCount;
    target.crc32c = crc32c(lines, target.crc32c);
    this.#bufferedBytes += lines.length;
    if (this.#bufferedBytes >= BUFFERED_BYTES_MAX) await this.#spillAll();
  }

  /** Writes the file and makes it visible. */
  async commit(): Promise<MapOutputInput> {
    const segments: ShuffleSegment[] = [];
    let offsetBytes = 0;
    const file = await open(this.#path, 'w');
    try {
      for (const partition of this.#partitions) {
        const { lengthBytes, rowCount } = partition;
        await this.#writePartition(file, partition);
        segments.push({ offsetBytes, lengthBytes, rowCount, crc32c: partition.crc32c });
        offsetBytes += lengthBytes;
      }
    } finally {
      await file.close();
      await this.#removeSpill();
    }
    const rowCount = segments.reduce((sum, segment) => sum + segment.rowCount, 0);
    return this.#store.commit(this.#id, this.#path, { segments, tailOffsetBytes: offsetBytes, rowCount });
  }

  async discard(): Promise<void> {
    await this.#removeSpill();
    await this.#store.discard(this.#path);
  }

  async #writePartition(file: FileHandle, { spilled, buffered }: Partition): Promise<void> {
    for (const { offsetBytes, lengthBytes } of spilled) {
      const piece = Buffer.allocUnsafe(lengthBytes);
      await this.#spill!.read(piece, 0, lengthBytes, offsetBytes);
      await file.appendFile(piece);
    }
    for (const lines of buffered) await file.appendFile(lines);
  }

  async #spillAll(): Promise<void> {
    this.#spill ??= await open(`${this.#path}.spill`, 'w+');
    for (const partition of this.#partitions) {
      if (partition.buffered.length === 0) continue;
      const lines = Buffer.concat(partition.buffered);
      await this.#spill.write(lines, 0, lines.length, this.#spillBytes);
      partition.spilled.push({ offsetBytes: this.#spillBytes, lengthBytes: lines.length });
      partition.buffered = [];
      this.#spillBytes += lines.length;
    }
    this.#bufferedBytes = 0;
  }

  async #removeSpill(): Promise<void> {
    if (this.#spill === undefined) return;
    await this.#spill.close();
    this.#spill = undefined;
    await rm(`${this.#path}.spill`, { force: true });
  }
}
