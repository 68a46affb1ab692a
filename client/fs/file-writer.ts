import type { Block } from '../../proto/gen/quarry/Block.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { BlockPipeline } from './block-pipeline.ts';
import type { FsContext } from './fs-context.ts';
import type { LeaseRenewer } from './lease-renewer.ts';
import { openBlock } from './open-block.ts';

export interface ClosedFile {
  readonly lengthBytes: number;
  /** The least over the file's blocks: copies that are verified and fsynced, by what their datanodes or the namenode said. */
  readonly durableReplicas: number;
}

export interface FileWriterOptions {
  readonly path: string;
  readonly inodeId: number;
  readonly replication: number;
  readonly blockSizeBytes: number;
  /** Durable replicas that close waits for; 0: min(replication, 2). */
  readonly minDurable: number;
}

/**
 * A file that is being written, by one caller, front to back. Calls may be made without waiting; they are done in order.
 * After an error every further call fails with it, and `abort` is what is left to do.
 */
export class FileWriter {
  readonly #context: FsContext;
  readonly #options: FileWriterOptions;
  readonly #lease: LeaseRenewer;
  readonly #packetBytes: number;
  #pending: Buffer;
  #pendingLength = 0;
  #pipeline: BlockPipeline | undefined;
  #previous: Block | undefined;
  /** The least over the finished blocks: a datanode syncs before it acknowledges a block's last packet. */
  #durableReplicas = Number.POSITIVE_INFINITY;
  #lengthBytes = 0;
  #tail: Promise<unknown> = Promise.resolve();
  #failure: QuarryError | undefined;
  #leaseReleased = false;
  #state: 'open' | 'closed' | 'aborted' = 'open';

  constructor(context: FsContext, options: FileWriterOptions, lease: LeaseRenewer) {
    this.#context = context;
    this.#options = options;
    this.#lease = lease;
    this.#packetBytes = context.config['client.packetBytes'];
    this.#pending = Buffer.allocUnsafe(0);
    lease.opened();
  }

  get path(): string {
    return this.#options.path;
  }

