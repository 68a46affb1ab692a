import { assert } from '../../common/assert.ts';
import type { BlockRangeReader } from './block-range-reader.ts';

interface Piece {
  readonly data: Buffer;
  readonly servedBy: string | undefined;
}

/** A short range of a block, read into memory as fast as it comes once it is started, whether or not someone waits for it. */
export class Stretch {
  /** Of the whole range. */
  readonly lengthBytes: number;
  readonly #source: BlockRangeReader;
  readonly #pieces: Piece[] = [];
  #outcome: (() => undefined) | undefined;
  #started = false;
  #wake: (() => void) | undefined;

  constructor(source: BlockRangeReader) {
    this.#source = source;
    this.lengthBytes = source.leftBytes;
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#fill();
  }

  /** Undefined at the end. Errors: as BlockRangeReader.read, after the bytes that came before. One caller at a time. */
  async read(): Promise<Piece | undefined> {
    this.start();
    while (this.#pieces.length === 0) {
      if (this.#outcome !== undefined) return this.#outcome();
      assert(this.#wake === undefined, 'two readers of one stretch');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#pieces.shift();
  }

  close(): void {
    this.#pieces.length = 0;
    this.#source.close();
  }

  async #fill(): Promise<void> {
    try {
      for (let data = await this.#source.read(); data !== undefined; data = await this.#source.read()) {
        this.#pieces.push({ data, servedBy: this.#source.servedBy });
        this.#awaken();
      }
      this.#outcome = () => undefined;
    } catch (thrown) {
      this.#outcome = () => {
        throw thrown;
      };
    }
    this.#awaken();
  }

  #awaken(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
