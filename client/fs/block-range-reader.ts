import type { Block } from '../../proto/gen/quarry/Block.ts';
import type { DatanodeInfo } from '../../proto/gen/quarry/DatanodeInfo.ts';
import type { LocatedBlock } from '../../proto/gen/quarry/LocatedBlock.ts';
import { assert } from '../../common/assert.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { BlockReader } from '../../common/transfer/block-reader.ts';
import { describeFailures, type NodeFailure } from './failed-nodes.ts';
import { dataAddress, type FsContext } from './fs-context.ts';
import { locate } from './located-file.ts';

interface OpenReplica {
  readonly node: DatanodeInfo;
  readonly reader: BlockReader;
}

/** A range of one block, from whichever replica gives it: on a failure the next one goes on at the same byte. */
export class BlockRangeReader {
  readonly #context: FsContext;
  readonly #path: string;
  readonly #endBytes: number;
  #located: LocatedBlock;
  /** In the block: of the next byte to hand out. */
  #offsetBytes: number;
  #untried: readonly DatanodeInfo[];
  #refreshed = false;
  #failures: NodeFailure[] = [];
  #opening: Promise<OpenReplica> | undefined;
  #replica: OpenReplica | undefined;
  #closed = false;

  constructor(
    context: FsContext,
    path: string,
    located: LocatedBlock,
    range: { offsetBytes: number; endBytes: number },
  ) {
    this.#context = context;
    this.#path = path;
    this.#located = located;
    this.#offsetBytes = range.offsetBytes;
    this.#endBytes = range.endBytes;
    this.#untried = located.locations;
  }

  get leftBytes(): number {
    return this.#endBytes - this.#offsetBytes;
  }

  /** Host label of the node that the last buffer came from; undefined before the first. */
  get servedBy(): string | undefined {
    return this.#replica?.node.hostLabel;
  }

  /** Opens the first replica, so that its bytes are on their way before they are asked for. */
  prefetch(): void {
    if (this.#opening !== undefined || this.#replica !== undefined) return;
    this.#opening = this.#openNext();
    // Whoever reads next awaits it and sees its error.
    this.#opening.catch(() => undefined);
  }

  /** Undefined at the end. Errors: BLOCK_UNAVAILABLE with every replica's reason; FILE_NOT_FOUND when the file has gone meanwhile. */
  async read(): Promise<Buffer | undefined> {
    while (this.leftBytes > 0) {
      this.#replica ??= await this.#opened();
      try {
        const data = await this.#replica.reader.read();
        if (data === undefined) throw new QuarryError('PEER_UNREACHABLE', 'the replica ended early');
        this.#offsetBytes += data.length;
        this.#refreshed = false;
        return data;
      } catch (thrown) {
        const { node, reader } = this.#replica;
        this.#replica = undefined;
        reader.close();
        this.#note(node, thrown);
      }
    }
    this.close();
    return undefined;
  }

  close(): void {
    this.#closed = true;
    this.#replica?.reader.close();
    this.#replica = undefined;
    this.#opening?.then(
      ({ reader }) => reader.close(),
      () => undefined, // it never opened
    );
    this.#opening = undefined;
  }

  async #opened(): Promise<OpenReplica> {
    const opening = this.#opening ?? this.#openNext();
    this.#opening = undefined;
    return opening;
  }

  async #openNext(): Promise<OpenReplica> {
    for (;;) {
      if (this.#closed) throw new QuarryError('INTERRUPTED', `the reader of ${this.#path} is closed`);
      const node = this.#nextNode();
      if (node === undefined) {
        await this.#refresh();
        continue;
      }
      try {
        return { node, reader: await this.#open(node) };
      } catch (thrown) {
        this.#note(node, thrown);
      }
    }
  }

  /** Chosen as late as possible: what other blocks have met meanwhile counts. */
  #nextNode(): DatanodeInfo | undefined {
    const [node] = this.#context.suspects.order(this.#untried);
    this.#untried = this.#untried.filter((other) => other !== node);
    return node;
  }

  #open(node: DatanodeInfo): Promise<BlockReader> {
    const { blocks, namenode, config } = this.#context;
    return blocks.openReader({
      address: dataAddress(this.#context, node),
      block: this.#block,
      offsetBytes: this.#offsetBytes,
      lengthBytes: this.leftBytes,
      clientName: namenode.clientName,
      connectTimeoutMs: config['client.connectTimeoutMs'],
      readTimeoutMs: config['client.readTimeoutMs'],
    });
  }

  get #block(): Block {
    assert(this.#located.block !== null, 'a located block has an id');
    return this.#located.block;
  }

  #note(node: DatanodeInfo, thrown: unknown): void {
    const error = QuarryError.from(thrown);
    const { suspects, seams, namenode } = this.#context;
    this.#failures.push({ nodeId: node.id, error });
    seams.log.warn(
      { path: this.#path, blockId: this.#block.blockId, node: node.id, err: error },
      'replica.read-failed',
    );
    if (hasCode(error, 'PEER_UNREACHABLE', 'DEADLINE')) suspects.suspect(node.id);
    if (!hasCode(error, 'BLOCK_CORRUPT')) return;
    namenode
      .call('ReportBadBlocks', { blocks: [{ block: this.#block, nodeId: node.id }] })
      .catch((failure: unknown) => {
        // The reader has other replicas and the scrubber finds the bad one too: not worth failing a read for.
        seams.log.warn({ err: QuarryError.from(failure) }, 'bad-block.not-reported');
      });
  }

  /** The replicas may have moved since they were located: asks once more, then gives up. */
  async #refresh(): Promise<void> {
    if (this.#refreshed) throw this.#unavailable();
    this.#refreshed = true;
    const at = this.#located.offsetBytes + this.#offsetBytes;
    const { blocks } = await locate(this.#context, this.#path, at, 1);
    const again = blocks.find(({ block }) => block?.blockId === this.#block.blockId);
    if (again === undefined) throw this.#unavailable();
    this.#located = again;
    this.#untried = again.locations;
  }

  #unavailable(): QuarryError {
    const { blockId } = this.#block;
    const reasons = this.#failures.length === 0 ? 'no datanode has it' : describeFailures(this.#failures);
    return new QuarryError(
      'BLOCK_UNAVAILABLE',
      `cannot read block ${blockId} of ${this.#path}: ${reasons}: start the datanodes that hold it (quarry fs fsck)`,
      { details: { path: this.#path, blockId }, cause: this.#failures.at(-1)?.error },
    );
  }
}
