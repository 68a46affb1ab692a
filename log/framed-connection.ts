import type { Duplex } from 'node:stream';
import { QuarryError } from '../common/quarry-error.ts';
import type { Net } from '../common/seams/net.ts';
import { FrameReader, readFrames, writeFrame } from './frame-reader.ts';

/** Answers are bounded by what is asked for; one batch may be larger than that. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

interface Waiting {
  readonly resolve: (answer: Buffer) => void;
  readonly reject: (error: QuarryError) => void;
}

/** Requests and answers in frames over one stream; answers come in the order of the requests. */
export class FramedConnection {
  readonly address: string;
  readonly #stream: Duplex;
  readonly #waiting: Waiting[] = [];
  #failed: QuarryError | undefined;

  /** `explain` names failures of the stream that no other attempt will mend. */
  constructor(address: string, stream: Duplex, explain?: (cause: Error) => QuarryError | undefined) {
    this.address = address;
    this.#stream = stream;
    const reader = new FrameReader(ANSWER_BYTES_MAX, (frame) => this.#waiting.shift()?.resolve(frame));
    stream.on('error', (cause: Error) => this.#end(explain?.(cause) ?? this.#unreachable(cause.message)));
    stream.on('close', () => this.#fail('the connection was closed'));
    stream.on('end', () => stream.destroy());
    readFrames(stream, reader);
  }

  /** Errors: PEER_UNREACHABLE, DEADLINE. */
  static async open(net: Net, address: string, timeoutMs: number): Promise<FramedConnection> {
    return new FramedConnection(address, await net.connect(address, { timeoutMs }));
  }

  get isOpen(): boolean {
    return this.#failed === undefined;
  }

  /** Errors: PEER_UNREACHABLE; DEADLINE, after which the connection is closed, because answers have no other name than their place. */
  request(parts: readonly Buffer[], timeoutMs: number): Promise<Buffer> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const error = new QuarryError('DEADLINE', `${this.address} did not answer within ${timeoutMs} ms`);
        this.#end(error);
      }, timeoutMs);
      this.#waiting.push({
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      writeFrame(this.#stream, parts);
    });
  }

  close(): void {
    this.#fail('the connection was closed by this side');
  }

  #fail(reason: string): void {
    this.#end(this.#unreachable(reason));
  }

  #unreachable(reason: string): QuarryError {
    return new QuarryError('PEER_UNREACHABLE', `${this.address}: ${reason}`);
  }

  #end(error: QuarryError): void {
    if (this.#failed !== undefined) return;
    this.#failed = error;
    this.#stream.destroy();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
