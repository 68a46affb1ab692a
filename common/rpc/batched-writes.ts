/** A message larger than that is not added to: what waits behind it goes in the next one. */
const BATCH_BYTES_MAX = 256 * 1024;
/** The reader stops between messages only. */
const BATCH_FRAMES_MAX = 512;
/** Few messages wait inside the stream: what is held back here is joined to one. */
const STREAM_MESSAGES_MAX = 2;

interface Sink {
  write(message: Buffer, done: (error?: Error | null) => void): unknown;
}

/** Joins what is sent while the process is busy, or the peer slow, into few messages. Order is kept. */
export class BatchedWrites<Frame> {
  readonly #sink: Sink;
  readonly #encode: (frames: readonly Frame[]) => Buffer;
  readonly #bytesOf: (frame: Frame) => number;
  readonly #drained: () => void;
  #waiting: Frame[] = [];
  #scheduled = false;
  #writing = 0;

  /** `drained` is called each time when everything is on its way. */
  constructor(
    sink: Sink,
    parts: {
      encode: (frames: readonly Frame[]) => Buffer;
      bytesOf: (frame: Frame) => number;
      drained: () => void;
    },
  ) {
    this.#sink = sink;
    this.#encode = parts.encode;
    this.#bytesOf = parts.bytesOf;
    this.#drained = parts.drained;
  }

  /** Frames that the stream has not taken yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  send(frame: Frame): void {
    this.#waiting.push(frame);
    if (this.#scheduled || this.#writing >= STREAM_MESSAGES_MAX) return;
    this.#scheduled = true;
    // Whatever else this turn of the loop sends joins the message.
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#waiting.length > 0 && this.#writing < STREAM_MESSAGES_MAX) {
      this.#writing++;
      this.#sink.write(this.#encode(this.#take()), () => {
        this.#writing--;
        if (!this.#scheduled) this.#flush();
        if (this.#waiting.length === 0) this.#drained();
      });
    }
  }

  #take(): readonly Frame[] {
    let bytes = 0;
    let frames = 0;
    while (frames < Math.min(this.#waiting.length, BATCH_FRAMES_MAX) && bytes < BATCH_BYTES_MAX) {
      bytes += this.#bytesOf(this.#waiting[frames++]!);
    }
    const taken = this.#waiting.slice(0, frames);
    this.#waiting = this.#waiting.slice(frames);
    return taken;
  }
}
