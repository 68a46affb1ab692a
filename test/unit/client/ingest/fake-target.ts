import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FileWriter } from '../../../../client/fs/file-writer.ts';
import type { IngestTarget } from '../../../../client/ingest/upload.ts';
import { resolveConfig } from '../../../../common/config.ts';
import { QuarryError } from '../../../../common/quarry-error.ts';
import type { FileStatus } from '../../../../proto/gen/quarry/FileStatus.ts';

export interface StoredFile {
  readonly blockLengths: number[];
  content: Buffer;
}

/** A file system in memory that remembers where blocks were ended. Files can be looked at by DuckDB under `directory`. */
export class FakeTarget implements IngestTarget {
  readonly config = resolveConfig();
  readonly files = new Map<string, StoredFile>();
  readonly directories = new Set<string>();
  publishes = 0;
  /** Fails the write of the file with that index. */
  failAtFile = -1;

  async create(path: string, options: { blockSizeBytes?: number } = {}): Promise<FileWriter> {
    const blockSizeBytes = options.blockSizeBytes!;
    const index = this.files.size;
    const file: StoredFile = { blockLengths: [], content: Buffer.alloc(0) };
    this.files.set(path, file);
    this.#addParents(path);
    let inBlock = 0;
    const writer = {
      write: async (data: Buffer) => {
        if (index === this.failAtFile) throw new QuarryError('PIPELINE_FAILED', 'no datanode took the block');
        file.content = Buffer.concat([file.content, data]);
        inBlock += data.length;
        if (inBlock > blockSizeBytes) throw new Error('the block overflows');
      },
      endBlock: async () => {
        if (inBlock > 0) file.blockLengths.push(inBlock);
        inBlock = 0;
      },
      close: async () => ({ lengthBytes: file.content.length, durableReplicas: 2 }),
      abort: async () => void this.files.delete(path),
    };
    return writer as unknown as FileWriter;
  }

  async publish({ moves, cleanup }: Parameters<IngestTarget['publish']>[0]): Promise<number> {
    this.publishes++;
    for (const { target } of moves)
      if (this.files.has(target)) throw new QuarryError('FILE_EXISTS', `${target} exists`);
    for (const { source, target } of moves) {
      this.files.set(target, this.files.get(source)!);
      this.files.delete(source);
      this.#addParents(target);
    }
    if (cleanup !== undefined) await this.delete(cleanup, { recursive: true });
    return moves.length;
  }

  async delete(path: string, options: { recursive?: boolean } = {}): Promise<boolean> {
    const inside = (name: string) => name.startsWith(`${path}/`);
    const held = [...this.files.keys(), ...this.directories].filter(inside);
    if (held.length > 0 && options.recursive !== true)
      throw new QuarryError('DIRECTORY_NOT_EMPTY', `${path} is not empty`);
    for (const name of held) {
      this.files.delete(name);
      this.directories.delete(name);
    }
    return this.files.delete(path) || this.directories.delete(path);
  }

  async exists(path: string): Promise<boolean> {
    return this.files.has(path) || this.directories.has(path);
  }

  async stat(path: string): Promise<FileStatus> {
    return { path, directory: this.directories.has(path) } as FileStatus;
  }

  async mkdir(path: string): Promise<void> {
    this.#addParents(`${path}/x`);
  }

  /** Writes everything to local disk, for DuckDB to read. */
  dump(directory: string): void {
    rmSync(directory, { recursive: true, force: true });
    for (const [path, { content }] of this.files) {
      const local = join(directory, path);
      mkdirSync(dirname(local), { recursive: true });
      writeFileSync(local, content);
    }
  }

  #addParents(path: string): void {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
      this.directories.add(path.slice(0, at));
  }
}
