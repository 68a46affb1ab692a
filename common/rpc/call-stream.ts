import { type Client, type ClientDuplexStream, Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { QuarryError, type WireError } from '../quarry-error.ts';
import type { CallOptions, Method } from '../seams/rpc.ts';
import { BatchedWrites } from './batched-writes.ts';
import { type CallFrame, decodeReplies, encodeCalls, NO_BYTES, type ReplyFrame } from './call-frames.ts';
import { fromGrpcStatus } from './grpc-status.ts';

export const CALLS_PATH = '/quarry.CallService/Calls';
const ID_MAX = 2 ** 31;
/** An open stream keeps a process from ending by itself, and costs more to open than a call: it is kept that long after the last one. */
const IDLE_MS = 200;

/**
 * How a lost connection shows besides UNAVAILABLE: a server that is forced to go cancels its streams, and a write to a socket
 * whose peer has died (EPIPE) is INTERNAL. Calls have statuses of their own, so none of these can be a call's.
 */
const BROKEN: readonly status[] = [status.CANCELLED, status.INTERNAL, status.UNKNOWN];

const asIs = (bytes: Buffer) => bytes;

interface PendingCall {
  readonly deadlineMs: number;
  readonly answer: (response: Buffer) => void;
  readonly fail: (error: QuarryError) => void;
}

/** Calls to one address over one stream (proto/quarry/calls.proto). When it breaks, the calls in flight fail and a new one must be made. */
export class CallStream {
  readonly #address: string;
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #frames: BatchedWrites<CallFrame>;
  readonly #pending = new Map<number, PendingCall>();
  readonly #onEnd: () => void;
  #nextId = 1;
  #over = false;
  /** Fires when the first deadline passes. */
  #watch: NodeJS.Timeout | undefined;
  #watchMs = Infinity;
  #idle: NodeJS.Timeout | undefined;
  #usedMs = 0;

  /** `onEnd` is called once, when the stream takes no more calls. */
  constructor(channel: Client, address: string, onEnd: () => void) {
    this.#address = address;
    this.#onEnd = onEnd;
    this.#stream = channel.makeBidiStreamRequest(CALLS_PATH, asIs, asIs, new Metadata());
    this.#frames = new BatchedWrites(this.#stream, {
      encode: encodeCalls,
      bytesOf: (frame) => frame.request.length,
      drained: () => {
        if (this.#over && this.#pending.size === 0) this.#end();
      },
    });
    this.#stream.on('data', (batch: Buffer) => this.#receive(batch));
    this.#stream.on('error', (failure: StatusObject & Error) => {
      this.#broke(
        BROKEN.includes(failure.code) ? { code: status.UNAVAILABLE, details: failure.details } : failure,
      );
    });
    this.#stream.on('end', () =>
      this.#broke({ code: status.UNAVAILABLE, details: 'it ends its connections' }),
    );
  }

  call<ReqIn, ResIn, ReqOut, ResOut>(
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    request: Buffer,
    { timeoutMs, signal }: CallOptions,
  ): Promise<ResOut> {
    return new Promise((resolve, reject) => {
      const id = this.#newId();
      const abort = () =>
        this.#giveUp(
          id,
          new QuarryError('INTERRUPTED', `the call to ${this.#address} was cancelled`, {
            details: { address: this.#address },
          }),
        );
      const nowMs = performance.now();
      const deadlineMs = nowMs + timeoutMs;
      this.#usedMs = nowMs;
      this.#pending.set(id, {
        deadlineMs,
        answer: (response) => {
          signal?.removeEventListener('abort', abort);
          resolve(method.responseDeserialize(response));
        },
        fail: (error) => {
          signal?.removeEventListener('abort', abort);
          reject(error);
        },
      });
      signal?.addEventListener('abort', abort, { once: true });
      if (deadlineMs < this.#watchMs) this.#watchUntil(deadlineMs, nowMs);
      this.#frames.send({ id, method: method.path, request, cancel: false });
    });
  }

  /** Takes no more calls; those in flight are still answered. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onEnd();
    if (this.#pending.size === 0) this.#end();
  }

  #receive(batch: Buffer): void {
    let replies: ReplyFrame[];
    try {
      replies = decodeReplies(batch);
    } catch (cause) {
      this.#broke({ code: status.INTERNAL, details: `no batch of replies: ${String(cause)}` });
      this.#stream.cancel();
      return;
    }
    for (const { id, response, error } of replies) {
      const call = this.#pending.get(id);
      // Given up, and the answer was on its way.
      if (call === undefined) continue;
      this.#pending.delete(id);
      try {
        if (error.length === 0) call.answer(response);
        else call.fail(QuarryError.fromWire(JSON.parse(error.toString()) as WireError));
      } catch (cause) {
        call.fail(new QuarryError('INTERNAL', `${this.#address} answered what cannot be read`, { cause }));
      }
    }
    if (this.#pending.size === 0) this.#rest();
  }

  #giveUp(id: number, error: QuarryError): void {
    const call = this.#pending.get(id);
    if (call === undefined) return;
    this.#pending.delete(id);
    this.#frames.send({ id, method: '', request: NO_BYTES, cancel: true });
    call.fail(error);
    if (this.#pending.size === 0) this.#rest();
  }

  #broke(thrown: unknown): void {
    clearTimeout(this.#watch);
    clearTimeout(this.#idle);
    const calls = [...this.#pending.values()];
    this.#pending.clear();
    if (!this.#over) this.#onEnd();
    this.#over = true;
    for (const call of calls) call.fail(fromGrpcStatus(thrown, this.#address));
  }

  #newId(): number {
    const id = this.#nextId;
    this.#nextId = id + 1 < ID_MAX ? id + 1 : 1;
    return this.#pending.has(id) ? this.#newId() : id;
  }

  /** One timer for all calls: a timer a call would cost more than all else here. */
  #watchUntil(deadlineMs: number, nowMs: number): void {
    clearTimeout(this.#watch);
    this.#watchMs = deadlineMs;
    this.#watch = setTimeout(() => this.#expire(), Math.max(1, Math.ceil(deadlineMs - nowMs)));
    this.#watch.unref();
  }

  #expire(): void {
    const nowMs = performance.now();
    this.#watchMs = Infinity;
    let nextMs = Infinity;
    for (const [id, { deadlineMs }] of this.#pending) {
      if (deadlineMs <= nowMs) {
        this.#giveUp(id, fromGrpcStatus({ code: status.DEADLINE_EXCEEDED }, this.#address));
      } else {
        nextMs = Math.min(nextMs, deadlineMs);
      }
    }
    // A caller that was told may have called again.
    if (nextMs < this.#watchMs) this.#watchUntil(nextMs, nowMs);
  }

  /** Nothing is in flight: the stream ends when that stays so. */
  #rest(): void {
    if (this.#over) this.#end();
    else this.#idle ??= setTimeout(() => this.#endWhenIdle(), IDLE_MS);
  }

  #endWhenIdle(): void {
    this.#idle = undefined;
    if (this.#pending.size > 0) return;
    if (performance.now() - this.#usedMs < IDLE_MS) this.#rest();
    else this.finish();
  }

  #end(): void {
    clearTimeout(this.#watch);
    clearTimeout(this.#idle);
    // What was given up last is still to be said.
    if (this.#frames.waiting === 0) this.#stream.end();
  }
}
