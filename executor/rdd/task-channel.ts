import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { QuarryError } from '../../common/quarry-error.ts';
import { INPUT_WINDOW, type InputMessage, type OutputMessage } from './channel-message.ts';

export interface InputChunk {
  readonly input: number;
  readonly format: 'bytes' | 'arrow';
  readonly bytes: Uint8Array;
}

/** Takes what a task's thread sends. The next message of records comes when the promise resolves. */
export type OutputHandler = (
  message: OutputMessage & { kind: 'rows' | 'partition' | 'print' },
) => Promise<void>;

/** The executor's end of a task's channel: feeds the thread and takes its records, neither faster than the other side. */
export class TaskChannel {
  readonly port: MessagePort;
  /** Shared with the thread, which sleeps on it. */
  readonly sent: Int32Array<SharedArrayBuffer>;
  readonly #own: MessagePort;
  readonly #handler: OutputHandler;
  #room = INPUT_WINDOW;
  #wakeFeeder: (() => void) | undefined;
  #isClosed = false;
  #handled: Promise<void> = Promise.resolve();
  readonly #done = Promise.withResolvers<void>();

  constructor(handler: OutputHandler) {
    const { port1, port2 } = new MessageChannel();
    this.#own = port1;
    this.port = port2;
    this.sent = new Int32Array(new SharedArrayBuffer(4));
    this.#handler = handler;
    // A failure is told to whoever waits for `done`; without one it must not count as unhandled.
    this.#done.promise.catch(() => undefined);
    this.#own.on('message', (message: OutputMessage) => this.#receive(message));
  }

  /** Sends all chunks, then the end of each of `inputs`. Returns early when the thread wants no more. */
  async feed(chunks: AsyncIterable<InputChunk>, inputs: number): Promise<void> {
    try {
      for await (const chunk of chunks) {
        while (this.#room === 0 && !this.#isClosed) await this.#roomMade();
        if (this.#isClosed) return;
        this.#room--;
        this.#post({ kind: 'data', ...chunk }, ownBuffer(chunk.bytes));
      }
    } catch (thrown) {
      this.#post({ kind: 'abandon' });
      throw thrown;
    }
    for (let input = 0; input < inputs; input++) this.#post({ kind: 'end', input });
  }

  /** Resolves when the thread has sent its last message and all were handled; rejects with what the handler threw. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#wakeFeeder?.();
    this.#own.close();
  }

  #receive(message: OutputMessage): void {
    switch (message.kind) {
      case 'consumed':
        this.#room++;
        this.#wakeFeeder?.();
        return;
      case 'enough':
        this.#isClosed = true;
        this.#wakeFeeder?.();
        return;
      case 'done':
        this.#handled.then(this.#done.resolve, this.#done.reject);
        return;
      default:
        // One after another: the order of the records is the order of the messages.
        this.#handled = this.#handled.then(() => this.#handle(message));
        this.#handled.catch((thrown: unknown) => this.#done.reject(QuarryError.from(thrown)));
    }
  }

  async #handle(message: OutputMessage & { kind: 'rows' | 'partition' | 'print' }): Promise<void> {
    await this.#handler(message);
    if (message.kind !== 'print') this.#post({ kind: 'taken' });
  }

  #roomMade(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeFeeder = resolve;
    });
  }

  #post(message: InputMessage, transfer: ArrayBuffer[] = []): void {
    this.#own.postMessage(message, transfer);
    Atomics.add(this.sent, 0, 1);
    Atomics.notify(this.sent, 0);
  }
}

/** A buffer that is a view of a larger one cannot be given away; it is copied. */
function ownBuffer({ buffer, byteLength }: Uint8Array): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}
