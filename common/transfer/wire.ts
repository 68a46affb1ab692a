import type { Duplex } from 'node:stream';
import { assert } from '../assert.ts';
import { QuarryError } from '../quarry-error.ts';
import type { Clock, Timer } from '../seams/clock.ts';
import type { ByteSource } from '../seams/net.ts';
import { MESSAGE_BYTES_MAX, protocolViolation } from './protocol.ts';

/** Received bytes that nobody waits for: beyond that the stream is paused. */
const BUFFER_BYTES = 512 * 1024;
/** Idle buffers of that size kept for all connections. */
const IDLE_MAX = 8;
const idleBuffers: Buffer[] = [];
/** After a deadline the loop gets that long to hand over what already lies in the socket: this process may be what stood still. */
const GRACE_MS = 50;

/**
 * One connection, read by byte counts and written by lists of buffers. What a reader waits for is received into its own
 * buffer; what comes before it asks waits in one that is used again. One reader at a time. A failed stream is PEER_UNREACHABLE, silence DEADLINE; bytes that came before are still readable.
 */
export class Wire {
  readonly stream: Duplex;
  readonly #clock: Clock;
  #buffer: Buffer | undefined;
  #start = 0;
  #end = 0;
  #wanted = 0;
  /** What the reader has asked to be filled, and how much of it is. */
  #target: Buffer | undefined;
  #filled = 0;
  #discards = false;
  #ended = false;
  #failure: QuarryError | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriters: (() => void)[] = [];

  constructor(stream: Duplex, clock: Clock) {
    this.stream = stream;
    this.#clock = clock;
    const received = (view: Buffer) => this.#received(view);
    const source = stream as Partial<ByteSource>;
    if (source.receive === undefined) stream.on('data', received);
    else source.receive(received);
    stream.on('end', () => {
      this.#ended = true;
      this.#wakeReader?.();
    });
    stream.on('error', (cause: Error) => this.#fail(cause));
    stream.on('close', () => this.#fail(undefined));
    stream.on('drain', () => this.#wakeAllWriters());
  }

  get bufferedBytes(): number {
    return this.#end - this.#start;
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
    while (this.bufferedBytes < count) {
      if (this.#ended && this.bufferedBytes === 0) return false;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) throw closedByPeer();
      this.#wanted = count;
      this.stream.resume();
      await this.#data(timeoutMs);
    }
    return true;
  }

  /** The next `count` bytes, which must be there. */
  take(count: number): Buffer {
    assert(count <= this.bufferedBytes, 'more bytes taken than there are');
    const taken = Buffer.allocUnsafe(count);
    this.#moveTo(taken);
    return taken;
  }

  /** Fills `target` with the next bytes. Errors as `fill`. */
  async readInto(target: Buffer, timeoutMs: number): Promise<void> {
    this.#filled = this.#moveTo(target);
    this.#target = target;
    try {
      while (this.#filled < target.length) {
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#ended) throw closedByPeer();
        this.stream.resume();
        await this.#data(timeoutMs);
      }
    } finally {
      this.#target = undefined;
    }
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
    this.#discards = true;
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

  #received(view: Buffer): void {
    if (this.#discards) return;
    const target = this.#target;
    let at = 0;
    if (target !== undefined) {
      at = view.copy(target, this.#filled);
      this.#filled += at;
    }
    if (at < view.length) this.#keep(at === 0 ? view : view.subarray(at));
    if (this.bufferedBytes >= BUFFER_BYTES / 2 && this.bufferedBytes >= this.#wanted) this.stream.pause();
    if (target === undefined ? this.bufferedBytes >= this.#wanted : this.#filled === target.length)
      this.#wakeReader?.();
  }

  #keep(bytes: Buffer): void {
    const needed = this.bufferedBytes + bytes.length;
    let buffer = (this.#buffer ??= idleBuffers.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES));
    if (this.#end + bytes.length > buffer.length) {
      const larger = needed > buffer.length ? Buffer.allocUnsafeSlow(needed * 2) : buffer;
      buffer.copy(larger, 0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
      this.#buffer = larger;
      buffer = larger;
    }
    this.#end += bytes.copy(buffer, this.#end);
  }

  /** As many of the buffered bytes as there are and fit. */
  #moveTo(target: Buffer): number {
    if (this.#buffer === undefined) return 0;
    const count = this.#buffer.copy(target, 0, this.#start, this.#end);
    this.#start += count;
    if (this.#start === this.#end) {
      if (this.#buffer.length === BUFFER_BYTES && idleBuffers.length < IDLE_MAX)
        idleBuffers.push(this.#buffer);
      this.#buffer = undefined;
      this.#start = 0;
      this.#end = 0;
    }
    if (this.bufferedBytes < BUFFER_BYTES / 4 && this.stream.isPaused()) this.stream.resume();
    return count;
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