  /** Bytes given to `write` so far. */
  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  /**
   * Resolves when the client's window has room again, not when the bytes are stored: that is `hflush`.
   * Large buffers are sent as they are and must not be changed before `hflush` or `close` resolves.
   * Errors: NO_SPACE, PIPELINE_FAILED, NOT_ENOUGH_DATANODES, LEASE_LOST, PEER_UNREACHABLE (namenode gone for longer than client.rpcTimeoutMs).
   */
  write(data: Uint8Array): Promise<void> {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return this.#inOrder(async () => {
      this.#lengthBytes += bytes.length;
      let at = 0;
      while (at < bytes.length) at += await this.#take(bytes, at);
    });
  }

  /** Ends the block here: the next byte starts a new one. Nothing when the block is empty. */
  endBlock(): Promise<void> {
    return this.#inOrder(() => this.#finishBlock());
  }

  /** Everything written is visible to new readers and survives the death of every process. */
  hflush(): Promise<void> {
    return this.#inOrder(() => this.#flush(false));
  }

  /** Everything written, in all blocks of the file, survives a power cut on every node. */
  hsync(): Promise<void> {
    return this.#inOrder(() => this.#flush(true));
  }

  /** Errors: as `write`; NOT_ENOUGH_DATANODES when fewer replicas than asked for became durable in time. */
  close(): Promise<ClosedFile> {
    return this.#inOrder(async () => {
      await this.#finishBlock();
      const closed = await this.#complete();
      this.#end('closed');
      return closed;
    });
  }

  /** Stops and takes the unfinished file away. Harmless after close or a second time. */
  async abort(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#pipeline?.abort();
    this.#end('aborted');
    const { namenode } = this.#context;
    const { path, inodeId } = this.#options;
    const { status } = await namenode.call('GetFileInfo', { path });
    // Another client may have replaced the file since; only ours is ours to delete.
    if (status?.inodeId === inodeId && status.underConstruction) await namenode.call('Delete', { path });
  }

  #end(state: 'closed' | 'aborted'): void {
    this.#state = state;
    this.#pending = Buffer.allocUnsafe(0);
    this.#releaseLease();
  }

  #inOrder<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(async () => {
      if (this.#state !== 'open') throw new QuarryError('INVALID_ARGUMENT', `${this.path} is ${this.#state}`);
      if (this.#failure !== undefined) throw this.#failure;
      try {
        return await run();
      } catch (thrown) {
        this.#failure = QuarryError.from(thrown);
        this.#releaseLease();
        throw this.#failure;
      }
    });
    this.#tail = done.then(
      () => undefined,
      () => undefined, // the caller has it from `done`
    );
    return done;
  }

  /** Takes some bytes from `at` on: whole packets by reference, the rest by copy. Answers how many. */
  async #take(bytes: Buffer, at: number): Promise<number> {
    const room = await this.#room();
    const limit = Math.min(this.#packetBytes, room + this.#pendingLength);
    const count = Math.min(bytes.length - at, limit - this.#pendingLength);
    if (this.#pendingLength === 0 && count === limit) {
      await this.#send(bytes.subarray(at, at + count));
      return count;
    }
    if (this.#pending.length === 0) this.#pending = Buffer.allocUnsafeSlow(this.#packetBytes);
    bytes.copy(this.#pending, this.#pendingLength, at, at + count);
    this.#pendingLength += count;
    if (this.#pendingLength === limit) await this.#sendPending();
    return count;
  }

  /** Bytes that the current block still takes beyond what is pending; at least 1. */
  async #room(): Promise<number> {
    const used = (this.#pipeline?.lengthBytes ?? 0) + this.#pendingLength;
    if (used < this.#options.blockSizeBytes) return this.#options.blockSizeBytes - used;
    await this.#finishBlock();
    return this.#options.blockSizeBytes;
  }

  async #sendPending(): Promise<void> {
    if (this.#pendingLength === 0) return;
    const data = this.#pending.subarray(0, this.#pendingLength);
    this.#pending = Buffer.allocUnsafe(0);
    this.#pendingLength = 0;
    await this.#send(data);
  }

  async #send(data: Buffer): Promise<void> {
    this.#pipeline ??= await openBlock(this.#context, this.#options, this.#previous);
    await this.#pipeline.write(data);
  }

  async #finishBlock(): Promise<void> {
    await this.#sendPending();
    if (this.#pipeline === undefined) return;
    this.#durableReplicas = Math.min(this.#durableReplicas, await this.#pipeline.finish());
    this.#previous = this.#pipeline.block;
    this.#pipeline = undefined;
  }

  async #flush(sync: boolean): Promise<void> {
    await this.#sendPending();
    // Finished blocks are durable; an open one is made so here.
    if (this.#pipeline === undefined) return;
    await this.#pipeline.flush({ sync });
    if (sync) {
      const lastBlockLengthBytes = this.#pipeline.lengthBytes;
      await this.#context.namenode.call('Fsync', { ...this.#file, lastBlockLengthBytes });
    }
  }

  async #complete(): Promise<ClosedFile> {
    const { config, namenode, seams } = this.#context;
    const deadlineMs = seams.clock.monoMs() + config['client.rpcTimeoutMs'];
    const request = {
      ...this.#file,
      minDurable: this.#options.minDurable,
      ...(this.#previous === undefined ? {} : { last: this.#previous }),
    };
    // The namenode itself waits for the replicas' reports, so an attempt may take that long.
    const attemptTimeoutMs = config['namenode.completeWaitMs'] + 2_000;
    for (;;) {
      const reply = await namenode.call('Complete', request, { attemptTimeoutMs });
      if (reply.complete) return { lengthBytes: this.#lengthBytes, durableReplicas: this.#durable(reply) };
      if (seams.clock.monoMs() >= deadlineMs) {
        throw new QuarryError(
          'NOT_ENOUGH_DATANODES',
          `${this.path} has ${reply.durableReplicas} durable replicas, fewer than close waits for: start more datanodes or lower client.minDurable`,
          { details: { path: this.path, durableReplicas: reply.durableReplicas } },
        );
      }
      await seams.clock.sleep(100);
    }
  }

  /** The namenode answers as soon as enough datanodes have reported: those that report last may be missing in its count. */
  #durable({ durableReplicas }: { durableReplicas: number }): number {
    return this.#previous === undefined ? durableReplicas : Math.max(durableReplicas, this.#durableReplicas);
  }

  get #file(): { path: string; inodeId: number } {
    return { path: this.#options.path, inodeId: this.#options.inodeId };
  }

  /** Once: when the file is closed, given up, or cannot be written any more. */
  #releaseLease(): void {
    if (this.#leaseReleased) return;
    this.#leaseReleased = true;
    this.#lease.closed();
  }
}
