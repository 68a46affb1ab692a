import type { Seams } from '../../common/seams/seams.ts';
import type { Timer } from '../../common/seams/clock.ts';

const MiB = 1024 * 1024;
/** Without a write for that long, everything is flushed. */
const QUIET_MS = 5_000;
/** Bytes that came slower than one write buffer in this time are flushed as soon as they are worth a table. */
const SLOW_MS = 10_000;
const TABLE_BYTES_MIN = 4 * MiB;

/**
 * Frees the memory of written bytes that LevelDB still holds: when no writes come any more, and while they come slowly.
 * A stream of small files would else fill a write buffer that is as large as it is for the sake of bulk writes only.
 */
export class MemtableFlush {
  readonly #seams: Pick<Seams, 'clock' | 'log'>;
  readonly #writeBufferBytes: number;
  readonly #flush: () => Promise<void>;
  #timer: Timer | undefined;
  #lastMs = 0;
  /** Whether there were writes since the last flush; when the first came, and how many bytes in all. */
  #isDirty = false;
  #firstMs = 0;
  #bytes = 0;

  constructor(seams: Pick<Seams, 'clock' | 'log'>, writeBufferBytes: number, flush: () => Promise<void>) {
    this.#seams = seams;
    this.#writeBufferBytes = writeBufferBytes;
    this.#flush = flush;
  }

  /** So many bytes are being written. Answers when, monotonic. */
  wrote(bytes: number): number {
    this.#lastMs = this.#seams.clock.monoMs();
    if (this.#bytes === 0) this.#firstMs = this.#lastMs;
    this.#isDirty = true;
    this.#bytes += bytes;
    if (this.#timer === undefined) this.#arm(QUIET_MS);
    return this.#lastMs;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #arm(delayMs: number): void {
    this.#timer = this.#seams.clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      const nowMs = this.#seams.clock.monoMs();
      const quietInMs = this.#lastMs + QUIET_MS - nowMs;
      if (quietInMs <= 0) {
        if (this.#isDirty) this.#start();
        return;
      }
      if (nowMs - this.#firstMs >= SLOW_MS) {
        // A buffer full and more has been flushed by LevelDB itself: they do not come slowly.
        if (this.#bytes >= this.#writeBufferBytes) this.#bytes = 0;
        else if (this.#bytes >= TABLE_BYTES_MIN) this.#start();
      }
      this.#arm(quietInMs);
    });
  }

  #start(): void {
    this.#isDirty = false;
    this.#bytes = 0;
    this.#flush().catch((thrown: unknown) => this.#seams.log.warn({ err: thrown }, 'store.flush-failed'));
  }
}
