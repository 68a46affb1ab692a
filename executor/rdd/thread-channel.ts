import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { ConsoleLevel } from './sandbox.ts';
import { type InputMessage, OUTPUT_WINDOW, type OutputMessage } from './channel-message.ts';

/** Printed lines of one task that are passed on; a loop that prints must not drown the executor's log. */
const PRINTS_MAX = 200;

type DataMessage = InputMessage & { readonly kind: 'data' | 'end' };

/** The source failed; the other side knows why and looks at no outcome. */
export class Abandoned extends Error {}

/**
 * A task's end of the channel. The thread has nothing else to do, so it waits by blocking: user code is called from plain
 * loops and may itself pull records, which no callback could give it.
 */
export class ThreadChannel {
  readonly #port: MessagePort;
  /** Counts the messages sent to this thread. */
  readonly #sent: Int32Array;
  readonly #pending: DataMessage[] = [];
  #untaken = 0;
  #prints = 0;

  constructor(port: MessagePort, sent: Int32Array) {
    this.#port = port;
    this.#sent = sent;
  }

  /** The next message of an input; blocks until there is one. What other inputs get meanwhile is kept for them. */
  receive(input: number): DataMessage {
    for (;;) {
      const index = this.#pending.findIndex((message) => message.input === input);
      if (index !== -1) return this.#pending.splice(index, 1)[0]!;
      this.#wait();
    }
  }

  /** To be called once a data message has been used up. */
  consumed(): void {
    this.#post({ kind: 'consumed' });
  }

  enough(): void {
    this.#post({ kind: 'enough' });
  }

  /** Sends records; blocks while the receiver is behind. */
  send(message: OutputMessage & { kind: 'rows' | 'partition' }): void {
    while (this.#untaken >= OUTPUT_WINDOW) this.#wait();
    this.#untaken++;
    this.#post(message, [message.lines.buffer as ArrayBuffer]);
  }

  print(level: ConsoleLevel, text: string): void {
    this.#prints++;
    if (this.#prints <= PRINTS_MAX) this.#post({ kind: 'print', level, text: text.slice(0, 2_000) });
  }

  done(): void {
    this.#post({ kind: 'done' });
  }

  #post(message: OutputMessage, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  #wait(): void {
    for (;;) {
      // Read before looking: a message that comes in between changes it, and the wait returns at once.
      const seen = Atomics.load(this.#sent, 0);
      const received = receiveMessageOnPort(this.#port) as { message: InputMessage } | undefined;
      if (received !== undefined) {
        this.#accept(received.message);
        return;
      }
      Atomics.wait(this.#sent, 0, seen);
    }
  }

  #accept(message: InputMessage): void {
    switch (message.kind) {
      case 'taken':
        this.#untaken--;
        return;
      case 'abandon':
        throw new Abandoned('the source of this task failed');
      default:
        this.#pending.push(message);
    }
  }
}
