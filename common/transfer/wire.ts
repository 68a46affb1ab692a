import type { Duplex } from 'node:stream';
import { assert } from '../assert.ts';
import { QuarryError } from '../quarry-error.ts';
import type { Clock, Timer } from '../seams/clock.ts';
import { MESSAGE_BYTES_MAX, protocolViolation } from './protocol.ts';

/** Received bytes held before the stream is paused; a longer message is read in full all the same. */
const BUFFER_BYTES = 1024 * 1024;
/** After a deadline the loop gets that long to hand over what already lies in the socket: this process may be what stood still. */
const GRACE_MS = 50;

/**
 * One connection, read by byte counts and written by lists of buffers. Received buffers are handed on in pieces, not
 * joined. One reader at a time. A failed stream is PEER_UNREACHABLE, silence DEADLINE; bytes that came before are still readable.
 */
export class Wire {
  readonly stream: Duplex;
  readonly #clock: Clock;
  readonly #chunks: Buffer[] = [];
  #head = 0; // offset into the first chunk
  #buffered = 0;
  #wanted = 0;
  #ended = false;
  #failure: QuarryError | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriters: (() => void)[] = [];

  constructor(stream: Duplex, clock: Clock) {
    this.stream = stream;
    this.#clock = clock;
    stream.on('data', (chunk: Buffer) => this.#received(chunk));
    stream.on('end', () => {
      this.#ended = true;
      this.#wakeReader?.();
    });
    stream.on('error', (cause: Error) => this.#fail(cause));
    stream.on('close', () => this.#fail(undefined));
    stream.on('drain', () => this.#wakeAllWriters());
  }

  get bufferedBytes(): number {
    return this.#buffered;
  }

  /** True when nothing more can be read or written. */
  get closed(): boolean {
    return this.#failure !== undefined || this.#ended || this.stream.destroyed;
  }

  /** Waits until `count` bytes are there. Errors: PEER_UNREACHABLE when the stream ends before, DEADLINE. */
  async fill(count: number, timeoutMs: number): Promise<void> {
    if (!(await this.more(count, timeoutMs))) throw closedByPeer();
  }

  /** As `fill`, but false when the peer has ended the stream before the first of these bytes. */
  async more(count: number, timeoutMs: number): Promise<boolean> {
    while (this.#buffered < count) {
      if (this.#ended && this.#buffered === 0) return false;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) throw closedByPeer();
      this.#wanted = count;
      this.stream.resume();
      await this.#data(timeoutMs);
    }
    return true;
  }

  /** The next `count` bytes, which must be there, as slices of what was received. */
  takeParts(count: number): Buffer[] {
    assert(count <= this.#buffered, 'more bytes taken than there are');
    const parts: Buffer[] = [];
    let missing = count;
    while (missing > 0) {
      const chunk = this.#chunks[0]!;
      const end = Math.min(chunk.length, this.#head + missing);
      parts.push(this.#head === 0 && end === chunk.length ? chunk : chunk.subarray(this.#head, end));
      missing -= end - this.#head;
      this.#head = end;
      if (end === chunk.length) {
        this.#chunks.shift();
        this.#head = 0;
      }
    }
    this.#buffered -= count;
    if (this.#buffered < BUFFER_BYTES / 2 && this.stream.isPaused()) this.stream.resume();
    return parts;
  }

  /** The next `count` bytes in one piece; copied only when they lie in several. */
  take(count: number): Buffer {
    const parts = this.takeParts(count);
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts, count);
  }

  /** A message after its length as a varint. Errors as `fill`; PEER_UNREACHABLE when it is longer than any real one. */
  async readDelimited(timeoutMs: number): Promise<Buffer> {
    let length = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      if (shift > 28) throw protocolViolation('a message length of more than five bytes');
      await this.fill(1, timeoutMs);
      const byte = this.take(1)[0]!;
      length += (byte & 127) * 2 ** shift;
      more = byte > 127;
    }
    if (length > MESSAGE_BYTES_MAX) throw protocolViolation(`a message of ${length} bytes`);
    await this.fill(length, timeoutMs);
    return length === 0 ? Buffer.alloc(0) : this.take(length);
  }

  /** Sends in one system call where the stream can. What it cannot take at once it queues: see `drained`. */
  send(buffers: readonly Buffer[]): void {
    if (this.stream.destroyed || this.stream.writableEnded) return;
    this.stream.cork();
    for (const buffer of buffers) this.stream.write(buffer);
    this.stream.uncork();
  }

  /** Waits until the stream takes more. Errors: PEER_UNREACHABLE, DEADLINE. */
  async drained(timeoutMs: number): Promise<void> {
    while (this.stream.writableNeedDrain) {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#waitFor((wake) => this.#wakeWriters.push(wake), timeoutMs);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Sends what is queued, then the end; input is thrown away until the peer ends too or `lingerMs` have passed, so that no reset overtakes the last answer. */
  endGracefully(lingerMs: number): void {
    const { stream } = this;
    if (stream.destroyed) return;
    stream.removeAllListeners('data');
    stream.on('data', () => undefined);
    stream.resume();
    stream.end();
    const timer = this.#clock.setTimer(lingerMs, () => stream.destroy());
    stream.once('close', () => timer.cancel());
    stream.once('end', () => stream.destroy());
    if (this.#ended) stream.once('finish', () => stream.destroy());
  }

  destroy(): void {
    this.stream.destroy();
  }

  #received(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    if (this.#buffered >= BUFFER_BYTES && this.#buffered >= this.#wanted) this.stream.pause();
    if (this.#buffered >= this.#wanted) this.#wakeReader?.();
  }

  #fail(cause: Error | undefined): void {
    if (this.#failure === undefined) {
      this.#failure =
        cause instanceof QuarryError
          ? cause
          : new QuarryError(
              'PEER_UNREACHABLE',
              `the connection broke: ${cause?.message ?? 'it was closed'}`,
              {
                cause,
              },
            );
    }
    this.#wakeReader?.();
    this.#wakeAllWriters();
  }

  #wakeAllWriters(): void {
    const waiting = this.#wakeWriters;
    this.#wakeWriters = [];
    for (const wake of waiting) wake();
  }

  async #data(timeoutMs: number): Promise<void> {
    try {
      await this.#waitFor((wake) => {
        assert(this.#wakeReader === undefined, 'two readers of one connection');
        this.#wakeReader = wake;
      }, timeoutMs);
    } finally {
      this.#wakeReader = undefined;
    }
  }

  #waitFor(register: (wake: () => void) => void, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: Timer = this.#clock.setTimer(timeoutMs, () => {
        timer = this.#clock.setTimer(GRACE_MS, () => {
          reject(new QuarryError('DEADLINE', `the peer was silent for ${timeoutMs} ms`));
        });
      });
      register(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}

function closedByPeer(): QuarryError {
  return new QuarryError('PEER_UNREACHABLE', 'the peer closed the connection');
}
