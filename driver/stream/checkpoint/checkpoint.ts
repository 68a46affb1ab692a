import { randomUUID } from 'node:crypto';
import type { FileSystem } from '../../../client/fs/file-system.ts';
import { hasCode, QuarryError } from '../../../common/quarry-error.ts';
import {
  checkMetadata,
  type CommitEntry,
  decodeEntry,
  encodeEntry,
  type OffsetEntry,
  type QueryMetadata,
} from './checkpoint-codec.ts';

/** That many batches can be looked at after the fact. */
export const BATCHES_KEPT = 100;

/**
 * A query's memory in the cluster's file system: metadata, offsets/N before a batch, commits/N after it, state/, outputs/.
 *
 * One run owns it. A run takes the next epoch by creating epochs/E, and then removes the directories in which earlier runs
 * prepare their entries: an entry is written to run-E/ and renamed into its log, so whatever an earlier run still tries to
 * write fails, whichever step it is at, and no entry is ever replaced.
 */
export class Checkpoint {
  readonly location: string;
  readonly epoch: number;
  readonly metadata: QueryMetadata;
  readonly #fileSystem: FileSystem;
  #oldest: number | undefined;

  private constructor(fileSystem: FileSystem, location: string, epoch: number, metadata: QueryMetadata) {
    this.#fileSystem = fileSystem;
    this.location = location;
    this.epoch = epoch;
    this.metadata = metadata;
  }

  /** Errors: CHECKPOINT_MISMATCH, METADATA_DAMAGED. */
  static async open(
    fileSystem: FileSystem,
    given: string,
    query: Omit<QueryMetadata, 'id'>,
  ): Promise<Checkpoint> {
    await fileSystem.mkdir(given);
    // Without an authority: what a listing answers is compared with it.
    const location = (await fileSystem.stat(given)).path;
    const kept = await readIfThere(fileSystem, `${location}/metadata`);
    if (kept !== undefined)
      checkMetadata(decodeEntry<QueryMetadata>(kept, `${location}/metadata`), query, location);
    for (const name of ['epochs', 'offsets', 'commits', 'state', 'outputs'])
      await fileSystem.mkdir(`${location}/${name}`);
    const epoch = await takeEpoch(fileSystem, location);
    await fileSystem.mkdir(`${location}/run-${epoch}`);
    for (const number of await numbersIn(fileSystem, `${location}/epochs`)) {
      if (number < epoch) await fileSystem.delete(`${location}/run-${number}`, { recursive: true });
    }
    const metadata = await takeMetadata(fileSystem, location, epoch, query);
    return new Checkpoint(fileSystem, location, epoch, metadata);
  }

  /** Of a checkpoint that is there already. */
  static async keptMetadata(fileSystem: FileSystem, location: string): Promise<QueryMetadata | undefined> {
    const kept = await readIfThere(fileSystem, `${location}/metadata`);
    return kept === undefined ? undefined : decodeEntry<QueryMetadata>(kept, `${location}/metadata`);
  }

