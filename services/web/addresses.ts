import { readFile, stat } from 'node:fs/promises';
import type { ClusterFile } from '../../common/cluster-file.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import { Cached } from './cached.ts';

/** What the service was told; '' for what there is not. */
export interface Told {
  /** HTTP doors: URLs, or host:port. */
  readonly driver: string;
  readonly namenode: string;
  readonly view: string;
  readonly tables: string;
  readonly workflow: string;
  readonly log: string;
  readonly clusterFile: string;
}

/** The same, as of now. */
export interface Located extends Omit<Told, 'clusterFile'> {
  /** Services of cluster.json without a door, by name: they are asked about by their process. */
  readonly processes: ReadonlyMap<string, number>;
}

const LOOK_INTERVAL_MS = 1_000;

/** Where the parts are. A process that was started again may have another address: cluster.json has the one of today. */
export class Addresses {
  readonly #told: Told;
  readonly #located: Cached<Located>;
  #file: { readonly changedMs: number; readonly cluster: Partial<ClusterFile> } | undefined;

  constructor(told: Told, clock: Clock) {
    this.#told = told;
    this.#located = new Cached(clock, LOOK_INTERVAL_MS, async () => locate(told, await this.#cluster()));
  }

  now(): Promise<Located> {
    return this.#located.get();
  }

  async #cluster(): Promise<Partial<ClusterFile>> {
    const { clusterFile } = this.#told;
    if (clusterFile === '') return {};
    try {
      const { mtimeMs } = await stat(clusterFile);
      if (this.#file?.changedMs !== mtimeMs) {
        const cluster = JSON.parse(await readFile(clusterFile, 'utf8')) as ClusterFile;
        this.#file = { changedMs: mtimeMs, cluster };
      }
    } catch {
      // The cluster is stopping or not up yet: what was known last is as good as anything.
    }
    return this.#file?.cluster ?? {};
  }
}

/** Addresses of cluster.json in place of those told; foreign servers (Redis, Kafka, MySQL) are where they were told to be. */
export function locate(told: Told, cluster: Partial<ClusterFile>): Located {
  const services = cluster.services ?? [];
  const addressOf = (name: string) => services.find((service) => service.name === name)?.address;
  return {
    driver: http(cluster.driver?.http ?? told.driver),
    namenode: http(cluster.namenode?.http ?? told.namenode),
    workflow: http(addressOf('workflow') ?? told.workflow),
    view: moved(told.view, /^(quarry-views:\/\/)[^/?#]+/, addressOf('views')),
    tables: moved(told.tables, /^(jdbc:quarry:\/\/)[^/?#]+/, addressOf('views')),
    log: moved(told.log, /^(quarry-log:\/\/)[^/?#]+/, addressOf('log')),
    processes: new Map(
      services
        .filter(({ name }) => name === 'agent' || name === 'landing')
        .map(({ name, pid }) => [name, pid]),
    ),
  };
}

function http(address: string): string {
  return address === '' || address.includes('://') ? address : `http://${address}`;
}

function moved(url: string, place: RegExp, address: string | undefined): string {
  return address === undefined ? url : url.replace(place, (_, scheme: string) => `${scheme}${address}`);
}

/** What was opened at a URL; opened again when the URL has changed. */
export class Reopened<T extends { close(): Promise<void> }> {
  readonly #open: (url: string) => Promise<T>;
  readonly #what: string;
  #current: { readonly url: string; readonly opened: Promise<T> } | undefined;

  constructor(what: string, open: (url: string) => Promise<T>) {
    this.#what = what;
    this.#open = open;
  }

  /** Errors: INVALID_ARGUMENT when there is no URL or a wrong one. */
  async at(url: string): Promise<T> {
    if (url === '') throw new QuarryError('INVALID_ARGUMENT', `the web service was told no ${this.#what}`);
    if (this.#current?.url !== url) {
      const before = this.#current;
      this.#current = { url, opened: this.#open(url) };
      await closeQuietly(before?.opened);
    }
    return this.#current.opened;
  }

  async close(): Promise<void> {
    await closeQuietly(this.#current?.opened);
  }
}

async function closeQuietly(opened: Promise<{ close(): Promise<void> }> | undefined): Promise<void> {
  // What could not be opened or closed is of no use to anybody any more; whoever asked was told.
  await opened?.then((thing) => thing.close()).catch(() => undefined);
}
