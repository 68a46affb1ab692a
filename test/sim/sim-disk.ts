import { QuarryError } from '../../common/quarry-error.ts';
import type { Disk, DiskSpace, Store, StoreOptions } from '../../common/seams/disk.ts';
import type { SimRandom } from './sim-random.ts';
import { SimStoreFiles } from './sim-store.ts';

const CAPACITY_BYTES = 2 ** 40;

/** The directory of one node; it outlives the node's processes. */
export class SimDiskFiles {
  readonly #stores = new Map<string, SimStoreFiles>();
  readonly #files = new Map<string, Buffer>();
  readonly #open = new Set<string>();
  readonly #syncsLogs: boolean;

  constructor(options: { syncsLogs: boolean } = { syncsLogs: true }) {
    this.#syncsLogs = options.syncsLogs;
  }

  /** The power goes: what was not synced may be lost. Locks go with the process. */
  crash(random: SimRandom): void {
    for (const store of this.#stores.values()) store.crash(random);
    this.#open.clear();
  }

  /** As one process sees it; a call of a process that has crashed never returns. */
  mount(isAlive: () => boolean): Disk {
    const whileAlive = async <T>(run: () => T | Promise<T>): Promise<T> => {
      if (!isAlive()) return new Promise<T>(() => undefined);
      return run();
    };
    return {
      openStore: (name, options) => whileAlive(() => this.#openStore(name, options, isAlive)),
      destroyStore: (name) => whileAlive(() => void this.#stores.delete(name)),
      listStores: (name) => whileAlive(() => this.#list(name)),
      readFile: (name) => whileAlive(() => this.#files.get(name)),
      writeFileDurably: (name, content) => whileAlive(() => void this.#files.set(name, Buffer.from(content))),
      space: () =>
        whileAlive((): DiskSpace => ({ capacityBytes: CAPACITY_BYTES, freeBytes: CAPACITY_BYTES })),
    };
  }

  #openStore(name: string, options: StoreOptions, isAlive: () => boolean): Store {
    if (this.#open.has(name)) throw new QuarryError('STORAGE_IN_USE', `another process uses ${name}`);
    let files = this.#stores.get(name);
    if (files === undefined) {
      if (!options.createIfMissing) throw new QuarryError('NOT_FORMATTED', `there is no database in ${name}`);
      files = new SimStoreFiles(this.#syncsLogs);
      this.#stores.set(name, files);
    }
    this.#open.add(name);
    const store = files.open(isAlive);
    return {
      ...store,
      close: async () => {
        await store.close();
        this.#open.delete(name);
      },
    };
  }

  #list(name: string): string[] {
    const prefix = name === '' ? '' : `${name}/`;
    const children = [...this.#stores.keys()]
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length).split('/')[0]!);
    return [...new Set(children)].toSorted();
  }
}