  /** The newest entries; a batch that was begun and not committed has offsets alone. */
  async latest(): Promise<{
    readonly offsets: OffsetEntry | undefined;
    readonly commit: CommitEntry | undefined;
  }> {
    const [offsets, commits] = await Promise.all([this.#numbers('offsets'), this.#numbers('commits')]);
    const begun = offsets.at(-1);
    const done = commits.at(-1);
    this.#oldest = Math.min(offsets[0] ?? 0, commits[0] ?? 0);
    return {
      offsets: begun === undefined ? undefined : await this.#read<OffsetEntry>('offsets', begun),
      commit: done === undefined ? undefined : await this.#read<CommitEntry>('commits', done),
    };
  }

  /** Every entry of the offset log that is kept, the oldest first. */
  async allOffsets(): Promise<OffsetEntry[]> {
    const numbers = await this.#numbers('offsets');
    return Promise.all(numbers.map((number) => this.#read<OffsetEntry>('offsets', number)));
  }

  /** Errors: FENCED when another run has taken the checkpoint over. */
  writeOffsets(entry: OffsetEntry): Promise<void> {
    return this.#append('offsets', entry.batchId, entry);
  }

  /** Errors: FENCED. */
  writeCommit(entry: CommitEntry): Promise<void> {
    return this.#append('commits', entry.batchId, entry);
  }

  statePath(operator: number, partition: number, batchId: number, kind: 'delta' | 'snapshot'): string {
    return `${this.location}/state/${operator}/${partition}/${batchId}.${kind}-${this.epoch}`;
  }

  /** What a sink was given, for as long as it may ask for it again. */
  outputPath(batchId: number): string {
    return `${this.location}/outputs/${batchId}`;
  }

  async writeOutput(batchId: number, content: Buffer): Promise<void> {
    // The content of a batch is the same in every run: an earlier attempt's file is replaced by its equal.
    await this.#fileSystem.writeFile(this.outputPath(batchId), content, { overwrite: true });
  }

  /** Undefined when it is no longer kept. */
  async readOutput(batchId: number): Promise<Buffer | undefined> {
    try {
      return await this.#fileSystem.readFile(this.outputPath(batchId));
    } catch (thrown) {
      if (hasCode(thrown, 'FILE_NOT_FOUND')) return undefined;
      throw thrown;
    }
  }

  /** Takes away entries and outputs of batches that are older than what is kept. */
  async purge(batchId: number): Promise<void> {
    const until = batchId - BATCHES_KEPT;
    for (let number = this.#oldest ?? 0; number <= until; number++) {
      await this.#fileSystem.delete(`${this.location}/offsets/${number}`);
      await this.#fileSystem.delete(`${this.location}/commits/${number}`);
      await this.#fileSystem.delete(this.outputPath(number));
      this.#oldest = number + 1;
    }
  }

  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) await this.#fileSystem.delete(path);
  }

  /** Files of the state that no entry names: an attempt that did not count, or a run that ended between its steps, left them. */
  async sweepState(named: ReadonlySet<string>): Promise<void> {
    for await (const operator of this.#list(`${this.location}/state`)) {
      for await (const partition of this.#list(operator)) {
        for await (const file of this.#list(partition))
          if (!named.has(file)) await this.#fileSystem.delete(file);
      }
    }
  }

  async *#list(path: string): AsyncGenerator<string> {
    for await (const entry of this.#fileSystem.list(path)) if (entry.path !== path) yield entry.path;
  }

  async #append(
    log: 'offsets' | 'commits',
    batchId: number,
    entry: OffsetEntry | CommitEntry,
  ): Promise<void> {
    const prepared = `${this.location}/run-${this.epoch}/${log}-${batchId}`;
    try {
      await this.#fileSystem.writeFile(prepared, encodeEntry(entry), {
        createParents: false,
        overwrite: true,
      });
      await this.#fileSystem.rename(prepared, `${this.location}/${log}/${batchId}`);
    } catch (thrown) {
      if (hasCode(thrown, 'FILE_NOT_FOUND', 'FILE_EXISTS')) {
        throw new QuarryError('FENCED', `another run has taken over the checkpoint ${this.location}`, {
          cause: thrown,
        });
      }
      throw thrown;
    }
  }

  async #read<Entry extends OffsetEntry | CommitEntry>(
    log: 'offsets' | 'commits',
    batchId: number,
  ): Promise<Entry> {
    const path = `${this.location}/${log}/${batchId}`;
    return decodeEntry<Entry>((await this.#fileSystem.readFile(path)).toString(), path);
  }

  #numbers(log: 'offsets' | 'commits'): Promise<number[]> {
    return numbersIn(this.#fileSystem, `${this.location}/${log}`);
  }
}

async function numbersIn(fileSystem: FileSystem, directory: string): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { path } of fileSystem.list(directory)) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (/^\d+$/.test(name)) numbers.push(Number(name));
  }
  return numbers.toSorted((a, b) => a - b);
}

/** One run gets each number: creating a file that exists fails. */
async function takeEpoch(fileSystem: FileSystem, location: string): Promise<number> {
  for (;;) {
    const epoch = ((await numbersIn(fileSystem, `${location}/epochs`)).at(-1) ?? 0) + 1;
    try {
      await fileSystem.writeFile(`${location}/epochs/${epoch}`, '');
      return epoch;
    } catch (thrown) {
      if (!hasCode(thrown, 'FILE_EXISTS', 'LEASE_HELD')) throw thrown;
    }
  }
}

async function takeMetadata(
  fileSystem: FileSystem,
  location: string,
  epoch: number,
  query: Omit<QueryMetadata, 'id'>,
): Promise<QueryMetadata> {
  const path = `${location}/metadata`;
  const kept = await readIfThere(fileSystem, path);
  if (kept !== undefined) return decodeEntry<QueryMetadata>(kept, path);
  const metadata = { id: randomUUID(), ...query };
  const prepared = `${location}/run-${epoch}/metadata`;
  await fileSystem.writeFile(prepared, encodeEntry(metadata), { createParents: false });
  await fileSystem.rename(prepared, path);
  return metadata;
}

async function readIfThere(fileSystem: FileSystem, path: string): Promise<string | undefined> {
  try {
    return (await fileSystem.readFile(path)).toString();
  } catch (thrown) {
    if (hasCode(thrown, 'FILE_NOT_FOUND')) return undefined;
    throw thrown;
  }
}
