import type { Block } from '../../proto/gen/quarry/Block.ts';
import type { DatanodeInfo } from '../../proto/gen/quarry/DatanodeInfo.ts';
import { assert } from '../../common/assert.ts';
import type { BlockWriter } from '../../common/transfer/block-writer.ts';
import type { WriteStage } from '../../common/transfer/protocol.ts';
import { isOwnFault, type NodeFailure, noDatanodeTook } from './failed-nodes.ts';
import type { FsContext } from './fs-context.ts';
import { newcomer } from './pipeline-newcomer.ts';
import { ReplicaStreams } from './replica-streams.ts';
import { RetainedBytes } from './retained-bytes.ts';

/** Recoveries in a row after which not one byte more was acknowledged. */
const FRUITLESS_RECOVERIES_MAX = 5;

export interface WrittenFile {
  readonly path: string;
  readonly inodeId: number;
  readonly replication: number;
}

export interface OpenBlock {
  readonly block: Block;
  readonly nodes: readonly DatanodeInfo[];
  readonly streams: ReplicaStreams;
}

/**
 * One block while it is written. When a replica fails, the block gets a new generation stamp, the survivors are cut to
 * what all of them had acknowledged and reopened, each by a stream of its own, and what was not acknowledged is sent
 * again. The failed replica keeps the old stamp, by which the namenode tells that it is worthless.
 */
export class BlockPipeline {
  readonly #context: FsContext;
  readonly #file: WrittenFile;
  readonly #retained = new RetainedBytes();
  readonly #failures: NodeFailure[] = [];
  #block: Block;
  #nodes: readonly DatanodeInfo[];
  #streams: ReplicaStreams;
  #ackedBytes = 0;
  #fruitless = 0;

  constructor(context: FsContext, file: WrittenFile, open: OpenBlock) {
    this.#context = context;
    this.#file = file;
    this.#block = open.block;
    this.#nodes = open.nodes;
    this.#streams = open.streams;
  }

  /** With the bytes written so far as its length. */
  get block(): Block {
    return { ...this.#block, lengthBytes: this.#retained.endBytes };
  }

  get lengthBytes(): number {
    return this.#retained.endBytes;
  }

  async write(data: Buffer): Promise<void> {
    this.#retained.push(data);
    const failures = await this.#streams.each((writer) => writer.write(data));
    // A recovery sends everything that is retained, this data too.
    if (failures.length > 0) await this.#recover(failures, 'streaming-recovery');
    this.#noteAcked();
  }

  /** Resolves when every replica has stored all that was written; with `sync`, durably. */
  async flush(options: { sync: boolean }): Promise<void> {
    await this.#untilDone((writer) => writer.flush(options));
  }

  /** Resolves when every replica is finalized and durable, to how many these are. */
  async finish(): Promise<number> {
    for (;;) {
      const failures = await this.#streams.each((writer) => writer.finish());
      if (failures.length === 0) break;
      this.#noteAcked();
      // All bytes are stored everywhere: the survivors only have to close under the new stamp.
      if (this.#ackedBytes === this.lengthBytes) {
        await this.#recover(failures, 'close-recovery');
        break;
      }
      await this.#recover(failures, 'streaming-recovery');
    }
    return this.#streams.nodeIds.length;
  }

  abort(): void {
    this.#streams.abort();
  }

  async #untilDone(action: (writer: BlockWriter) => Promise<void>): Promise<void> {
    for (;;) {
      const failures = await this.#streams.each(action);
      if (failures.length === 0) break;
      await this.#recover(failures, 'streaming-recovery');
    }
    this.#noteAcked();
  }

  #noteAcked(): void {
    const ackedBytes = this.#streams.ackedBytes;
    if (ackedBytes > this.#ackedBytes) {
      this.#ackedBytes = ackedBytes;
      this.#fruitless = 0;
      this.#retained.dropBefore(ackedBytes);
    }
  }

  async #recover(first: readonly NodeFailure[], stage: WriteStage): Promise<void> {
    let failures = first;
    while (failures.length > 0) {
      this.#blame(failures);
      this.#noteAcked();
      this.#streams.abort();
      if (this.#nodes.length === 0 || ++this.#fruitless > FRUITLESS_RECOVERIES_MAX) {
        throw noDatanodeTook(this.#file.path, this.#failures);
      }
      if (stage === 'streaming-recovery') await this.#replaceTheLost();
      failures = await this.#reopen(stage);
    }
  }

  #blame(failures: readonly NodeFailure[]): void {
    const { suspects, seams } = this.#context;
    for (const failure of failures) {
      this.#failures.push(failure);
      seams.log.warn(
        { path: this.#file.path, blockId: this.#block.blockId, node: failure.nodeId, err: failure.error },
        'replica.write-failed',
      );
      // The bytes themselves changed in this process: sending them again would store them.
      if (isOwnFault(failure.error)) throw failure.error;
      if (failure.nodeId === undefined) continue;
      suspects.suspect(failure.nodeId);
      this.#nodes = this.#nodes.filter((node) => node.id !== failure.nodeId);
    }
  }

  /** A single survivor is one failure away from losing acknowledged bytes: another node joins where there is one. */
  async #replaceTheLost(): Promise<void> {
    const [survivor] = this.#nodes;
    if (survivor === undefined || this.#nodes.length > 1 || this.#file.replication < 2) return;
    const lost = this.#failures.flatMap(({ nodeId }) => nodeId ?? []);
    const block = { ...this.#block, lengthBytes: this.#ackedBytes };
    const joined = await newcomer(this.#context, this.#file, { survivor, block, lost });
    if (joined !== undefined) this.#nodes = [survivor, joined];
  }

  /** One round: new stamp, survivors reopened, membership told to the namenode, retained bytes sent. Answers who failed on the way. */
  async #reopen(stage: WriteStage): Promise<readonly NodeFailure[]> {
    const { namenode } = this.#context;
    const { inodeId } = this.#file;
    const oldBlock = { ...this.#block, lengthBytes: this.#ackedBytes };
    const located = await namenode.call('UpdateBlockForPipeline', { inodeId, block: oldBlock });
    assert(located.block !== null, 'a new stamp comes with its block');
    const { generationStamp } = located.block;
    const opened = await ReplicaStreams.open(
      this.#context,
      {
        block: oldBlock,
        stage,
        newGenerationStamp: generationStamp,
        minBytesReceived: this.#ackedBytes,
        maxBytesReceived: this.#retained.endBytes,
      },
      this.#nodes,
      'star',
    );
    this.#streams = opened.streams;
    this.#blame(opened.failures);
    // Nobody could be opened: the loop above ends it, or tries again when the culprit is unknown.
    if (opened.streams.nodeIds.length === 0) return opened.failures;
    const newBlock = { ...oldBlock, generationStamp };
    await namenode.call('UpdatePipeline', { inodeId, oldBlock, newBlock, nodeIds: opened.streams.nodeIds });
    this.#block = newBlock;
    return stage === 'close-recovery' ? [] : this.#resend();
  }

  async #resend(): Promise<readonly NodeFailure[]> {
    for (const data of this.#retained.from(this.#ackedBytes)) {
      const failures = await this.#streams.each((writer) => writer.write(data));
      if (failures.length > 0) return failures;
    }
    return [];
  }
}
