import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { DiskSpace } from '../../common/seams/disk.ts';
import type { Seams } from '../../common/seams/seams.ts';

const MiB = 1024 * 1024;
/** How often a full disk is looked at again, and how old a known amount of free space may be. */
const LOOK_AGAIN_MS = 1_000;
/** Free space that reopening after a full disk waits for: less would be full again at once. */
const REOPEN_FREE_BYTES = 256 * MiB;

/**
 * Whether the store may write. After a failed write LevelDB refuses all others until it is opened again (research:
 * storage, fact 6): a full disk is opened again once there is space; any other failure lasts until a restart, because
 * what a failed write or fsync left behind is not known.
 */
export class WriteGate {
  readonly #seams: Pick<Seams, 'disk' | 'clock' | 'log'>;
  readonly #reserveShare: number;
  readonly #reopen: () => Promise<void>;
  #failure: QuarryError | undefined;
  #nextLookMs = 0;
  #reopening: Promise<void> | undefined;
  #space: { readonly atMs: number; readonly space: DiskSpace } | undefined;

  constructor(
    seams: Pick<Seams, 'disk' | 'clock' | 'log'>,
    reserveShare: number,
    reopen: () => Promise<void>,
  ) {
    this.#seams = seams;
    this.#reserveShare = reserveShare;
    this.#reopen = reopen;
  }

  get failure(): QuarryError | undefined {
    return this.#failure;
  }

  /** Passes every failure through, and remembers those of the disk. */
  failed(thrown: unknown): unknown {
    if (!hasCode(thrown, 'NO_SPACE', 'DISK_FAILED')) return thrown;
    if (thrown.details['reserve'] === true || this.#failure !== undefined) return thrown;
    this.#failure = thrown;
    this.#nextLookMs = this.#seams.clock.monoMs() + LOOK_AGAIN_MS;
    this.#seams.log.error({ err: thrown }, 'store.read-only');
    return thrown;
  }

  /** Errors: NO_SPACE, DISK_FAILED while writes are refused. */
  async admit(): Promise<void> {
    if (this.#failure === undefined) return;
    if (this.#failure.code === 'NO_SPACE' && this.#seams.clock.monoMs() >= this.#nextLookMs) {
      this.#reopening ??= this.#tryReopen().finally(() => {
        this.#reopening = undefined;
      });
      await this.#reopening;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The same, and NO_SPACE when the disk is too full for a new block. */
  async admitBlock(): Promise<void> {
    await this.admit();
    const { freeBytes, capacityBytes } = await this.#known();
    if (freeBytes >= capacityBytes * this.#reserveShare) return;
    throw new QuarryError(
      'NO_SPACE',
      `this datanode keeps ${Math.round(this.#reserveShare * 100)} % of its disk free and has reached that: write to another`,
      { details: { reserve: true, freeBytes } },
    );
  }

  async #tryReopen(): Promise<void> {
    this.#nextLookMs = this.#seams.clock.monoMs() + LOOK_AGAIN_MS;
    const { freeBytes, capacityBytes } = await this.#seams.disk.space();
    if (freeBytes < Math.min(REOPEN_FREE_BYTES, capacityBytes / 4)) return;
    try {
      await this.#reopen();
      this.#failure = undefined;
      this.#seams.log.info({ freeBytes }, 'store.writable');
    } catch (thrown) {
      this.#seams.log.error({ err: thrown }, 'store.reopen-failed');
    }
  }

  async #known(): Promise<DiskSpace> {
    const nowMs = this.#seams.clock.monoMs();
    if (this.#space === undefined || nowMs - this.#space.atMs > LOOK_AGAIN_MS) {
      this.#space = { atMs: nowMs, space: await this.#seams.disk.space() };
    }
    return this.#space.space;
  }
}
