import type { FileSystem } from '../../client/fs/file-system.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { SimRandom } from './sim-random.ts';
import type { SimWorld } from './sim-world.ts';

/** What the cluster has acknowledged: a directory, or a file with the seed of its bytes. */
export type ModelEntry =
  | { readonly kind: 'directory' }
  | { readonly kind: 'file'; readonly nonce: number; readonly lengthBytes: number };

/** A broken promise of the cluster. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Outcomes that say nothing: the call may have happened or not. */
const UNKNOWN_OUTCOMES = [
  'DEADLINE',
  'PEER_UNREACHABLE',
  'PIPELINE_FAILED',
  'NOT_REPLICATED_YET',
  'NOT_ENOUGH_DATANODES',
  'SAFE_MODE',
  'BLOCK_UNAVAILABLE',
  'LEASE_LOST',
  'NO_SPACE',
] as const;

export function contentOf(nonce: number, lengthBytes: number): Buffer {
  return new SimRandom(nonce).bytes(lengthBytes);
}

/**
 * One client that works in a directory of its own, so that a plain map says what must be there. A path whose last
 * call had no known outcome is left alone from then on: it may be there or not, but never wrong.
 */
export class Workload {
  readonly directory: string;
  readonly model = new Map<string, ModelEntry>();
  readonly uncertain = new Set<string>();
  readonly #world: SimWorld;
  readonly #fs: FileSystem;
  readonly #random: SimRandom;
  #names = 0;

  constructor(world: SimWorld, fs: FileSystem, directory: string) {
    this.#world = world;
    this.#fs = fs;
    this.directory = directory;
    this.#random = world.random.fork();
  }

