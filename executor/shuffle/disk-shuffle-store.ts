import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32c } from '../../common/checksum.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { MapOutputInput } from '../../proto/gen/quarry/MapOutput.ts';
import type { TaskId } from '../../proto/gen/quarry/TaskId.ts';
import { mergeRanges } from '../../common/parquet/byte-ranges.ts';
import { checkFile } from './file-checksums.ts';
import type { ShuffleClient } from './shuffle-client.ts';
import type { LocalShuffleFile, ShuffleLayout, ShuffleRead, ShuffleStore } from './shuffle-store.ts';

/** A file up to that size is fetched whole: its index would not pay. */
const WHOLE_FILE_BYTES = 256 * 1024;

export interface DiskShuffleOptions {
  readonly directory: string;
  readonly executorId: string;
  /** Set once the server listens. */
  readonly address: () => string;
  readonly client: ShuffleClient;
}

/**
 * Shuffle files on disk: JOB/sSTAGE-mPARTITION-aATTEMPT, beside JOB/fetched with what came from other executors.
 * Nothing outlives the process: a new incarnation starts empty, and the driver recomputes what is missed.
 */
export class DiskShuffleStore implements ShuffleStore {
  readonly #options: DiskShuffleOptions;
  readonly #directories = new Map<string, Promise<unknown>>();
  #sequence = 0;

  constructor(options: DiskShuffleOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    await rm(this.#options.directory, { recursive: true, force: true });
    await mkdir(this.#options.directory, { recursive: true });
  }

  async temporaryPath(id: TaskId): Promise<string> {
    await this.#jobDirectory(id.jobId);
    return join(this.#options.directory, `${fileOf(id)}.tmp${++this.#sequence}`);
  }

  async commit(id: TaskId, temporaryPath: string, layout: ShuffleLayout): Promise<MapOutputInput> {
    const file = fileOf(id);
    const path = join(this.#options.directory, file);
    const { size } = await stat(temporaryPath);
    await rename(temporaryPath, path);
    return {
      mapPartition: id.partition,
      attempt: id.attempt,
      executorId: this.#options.executorId,
      address: this.#options.address(),
      file,
      lengthBytes: size,
      rowCount: layout.rowCount,
      tailOffsetBytes: layout.tailOffsetBytes,
      ...(layout.tailCrc32c === undefined ? {} : { tailCrc32c: layout.tailCrc32c }),
      segments: [...layout.segments],
    };
  }

  async discard(temporaryPath: string): Promise<void> {
    await rm(temporaryPath, { force: true });
  }

  async readSegments(read: ShuffleRead): Promise<Buffer[]> {
    const { segments } = read.output;
    const wanted = read.partitions.length === 0 ? segments.map((_, index) => index) : read.partitions;
    const ranges = wanted.map((partition): [number, number] => {
      const segment = segments[partition];
      return [segment?.offsetBytes ?? 0, segment?.lengthBytes ?? 0];
    });
    const all = Buffer.allocUnsafe(ranges.reduce((sum, [, length]) => sum + length, 0));
    await this.#read(read, ranges, async (piece, at) => {
      piece.copy(all, at);
    });
    let end = 0;
    const buffers = ranges.map(([, length]) => all.subarray(end, (end += length)));
    buffers.forEach((bytes, index) => {
      const partition = wanted[index]!;
      const expected = segments[partition]?.crc32c;
      if (expected !== undefined && crc32c(bytes) !== expected) {
        throw lost(
          read,
          new QuarryError('BLOCK_CORRUPT', `partition ${partition} of ${read.output.file} was changed`),
        );
      }
    });
    return buffers;
  }

  async openLocal(read: ShuffleRead): Promise<LocalShuffleFile> {
    const { output } = read;
    if (this.#isLocal(read)) {
      const own = join(this.#options.directory, output.file);
      await this.#lostWhenMissing(read, checkFile(own, output, read.partitions));
      read.onBytes?.(wantedBytes(read));
      return { path: own, release: () => undefined };
    }
    const path = await this.#fetchedPath(read);
    const ranges = wantedRanges(read);
    const file = await open(path, 'w');
    try {
      let range = 0;
      let inRange = 0;
      await this.#read(read, ranges, async (piece) => {
        let at = 0;
        while (at < piece.length) {
          const [offset, length] = ranges[range]!;
          const count = Math.min(piece.length - at, length - inRange);
          await file.write(piece, at, count, offset + inRange);
          at += count;
          inRange += count;
          if (inRange === length) {
            range++;
            inRange = 0;
          }
        }
      });
      // As it lies here: what another host's disk, the way, or this disk has changed all shows.
      await this.#lostWhenMissing(read, checkFile(path, output, read.partitions));
    } catch (thrown) {
      await rm(path, { force: true });
      throw thrown;
    } finally {
      await file.close();
    }
    return { path, release: () => void rm(path, { force: true }) };
  }

  async removeJob(jobId: string): Promise<void> {
    const directory = directoryOf(jobId);
    for (const name of this.#directories.keys()) {
      if (name === directory || name.startsWith(`${directory}/`)) this.#directories.delete(name);
    }
    await rm(join(this.#options.directory, directory), { recursive: true, force: true });
  }

  #isLocal(read: ShuffleRead): boolean {
    // The same id at another address is an earlier process: its files are gone.
    return (
      read.output.executorId === this.#options.executorId && read.output.address === this.#options.address()
    );
  }

  async #read(
    read: ShuffleRead,
    ranges: readonly (readonly [number, number])[],
    take: (piece: Buffer, at: number) => Promise<void>,
  ): Promise<void> {
    let at = 0;
    const counted = async (piece: Buffer) => {
      read.onBytes?.(piece.length);
      const start = at;
      at += piece.length;
      await take(piece, start);
    };
    const nonEmpty = ranges.filter(([, length]) => length > 0);
    if (nonEmpty.length === 0) return;
    if (this.#isLocal(read)) {
      await this.#lostWhenMissing(
        read,
        readRanges(join(this.#options.directory, read.output.file), nonEmpty, counted),
      );
      return;
    }
    const request = { file: read.output.file, ranges: nonEmpty };
    await this.#lostWhenMissing(
      read,
      this.#options.client.read(read.output.address, request, read.signal, counted),
    );
  }

  async #lostWhenMissing<T>(read: ShuffleRead, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      if (cause instanceof QuarryError && cause.code === 'INTERRUPTED') throw cause;
      throw lost(read, cause);
    }
  }

  async #fetchedPath(read: ShuffleRead): Promise<string> {
    const jobDirectory = dirname(read.output.file);
    await this.#directory(join(jobDirectory, 'fetched'));
    return join(this.#options.directory, jobDirectory, 'fetched', `${++this.#sequence}.parquet`);
  }

  async #jobDirectory(jobId: string): Promise<void> {
    await this.#directory(directoryOf(jobId));
  }

  #directory(name: string): Promise<unknown> {
    let made = this.#directories.get(name);
    if (made === undefined) {
      made = mkdir(join(this.#options.directory, name), { recursive: true });
      this.#directories.set(name, made);
    }
    return made;
  }
}

