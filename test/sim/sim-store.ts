import { MemoryLevel } from 'memory-level';
import type { LevelStore, Store } from '../../common/seams/disk.ts';
import type { SimRandom } from './sim-random.ts';

type Operation = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer };

/** One atomic write, as a record of a log file. */
interface Record {
  readonly operations: readonly Operation[];
  synced: boolean;
}

/** Operations of one store before its log is rotated, so that un-synced writes spread over several files. */
const LOG_RECORDS = 24;
/** Rotated logs whose table has not been written yet: LevelDB has at most one, a margin makes the hole wider. */
const ROTATED_LOGS_MAX = 2;

/**
 * What a directory of LevelDB keeps over a crash. Writes go to a log; a synced write makes its own log file durable,
 * and only that one: records in an older rotated log are lost with a power cut until `syncLogs` or the background flush.
 */
export class SimStoreFiles {
  #durable = new Map<string, Operation>();
  /** The logs not flushed yet, the open one last. */
  #logs: Record[][] = [[]];
  readonly #syncsLogs: boolean;

  /** `syncsLogs` false: a disk whose `syncLogs` does nothing, to see that the checks notice. */
  constructor(syncsLogs: boolean) {
    this.#syncsLogs = syncsLogs;
  }

  open(isAlive: () => boolean): Store {
    const db = new SimLevel((operations, sync) => {
      if (isAlive()) this.#append(operations, sync);
    });
    for (const operation of this.#durable.values())
      if (operation.type === 'put') db.seed(operation.key, operation.value);
    return {
      db: db as unknown as LevelStore,
      syncLogs: async () => {
        if (!this.#syncsLogs) return;
        for (const log of this.#logs) for (const record of log) record.synced = true;
      },
      close: async () => {
        // A clean close loses nothing: the logs stay and are replayed at the next open.
        await db.close();
        this.#flush(this.#logs.flat());
        this.#logs = [[]];
      },
    };
  }

  /** What is left after the power went: of each log file the synced records and a prefix of the rest. */
  crash(random: SimRandom): void {
    const kept = this.#logs.flatMap((log) => {
      const lastSynced = log.findLastIndex((record) => record.synced);
      return log.slice(0, lastSynced + 1 + random.int(log.length - lastSynced));
    });
    this.#flush(kept);
    this.#logs = [[]];
  }

  #append(operations: readonly Operation[], sync: boolean): void {
    const open = this.#logs.at(-1)!;
    open.push({ operations, synced: false });
    if (sync) for (const record of open) record.synced = true;
    if (open.length < LOG_RECORDS) return;
    this.#logs.push([]);
    while (this.#logs.length > ROTATED_LOGS_MAX) this.#flush(this.#logs.shift()!);
  }

  #flush(records: readonly Record[]): void {
    for (const operation of records.flatMap((record) => record.operations)) {
      const key = operation.key.toString('latin1');
      if (operation.type === 'put') this.#durable.set(key, operation);
      else this.#durable.delete(key);
    }
  }
}

class SimLevel extends MemoryLevel<Buffer, Buffer> {
  readonly #wrote: (operations: readonly Operation[], sync: boolean) => void;
  readonly #base = {
    put: Reflect.get(MemoryLevel.prototype, '_put') as (
      key: Buffer,
      value: Buffer,
      options: object,
    ) => Promise<void>,
    del: Reflect.get(MemoryLevel.prototype, '_del') as (key: Buffer, options: object) => Promise<void>,
    batch: Reflect.get(MemoryLevel.prototype, '_batch') as (
      operations: object[],
      options: object,
    ) => Promise<void>,
  };

  constructor(wrote: (operations: readonly Operation[], sync: boolean) => void) {
    super({ keyEncoding: 'buffer', valueEncoding: 'buffer' });
    this.#wrote = wrote;
  }

  /** Content from before this open. */
  seed(key: Buffer, value: Buffer): void {
    void this.#base.put.call(this, key, value, {});
  }

  async _put(key: Buffer, value: Buffer, options: { sync?: boolean }): Promise<void> {
    this.#wrote([{ type: 'put', key: Buffer.from(key), value: Buffer.from(value) }], options.sync === true);
    await this.#base.put.call(this, key, Buffer.from(value), options);
  }

  async _del(key: Buffer, options: { sync?: boolean }): Promise<void> {
    this.#wrote([{ type: 'del', key: Buffer.from(key) }], options.sync === true);
    await this.#base.del.call(this, key, options);
  }

  async _batch(operations: Operation[], options: { sync?: boolean }): Promise<void> {
    const copies = operations.map((operation): Operation => {
      if (operation.type === 'del') return { type: 'del', key: Buffer.from(operation.key) };
      return { type: 'put', key: Buffer.from(operation.key), value: Buffer.from(operation.value) };
    });
    this.#wrote(copies, options.sync === true);
    await this.#base.batch.call(this, copies, options);
  }

  _clear(): Promise<void> {
    throw new Error('clear() is not simulated: delete by batches');
  }
}
