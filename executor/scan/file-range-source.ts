import type { FileSystem } from '../../client/fs/file-system.ts';
import type { LocatedFile } from '../../client/fs/located-file.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { FileVersion, RangeSource } from '../cache/block-cache.ts';
import type { ByteRange } from '../../common/parquet/byte-ranges.ts';

const LOCATED_FILES_MAX = 10_000;

/** Ranges of the cluster's files, each buffer with the node that really served it: a near replica may have failed. */
export class FileRangeSource implements RangeSource {
  readonly #fileSystem: FileSystem;
  /** By version: its blocks never change, and a reader asks again itself when replicas have moved. */
  readonly #located = new Map<string, Promise<LocatedFile>>();

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  async read(
    file: FileVersion,
    range: ByteRange,
    signal: AbortSignal,
    take: (data: Buffer, node: string) => Promise<void>,
  ): Promise<void> {
    const located = await this.#locate(file);
    for (const block of located.blocks) {
      const blockEnd = block.offsetBytes + (block.block?.lengthBytes ?? 0);
      const start = Math.max(range.startBytes, block.offsetBytes);
      const end = Math.min(range.endBytes, blockEnd);
      if (start >= end) continue;
      const reader = this.#fileSystem.openLocated(located, { offset: start, length: end - start });
      for await (const data of reader) {
        if (signal.aborted) throw new QuarryError('INTERRUPTED', 'the task was cancelled');
        await take(data, reader.servedBy ?? '');
      }
    }
  }

  async #locate(file: FileVersion): Promise<LocatedFile> {
    const key = `${file.inodeId}-${file.generation}-${file.lengthBytes}`;
    let located = this.#located.get(key);
    if (located === undefined) {
      located = this.#fileSystem.locate(file.path);
      this.#located.set(key, located);
      if (this.#located.size > LOCATED_FILES_MAX) {
        for (const oldest of this.#located.keys()) {
          this.#located.delete(oldest);
          break;
        }
      }
    }
    try {
      const { status } = await located;
      if (
        status.inodeId === file.inodeId &&
        status.generation === file.generation &&
        status.lengthBytes === file.lengthBytes
      ) {
        return await located;
      }
    } catch (thrown) {
      this.#located.delete(key);
      throw thrown;
    }
    this.#located.delete(key);
    throw new QuarryError(
      'FILE_NOT_FOUND',
      `${file.path} was replaced after the query was planned: run the query again`,
      { details: { path: file.path, changed: true } },
    );
  }
}