  async run(operations: number, stopped: () => boolean): Promise<void> {
    await this.#attempt(this.directory, 'mkdir', async () => {
      await this.#fs.mkdir(this.directory, { parents: true });
    });
    const kinds = [
      'write',
      'write',
      'write',
      'read',
      'read',
      'rename',
      'delete',
      'list',
      'mkdir',
      'clash',
    ] as const;
    for (let i = 0; i < operations && !stopped(); i++) await this.#step(this.#random.pick(kinds));
  }

  async #step(kind: 'write' | 'read' | 'rename' | 'delete' | 'list' | 'mkdir' | 'clash'): Promise<void> {
    switch (kind) {
      case 'write':
        return this.#write();
      case 'read':
        return this.#read();
      case 'rename':
        return this.#rename();
      case 'delete':
        return this.#delete();
      case 'list':
        return this.#list();
      case 'mkdir':
        return this.#mkdir();
      case 'clash':
        return this.#clash();
    }
  }

  async #write(): Promise<void> {
    const path = this.#newPath('f');
    const nonce = this.#random.uint32();
    const content = contentOf(
      nonce,
      this.#random.int(3) === 0 ? this.#random.int(40) : this.#random.int(12_000),
    );
    await this.#attempt(path, 'write', async () => {
      const writer = await this.#fs.create(path);
      for (let at = 0; at < content.length; ) {
        const count = 1 + this.#random.int(4_000);
        await writer.write(content.subarray(at, at + count));
        if (this.#random.chance(0.2)) await (this.#random.chance(0.5) ? writer.hflush() : writer.hsync());
        at += count;
      }
      const { durableReplicas } = await writer.close();
      if (content.length > 0 && durableReplicas < 1)
        throw new Violation(`${path} was closed without a durable replica`);
      this.model.set(path, { kind: 'file', nonce, lengthBytes: content.length });
    });
  }

  async #read(): Promise<void> {
    const files = [...this.model].filter(([, entry]) => entry.kind === 'file');
    if (files.length === 0) return;
    const [path, entry] = this.#random.pick(files);
    if (entry.kind !== 'file') return;
    try {
      expectContent(path, entry, await this.#fs.readFile(path));
      this.#world.note('read', path);
    } catch (thrown) {
      // A read changes nothing, so an unknown outcome leaves nothing unknown.
      this.#judge('read', path, thrown);
    }
  }

  async #rename(): Promise<void> {
    const known = [...this.model.keys()];
    if (known.length === 0) return;
    const source = this.#random.pick(known);
    const target = this.#newPath('r');
    await this.#attempt(
      source,
      'rename',
      async () => {
        await this.#fs.rename(source, target);
        this.model.set(target, this.model.get(source)!);
        this.model.delete(source);
      },
      target,
    );
  }

  async #delete(): Promise<void> {
    const known = [...this.model.keys()];
    if (known.length < 6) return;
    const path = this.#random.pick(known);
    await this.#attempt(path, 'delete', async () => {
      // Exactly once: a retried delete must not see its own effect.
      if (!(await this.#fs.delete(path, { recursive: true })))
        throw new Violation(`delete of ${path} found nothing`);
      this.model.delete(path);
    });
  }

  async #mkdir(): Promise<void> {
    const path = this.#newPath('d');
    await this.#attempt(path, 'mkdir', async () => {
      await this.#fs.mkdir(path, { parents: false });
      this.model.set(path, { kind: 'directory' });
    });
  }

  /** Creating what exists must be refused, however often the call travels. */
  async #clash(): Promise<void> {
    const files = [...this.model].filter(([, entry]) => entry.kind === 'file');
    if (files.length === 0) return;
    const [path] = this.#random.pick(files);
    try {
      await this.#fs.create(path);
    } catch (thrown) {
      if (hasCode(thrown, 'FILE_EXISTS')) return;
      this.#judge('clash', path, thrown);
      return;
    }
    throw new Violation(`${path} was created over an existing file`);
  }

  async #list(): Promise<void> {
    try {
      await this.expectListing();
      this.#world.note('list', this.directory);
    } catch (thrown) {
      this.#judge('list', this.directory, thrown);
    }
  }

  /** What is listed is the model, give or take the uncertain. */
  async expectListing(): Promise<void> {
    const listed = new Set<string>();
    for await (const entry of this.#fs.list(this.directory)) listed.add(entry.path);
    for (const path of this.model.keys()) {
      if (!listed.has(path) && !this.uncertain.has(path))
        throw new Violation(`${path} was acknowledged and is not listed`);
    }
    for (const path of listed) {
      if (!this.model.has(path) && !this.uncertain.has(path))
        throw new Violation(`${path} is listed and was never acknowledged`);
    }
  }

  /** Every acknowledged byte, once more. */
  async expectContents(): Promise<number> {
    let bytes = 0;
    for (const [path, entry] of this.model) {
      if (entry.kind !== 'file') continue;
      expectContent(path, entry, await this.#fs.readFile(path));
      bytes += entry.lengthBytes;
    }
    return bytes;
  }

  async #attempt(path: string, what: string, run: () => Promise<void>, other?: string): Promise<void> {
    try {
      await run();
      this.#world.note(what, path);
    } catch (thrown) {
      this.#judge(what, path, thrown);
      for (const touched of other === undefined ? [path] : [path, other]) {
        this.uncertain.add(touched);
        this.model.delete(touched);
      }
    }
  }

  #judge(what: string, path: string, thrown: unknown): void {
    if (!hasCode(thrown, ...UNKNOWN_OUTCOMES)) {
      if (thrown instanceof QuarryError)
        throw new Violation(`${what} ${path}: ${thrown.code}: ${thrown.message}`, { cause: thrown });
      throw thrown;
    }
    this.#world.note(`${what} unknown`, `${path} ${thrown.code}`);
  }

  #newPath(prefix: string): string {
    this.#names += 1;
    return `${this.directory}/${prefix}${this.#names}`;
  }
}

function expectContent(path: string, entry: Extract<ModelEntry, { kind: 'file' }>, got: Buffer): void {
  const want = contentOf(entry.nonce, entry.lengthBytes);
  if (got.length !== want.length)
    throw new Violation(`${path} has ${got.length} bytes instead of ${want.length}`);
  if (!got.equals(want)) throw new Violation(`${path} has wrong bytes`);
}
