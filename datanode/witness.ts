import type { Clock } from '../common/seams/clock.ts';
import type { Disk } from '../common/seams/disk.ts';

const FILE = 'WITNESS';
/** The transaction id rises all the time; a namenode that was rolled back by less than that is seen by its own chain. */
const WRITE_EVERY_MS = 30_000;

export interface NamenodeState {
  readonly epoch: number;
  readonly txid: number;
}

/**
 * The highest state of the namenode that this datanode has been told, kept over restarts: a namenode that comes back
 * with less has lost acknowledged operations, or is not the one that rules.
 */
export class Witness {
  readonly #disk: Disk;
  readonly #clock: Clock;
  #highest: NamenodeState;
  #written: NamenodeState;
  #writtenMs: number;
  #writing: Promise<void> = Promise.resolve();

  private constructor(disk: Disk, clock: Clock, state: NamenodeState) {
    this.#disk = disk;
    this.#clock = clock;
    this.#highest = state;
    this.#written = state;
    this.#writtenMs = clock.monoMs();
  }

  static async open(disk: Disk, clock: Clock): Promise<Witness> {
    const content = await disk.readFile(FILE);
    return new Witness(disk, clock, content === undefined ? { epoch: 0, txid: 0 } : parse(content));
  }

  get highest(): NamenodeState {
    return this.#highest;
  }

  /** False for an older namenode, whose orders must not be followed. */
  observe(epoch: number, txid: number): boolean {
    if (epoch < this.#highest.epoch) return false;
    const isNewEpoch = epoch > this.#highest.epoch;
    this.#highest = { epoch, txid: Math.max(txid, this.#highest.txid) };
    if (isNewEpoch || this.#clock.monoMs() - this.#writtenMs > WRITE_EVERY_MS) this.#write();
    return true;
  }

  async close(): Promise<void> {
    this.#write();
    await this.#writing;
  }

  #write(): void {
    this.#writtenMs = this.#clock.monoMs();
    this.#writing = this.#writing.then(async () => {
      if (this.#written === this.#highest) return;
      const state = this.#highest;
      await this.#disk.writeFileDurably(FILE, Buffer.from(`${JSON.stringify(state)}\n`));
      this.#written = state;
    });
  }
}

/** A damaged witness knows nothing: it guards against the namenode's losses, not the datanode's. */
function parse(content: Buffer): NamenodeState {
  try {
    const { epoch, txid } = JSON.parse(content.toString()) as Partial<NamenodeState>;
    return { epoch: Number.isSafeInteger(epoch) ? epoch! : 0, txid: Number.isSafeInteger(txid) ? txid! : 0 };
  } catch {
    return { epoch: 0, txid: 0 };
  }
}
