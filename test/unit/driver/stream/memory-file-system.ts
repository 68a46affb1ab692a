import { Readable } from 'node:stream';
import type { FileSystem, PublishPlan } from '../../../../client/fs/file-system.ts';
import { QuarryError } from '../../../../common/quarry-error.ts';

interface Entry {
  readonly inodeId: number;
  readonly generation: number;
  readonly content: Buffer;
  readonly modifiedMs: number;
}

/** The part of a cluster's file system that streaming queries use, with the same refusals. */
export class MemoryFileSystem {
  readonly files = new Map<string, Entry>();
  readonly directories = new Set<string>(['/']);
  /** Files that somebody is writing still. */
  readonly open = new Set<string>();
  #inodes = 0;

  get fileSystem(): FileSystem {
    return this as unknown as FileSystem;
  }

  async writeFile(
    path: string,
    content: Uint8Array | string,
    options: { overwrite?: boolean; createParents?: boolean } = {},
  ): Promise<void> {
    const parent = parentOf(path);
    if (!this.directories.has(parent)) {
      if (options.createParents === false) throw notFound(parent);
      this.#make(parent);
    }
    if (this.files.has(path) && options.overwrite !== true) throw new QuarryError('FILE_EXISTS', path);
    const inodeId = ++this.#inodes;
    // Each is written a second after the one before it.
    const modifiedMs = inodeId * 1_000;
    this.files.set(path, { inodeId, generation: 1, content: Buffer.from(content as string), modifiedMs });
  }

  async create(path: string, options: { overwrite?: boolean } = {}) {
    const pieces: Buffer[] = [];
    return {
      write: async (piece: Buffer) => void pieces.push(Buffer.from(piece)),
      endBlock: async () => undefined,
      close: async () => this.writeFile(path, Buffer.concat(pieces), options),
      abort: async () => undefined,
    };
  }

  async readFile(path: string): Promise<Buffer> {
    return this.#entry(path).content;
  }

  async read(path: string, offset: number, length: number): Promise<Buffer> {
    return this.#entry(path).content.subarray(offset, offset + length);
  }

  async blockLocations(path: string) {
    const lengthBytes = this.#entry(path).content.length;
    return [{ offsetBytes: 0, block: { lengthBytes }, locations: [{ hostLabel: 'dn1' }] }];
  }

  async createReadStream(path: string): Promise<Readable> {
    return Readable.from([this.#entry(path).content]);
  }

  async stat(path: string) {
    const at = withoutEnd(path);
    if (this.directories.has(at))
      return { path: at, directory: true, inodeId: 0, generation: 0, lengthBytes: 0 };
    const { inodeId, generation, content, modifiedMs } = this.#entry(at);
    const underConstruction = this.open.has(at);
    const lengthBytes = content.length;
    return { path: at, directory: false, inodeId, generation, lengthBytes, modifiedMs, underConstruction };
  }

  async exists(path: string): Promise<boolean> {
    return this.files.has(path) || this.directories.has(path);
  }

  async glob(path: string) {
    return (await this.exists(path)) ? [await this.stat(path)] : [];
  }

  async mkdir(path: string): Promise<void> {
    this.#make(withoutEnd(path));
  }

  async *list(path: string) {
    const at = withoutEnd(path);
    if (this.files.has(at)) yield await this.stat(at);
    else if (!this.directories.has(at)) throw notFound(at);
    const names = [...this.files.keys(), ...this.directories].filter(
      (each) => each !== '/' && parentOf(each) === at,
    );
    for (const name of names.toSorted()) yield await this.stat(name);
  }

  async rename(source: string, target: string): Promise<void> {
    const entry = this.#entry(source);
    if (this.files.has(target)) throw new QuarryError('FILE_EXISTS', target);
    if (!this.directories.has(parentOf(target))) throw notFound(target);
    this.files.delete(source);
    this.files.set(target, entry);
  }

  async delete(path: string, options: { recursive?: boolean } = {}): Promise<boolean> {
    const below = [...this.files.keys(), ...this.directories].filter((each) => each.startsWith(`${path}/`));
    if (below.length > 0 && options.recursive !== true) throw new QuarryError('DIRECTORY_NOT_EMPTY', path);
    for (const each of [...below, path]) {
      this.directories.delete(each);
      if (each !== path) this.files.delete(each);
    }
    return this.files.delete(path);
  }

  async publish({ detach = [], moves, cleanup }: PublishPlan): Promise<number> {
    for (const { source, target } of moves) {
      this.#entry(source);
      if (this.files.has(target)) throw new QuarryError('FILE_EXISTS', target);
    }
    for (const path of detach) await this.delete(path, { recursive: true });
    for (const { source, target } of moves) {
      this.#make(parentOf(target));
      await this.rename(source, target);
    }
    if (cleanup !== undefined) await this.delete(cleanup, { recursive: true });
    return moves.length;
  }

  #entry(path: string): Entry {
    const entry = this.files.get(path);
    if (entry === undefined) throw notFound(path);
    return entry;
  }

  #make(path: string): void {
    if (path === '') return;
    this.directories.add(path);
    if (path !== '/') this.#make(parentOf(path));
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function withoutEnd(path: string): string {
  return path.replace(/\/+$/, '') || '/';
}

function notFound(path: string): QuarryError {
  return new QuarryError('FILE_NOT_FOUND', `no such file or directory: ${path}`);
}
