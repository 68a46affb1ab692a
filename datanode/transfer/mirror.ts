import { QuarryError } from '../../common/quarry-error.ts';
import { blockOpResponse, type OpWriteBlock, opWriteBlock } from '../../common/transfer/messages.ts';
import { decodeTarget, encodeOperation } from '../../common/transfer/operation.ts';
import { decodePipelineAck, firstFailure } from '../../common/transfer/pipeline-ack.ts';
import {
  HEARTBEAT_SEQNO,
  OP,
  protocolViolation,
  refusalText,
  STATUS,
} from '../../common/transfer/protocol.ts';
import { Wire } from '../../common/transfer/wire.ts';
import type { TransferContext } from './data-server.ts';

const LOST: readonly number[] = [STATUS.ERROR];

/** The next node of the pipeline could not be opened, or one behind it. */
export class MirrorRefused {
  readonly status: number;
  /** host:port of the node that failed. */
  readonly firstBadLink: string;
  readonly message: string;

  constructor(status: number, firstBadLink: string, message: string) {
    this.status = status;
    this.firstBadLink = firstBadLink;
    this.message = message;
  }
}

interface Awaited {
  readonly seqno: number;
  readonly resolve: (replies: readonly number[]) => void;
}

/** The next node of a pipeline: packets go to it as they came, its acks come back in order. */
export class Mirror {
  readonly #wire: Wire;
  readonly #silenceMs: number;
  #onFailure: (replies: readonly number[]) => void = () => undefined;
  readonly #awaited: Awaited[] = [];
  #failure: readonly number[] | undefined;
  #closed = false;

  private constructor(wire: Wire, silenceMs: number) {
    this.#wire = wire;
    this.#silenceMs = silenceMs;
  }

  /** Connects to the first of the targets, which connects to the others. */
  static async open(context: TransferContext, op: OpWriteBlock): Promise<Mirror | MirrorRefused> {
    const { address } = decodeTarget(op.targets[0]!);
    const ackTimeoutMs = context.config['client.ackTimeoutMs'];
    // A node waits less the nearer to the end it is: the one before a silent node is the first to give up, and names it.
    const behind = op.targets.length / Math.max(op.pipelineSize, op.targets.length + 1);
    const timeoutMs = (context.config['client.connectTimeoutMs'] + ackTimeoutMs) * behind;
    const startMs = context.seams.clock.monoMs();
    let wire: Wire | undefined;
    try {
      wire = new Wire(await context.seams.net.connect(address, { timeoutMs }), context.seams.clock);
      wire.send([encodeOperation(OP.WRITE_BLOCK, opWriteBlock, { ...op, targets: op.targets.slice(1) })]);
      const leftMs = Math.max(1, timeoutMs - (context.seams.clock.monoMs() - startMs));
      const answer = blockOpResponse.decode(await wire.readDelimited(leftMs));
      if (answer.status !== STATUS.SUCCESS) {
        wire.destroy();
        return new MirrorRefused(answer.status, answer.firstBadLink || address, answer.message ?? '');
      }
    } catch (thrown) {
      wire?.destroy();
      return new MirrorRefused(STATUS.ERROR, address, refusalText(QuarryError.from(thrown)));
    }
    // Its signs of life come four times within the client's patience.
    return new Mirror(wire, ackTimeoutMs * 0.75);
  }

  /** Starts to read acks. `onFailure` gets the replies to be passed on, once, also when nothing is on the way. */
  start(onFailure: (replies: readonly number[]) => void): void {
    this.#onFailure = onFailure;
    void this.#readAcks();
  }

  send(buffers: readonly Buffer[]): void {
    if (this.#failure === undefined) this.#wire.send(buffers);
  }

  /** The replies of this node and those behind it to a packet just sent. Packets are asked for in the order they are sent in. */
  replies(seqno: number): Promise<readonly number[]> {
    if (this.#failure !== undefined) return Promise.resolve(this.#failure);
    return new Promise((resolve) => this.#awaited.push({ seqno, resolve }));
  }

  close(): void {
    this.#closed = true;
    this.#wire.destroy();
    this.#failed(LOST);
  }

  async #readAcks(): Promise<void> {
    try {
      while (this.#failure === undefined) {
        const ack = decodePipelineAck(await this.#wire.readDelimited(this.#silenceMs));
        if (firstFailure(ack.replies) >= 0) this.#failed(ack.replies.slice(0, firstFailure(ack.replies) + 1));
        else if (ack.seqno !== HEARTBEAT_SEQNO) this.#acknowledged(ack.seqno, ack.replies);
      }
    } catch {
      // Gone, silent, or out of step: whatever it was, this node is the one to replace.
      this.#failed(LOST);
    }
  }

  #acknowledged(seqno: number, replies: readonly number[]): void {
    const first = this.#awaited.shift();
    if (first === undefined || first.seqno !== seqno) {
      if (first !== undefined) this.#awaited.unshift(first);
      throw protocolViolation(`an ack of packet ${seqno}`);
    }
    first.resolve(replies);
  }

  #failed(replies: readonly number[]): void {
    if (this.#failure !== undefined) return;
    this.#failure = replies;
    for (const { resolve } of this.#awaited.splice(0)) resolve(replies);
    if (!this.#closed) {
      this.#wire.destroy();
      this.#onFailure(replies);
    }
  }
}
