import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { WireError } from '../quarry-error.ts';
import type { ServedCall } from '../seams/rpc.ts';
import { BatchedWrites } from './batched-writes.ts';
import { type CallFrame, decodeCalls, encodeReplies, NO_BYTES, type ReplyFrame } from './call-frames.ts';

/** Answers the response, or rejects with what becomes the call's error. */
export type Serve = (request: Buffer, call: ServedCall) => Promise<Buffer>;

/** No more is read while that many calls of one stream are being served: the caller's side fills up and waits. */
const IN_FLIGHT_MAX = 4_096;

/** A call whose handler may ask whether its caller is still there; most never do, and a signal costs as much as a small call. */
export class CallLife implements ServedCall {
  #controller: AbortController | undefined;
  #gone = false;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#gone) this.#controller.abort(CALLER_GONE);
    return this.#controller.signal;
  }

  end(): void {
    this.#gone = true;
    // Without a reason every call's end would build a DOMException with its stack.
    this.#controller?.abort(CALLER_GONE);
  }
}

export const CALLER_GONE = 'the caller has gone';

/** The calls of one stream, served at the same time; each is answered when it ends. */
export class ServedCalls {
  readonly #stream: ServerDuplexStream<Buffer, Buffer>;
  readonly #serve: (method: string, request: Buffer, call: ServedCall) => Promise<Buffer>;
  readonly #failure: (method: string, thrown: unknown) => WireError;
  readonly #replies: BatchedWrites<ReplyFrame>;
  readonly #live = new Map<number, CallLife>();
  #ending = false;

  constructor(
    stream: ServerDuplexStream<Buffer, Buffer>,
    parts: {
      serve: (method: string, request: Buffer, call: ServedCall) => Promise<Buffer>;
      failure: (method: string, thrown: unknown) => WireError;
    },
  ) {
    this.#stream = stream;
    this.#serve = parts.serve;
    this.#failure = parts.failure;
    this.#replies = new BatchedWrites(stream, {
      encode: encodeReplies,
      bytesOf: (frame) => frame.response.length + frame.error.length,
      drained: () => this.#settle(),
    });
    stream.on('data', (batch: Buffer) => this.#receive(batch));
    stream.on('end', () => this.end());
    stream.on('cancelled', () => this.#abandon());
  }

  /** Takes no more calls, and ends the stream when those in flight are answered. */
  end(): void {
    this.#ending = true;
    this.#settle();
  }

  #receive(batch: Buffer): void {
    if (this.#ending) return;
    let calls: CallFrame[];
    try {
      calls = decodeCalls(batch);
    } catch (thrown) {
      this.#abandon();
      const error = Object.assign(new Error(`no batch of calls: ${String(thrown)}`), {
        code: status.INVALID_ARGUMENT,
      });
      this.#stream.emit('error', error);
      return;
    }
    for (const call of calls) {
      if (call.cancel) this.#cancel(call.id);
      else this.#start(call);
    }
    if (this.#isFull) this.#stream.pause();
  }

  #start({ id, method, request }: CallFrame): void {
    const life = new CallLife();
    this.#live.set(id, life);
    const answer = (reply: ReplyFrame) => {
      // A call that was cancelled has no reply, and its id may be in use again.
      if (this.#live.get(id) !== life) return;
      this.#live.delete(id);
      this.#replies.send(reply);
    };
    this.#serve(method, request, life).then(
      (response) => answer({ id, response, error: NO_BYTES }),
      (thrown: unknown) =>
        answer({
          id,
          response: NO_BYTES,
          error: Buffer.from(JSON.stringify(this.#failure(method, thrown))),
        }),
    );
  }

  #cancel(id: number): void {
    const life = this.#live.get(id);
    this.#live.delete(id);
    life?.end();
    this.#settle();
  }

  #abandon(): void {
    this.#ending = true;
    for (const life of this.#live.values()) life.end();
    this.#live.clear();
  }

  get #isFull(): boolean {
    return this.#live.size + this.#replies.waiting >= IN_FLIGHT_MAX;
  }

  #settle(): void {
    if (this.#ending && this.#live.size === 0 && this.#replies.waiting === 0) this.#stream.end();
    else if (this.#stream.isPaused() && !this.#isFull) this.#stream.resume();
  }
}
