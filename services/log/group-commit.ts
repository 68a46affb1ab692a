import type { LevelStore } from '../../common/seams/disk.ts';
import type { Proc } from '../../common/seams/proc.ts';
import type { Write } from './commands.ts';

interface Batch {
  readonly writes: Write[];
  readonly done: Promise<void>;
  readonly settle: () => void;
}

/**
 * Makes writes durable in the order they are given: one batch is in flight, the next collects meanwhile, so that producers
 * share a sync. A batch that fails leaves the process nothing to go on with: what LevelDB kept of it is unknown, and an
 * fsync that failed once may lie the next time.
 */
export class GroupCommit {
  readonly #db: LevelStore;
  readonly #proc: Proc;
  #collecting = newBatch();
  #inFlight: Promise<void> | undefined;
  #draining = false;

  constructor(db: LevelStore, proc: Proc) {
    this.#db = db;
    this.#proc = proc;
  }

  /** Resolves when these writes, and all given earlier, survive a power cut. */
  durable(writes: readonly Write[]): Promise<void> {
    if (writes.length === 0 && this.#collecting.writes.length === 0)
      return this.#inFlight ?? Promise.resolve();
    const batch = this.#collecting;
    for (const write of writes) batch.writes.push(write);
    if (!this.#draining) void this.#drain();
    return batch.done;
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    // Whatever else this turn gives joins the batch.
    await Promise.resolve();
    while (this.#collecting.writes.length > 0) {
      const batch = this.#collecting;
      this.#collecting = newBatch();
      this.#inFlight = batch.done;
      await this.#write(batch.writes);
      batch.settle();
    }
    this.#inFlight = undefined;
    this.#draining = false;
  }

  async #write(writes: readonly Write[]): Promise<void> {
    const operations = this.#db.batch();
    for (const { key, value } of writes) {
      if (value === undefined) operations.del(key);
      else operations.put(key, value);
    }
    try {
      // The option is LevelDB's own: the common type does not know it, and a store in memory ignores it.
      await operations.write({ sync: true } as object);
    } catch (thrown) {
      this.#proc.abort('log.write-failed', thrown);
    }
  }
}

function newBatch(): Batch {
  let settle: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { writes: [], done, settle };
}
