import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { QuarryError } from '../../common/quarry-error.ts';
import { INPUT_WINDOW, type InputMessage, type OutputMessage } from './channel-message.ts';

/** Bytes of one input, or its end. */
export interface InputChunk {
  readonly input: number;
  readonly bytes: Uint8Array | 'end';
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
  #resolveDone!: () => void;
  #rejectDone!: (error: QuarryError) => void;
  /** Resolves when the thread has sent its last message and all were handled; rejects with what the handler threw. */
  readonly done: Promise<void>;

  constructor(handler: OutputHandler) {
    const { port1, port2 } = new MessageChannel();
    this.#own = port1;
    this.port = port2;
    this.sent = new Int32Array(new SharedArrayBuffer(4));
    this.#handler = handler;
    // A failure is told to whoever waits for `done`; without one it must not count as unhandled.
    this.done = new Promise((resolve, reject) => {
      this.#resolveDone = resolve;
      this.#rejectDone = reject;
    });
    this.done.catch(() => undefined);
    this.#own.on('message', (message: OutputMessage) => this.#receive(message));
  }

  /** Sends all chunks. Returns early when the thread wants no more. */
  async feed(chunks: AsyncIterable<InputChunk>): Promise<void> {
    try {
      for await (const { input, bytes } of chunks) {
        while (this.#room === 0 && !this.#isClosed) await this.#roomMade();
        if (this.#isClosed) return;
        if (bytes === 'end') this.#post({ kind: 'end', input });
        else {
          this.#room--;
          const { bytes: given, buffer } = own(bytes);
          this.#post({ kind: 'data', input, bytes: given }, [buffer]);
        }
      }
    } catch (thrown) {
      this.#post({ kind: 'abandon' });
      throw thrown;
    }
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
        this.#handled.then(this.#resolveDone, this.#rejectDone);
        return;
      default:
        // One after another: the order of the records is the order of the messages.
        this.#handled = this.#handled.then(() => this.#handle(message));
        this.#handled.catch((thrown: unknown) => this.#rejectDone(QuarryError.from(thrown)));
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

/** Bytes that can be given away. A view of a larger buffer is copied first: sent as it is, all of that buffer would be copied with it. */
function own(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly buffer: ArrayBuffer } {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength) return { bytes, buffer };
  const copy = Uint8Array.from(bytes);
  return { bytes: copy, buffer: copy.buffer };
}
