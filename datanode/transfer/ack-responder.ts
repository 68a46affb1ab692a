import type { Clock, Timer } from '../../common/seams/clock.ts';
import { encodePipelineAck, firstFailure } from '../../common/transfer/pipeline-ack.ts';
import { HEARTBEAT_SEQNO, STATUS } from '../../common/transfer/protocol.ts';
import type { Wire } from '../../common/transfer/wire.ts';

/** A packet on its way to being acknowledged. The promises never reject. */
export interface PendingAck {
  readonly seqno: number;
  readonly lengthBytes: number;
  /** This node's status. */
  readonly local: Promise<number>;
  /** Those of the nodes behind it. */
  readonly downstream?: Promise<readonly number[]> | undefined;
  /** True when this node's copy still matches its checksums. */
  readonly intact: () => boolean;
  /** Called when every node has the packet: its bytes are no longer needed. */
  readonly release: () => void;
}

export interface AckTimes {
  /** A sign of life goes out after that long without an ack. */
  readonly heartbeatMs: number;
  /** A store that takes longer for one packet has failed. */
  readonly stallMs: number;
}

/** Answers packets in the order they came in: each when it is in this node's store and in those behind. After a bad status nothing more is answered. */
export class AckResponder {
  readonly #upstream: Wire;
  readonly #clock: Clock;
  readonly #times: AckTimes;
  readonly #onFailure: () => void;
  #tail: Promise<void> = Promise.resolve();
  #failed = false;
  #inFlightBytes = 0;
  #wakeRoom: (() => void) | undefined;
  #quiet = true;
  #heartbeat: Timer;

  constructor(upstream: Wire, clock: Clock, times: AckTimes, onFailure: () => void) {
    this.#upstream = upstream;
    this.#clock = clock;
    this.#times = times;
    this.#onFailure = onFailure;
    this.#heartbeat = this.#beatLater();
  }

  get failed(): boolean {
    return this.#failed;
  }

  push(ack: PendingAck): void {
    this.#inFlightBytes += ack.lengthBytes;
    this.#tail = this.#tail.then(() => this.#answer(ack));
  }

  /** Waits until fewer than `windowBytes` are unanswered. */
  async room(windowBytes: number): Promise<void> {
    while (this.#inFlightBytes >= windowBytes && !this.#failed) {
      await new Promise<void>((resolve) => {
        this.#wakeRoom = resolve;
      });
    }
  }

  /** Resolves when everything pushed has been answered or dropped. */
  idle(): Promise<void> {
    return this.#tail;
  }

  close(): void {
    this.#heartbeat.cancel();
  }

  async #answer(ack: PendingAck): Promise<void> {
    if (!this.#failed) {
      const replies = await this.#repliesTo(ack);
      // Later replies say nothing about a packet that did not get there.
      const bad = firstFailure(replies);
      this.#send(ack.seqno, bad < 0 ? replies : replies.slice(0, bad + 1));
      if (bad < 0) ack.release();
      else {
        this.#failed = true;
        this.#onFailure();
      }
    }
    this.#inFlightBytes -= ack.lengthBytes;
    this.#wakeRoom?.();
  }

  async #repliesTo(ack: PendingAck): Promise<readonly number[]> {
    const local = await this.#withinStall(ack.local);
    if (local !== STATUS.SUCCESS || ack.downstream === undefined) return [local];
    const behind = await ack.downstream;
    // Bytes that have changed in this node's memory are this node's fault, not of the one that found out.
    if (behind[0] === STATUS.ERROR_CHECKSUM && !ack.intact()) return [STATUS.ERROR_CHECKSUM];
    return [local, ...behind];
  }

  #withinStall(local: Promise<number>): Promise<number> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(this.#times.stallMs, () => resolve(STATUS.ERROR));
      void local.then((status) => {
        timer.cancel();
        resolve(status);
      });
    });
  }

  #beatLater(): Timer {
    return this.#clock.setTimer(this.#times.heartbeatMs, () => {
      if (this.#quiet && !this.#failed) this.#send(HEARTBEAT_SEQNO, [STATUS.SUCCESS]);
      this.#quiet = true;
      this.#heartbeat = this.#beatLater();
    });
  }

  #send(seqno: number, replies: readonly number[]): void {
    this.#quiet = false;
    this.#upstream.send([encodePipelineAck({ seqno, replies })]);
  }
}