function lost({ output, stage }: ShuffleRead, cause: unknown): QuarryError {
  const { executorId, mapPartition, attempt } = output;
  return new QuarryError(
    'SHUFFLE_LOST',
    `the output of map task ${mapPartition} of stage ${stage} cannot be read from ${executorId}: ${QuarryError.from(cause).message}`,
    { cause, details: { executor: executorId, stage, mapPartition, attempt } },
  );
}

function directoryOf(jobId: string): string {
  return /^[A-Za-z0-9_-]{1,64}$/.test(jobId)
    ? jobId
    : createHash('sha256').update(jobId).digest('hex').slice(0, 32);
}

function fileOf(id: TaskId): string {
  return join(directoryOf(id.jobId), `s${id.stage}-m${id.partition}-a${id.attempt}`);
}

/** What a reader of these partitions needs, and the whole of a small file. */
function wantedRanges({ output, partitions }: ShuffleRead): [number, number][] {
  if (output.lengthBytes <= WHOLE_FILE_BYTES || partitions.length === 0) return [[0, output.lengthBytes]];
  const segments = partitions.flatMap((partition) => output.segments[partition] ?? []);
  const ranges = mergeRanges([
    ...segments.map(({ offsetBytes, lengthBytes }) => ({
      startBytes: offsetBytes,
      endBytes: offsetBytes + lengthBytes,
    })),
    { startBytes: output.tailOffsetBytes, endBytes: output.lengthBytes },
  ]);
  return ranges.map(({ startBytes, endBytes }) => [startBytes, endBytes - startBytes]);
}

function wantedBytes(read: ShuffleRead): number {
  return wantedRanges(read).reduce((sum, [, length]) => sum + length, 0);
}

async function readRanges(
  path: string,
  ranges: readonly (readonly [number, number])[],
  take: (piece: Buffer) => Promise<void>,
): Promise<void> {
  const file = await open(path, 'r');
  try {
    for (const [offset, length] of ranges) {
      const piece = Buffer.allocUnsafe(length);
      const { bytesRead } = await file.read(piece, 0, length, offset);
      if (bytesRead !== length) throw new QuarryError('BLOCK_NOT_FOUND', `${path} is shorter`);
      await take(piece);
    }
  } finally {
    await file.close();
  }
}
