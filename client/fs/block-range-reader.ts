import type { DatanodeInfo } from '../../proto/gen/quarry/DatanodeInfo.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { BlockReader } from '../../common/transfer/block-reader.ts';
import { describeFailures, type NodeFailure } from './failed-nodes.ts';
import { dataAddress, type FsContext } from './fs-context.ts';
import type { LocatedReplicas } from './located-replicas.ts';

/** Between two questions to the namenode who has the block by now. */
const WAIT_MS = 250;

interface OpenReplica {
  readonly node: DatanodeInfo;
  readonly reader: BlockReader;
  readonly offsetBytes: number;
  readonly sinceMs: number;
}

/** A range of one block, from whichever replica gives it: on a failure the next one goes on at the same byte. */
export class BlockRangeReader {
  readonly #context: FsContext;
  readonly #replicas: LocatedReplicas;
  readonly #endBytes: number;
  readonly #allocate: ((lengthBytes: number) => Buffer) | undefined;
  /** In the block: of the next byte to hand out. */
  #offsetBytes: number;
  #untried: readonly DatanodeInfo[] | undefined;
  /** When no replica was left to try; undefined while one serves. */
  #waitsSinceMs: number | undefined;
  #failures: NodeFailure[] = [];
  #replica: OpenReplica | undefined;
  #closed = false;

  constructor(
    context: FsContext,
    replicas: LocatedReplicas,
    range: { offsetBytes: number; endBytes: number },
    allocate?: (lengthBytes: number) => Buffer,
  ) {
    this.#allocate = allocate;
    this.#context = context;
    this.#replicas = replicas;
    this.#offsetBytes = range.offsetBytes;
    this.#endBytes = range.endBytes;
  }

  get leftBytes(): number {
    return this.#endBytes - this.#offsetBytes;
  }

  /** Host label of the node that the next buffer is expected from, or the last one came from. */
  get servedBy(): string | undefined {
    return this.#replica?.node.hostLabel;
  }

  /** Undefined at the end. Errors: BLOCK_UNAVAILABLE with every replica's reason; FILE_NOT_FOUND when the file has gone meanwhile. */
  async read(): Promise<Buffer | undefined> {
    while (this.leftBytes > 0) {
      this.#replica ??= await this.#openNext();
      try {
        const data = await this.#replica.reader.read();
        if (data === undefined) throw new QuarryError('PEER_UNREACHABLE', 'the replica ended early');
        this.#offsetBytes += data.length;
        this.#waitsSinceMs = undefined;
        if (this.leftBytes === 0) this.#noteRate(this.#replica);
        return data;
      } catch (thrown) {
        if (this.#closed) throw this.#closedError();
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
  }

  async #openNext(): Promise<OpenReplica> {
    for (;;) {
      if (this.#closed) throw this.#closedError();
      const node = this.#nextNode();
      if (node === undefined) {
        await this.#refresh();
        continue;
      }
      try {
        const sinceMs = this.#context.seams.clock.monoMs();
        const reader = await this.#open(node);
        if (this.#closed) reader.close();
        else return { node, reader, offsetBytes: this.#offsetBytes, sinceMs };
      } catch (thrown) {
        this.#note(node, thrown);
      }
    }
  }

  /** Chosen as late as possible: what others have met meanwhile counts. */
  #nextNode(): DatanodeInfo | undefined {
    this.#untried ??= this.#replicas.order();
    const [node] = this.#context.suspects.order(this.#untried);
    this.#untried = this.#untried.filter((other) => other !== node);
    return node;
  }

  #open(node: DatanodeInfo): Promise<BlockReader> {
    const { blocks, namenode, config } = this.#context;
    return blocks.openReader({
      address: dataAddress(this.#context, node),
      block: this.#replicas.block,
      offsetBytes: this.#offsetBytes,
      lengthBytes: this.leftBytes,
      clientName: namenode.clientName,
      connectTimeoutMs: config['client.connectTimeoutMs'],
      readTimeoutMs: config['client.readTimeoutMs'],
      allocate: this.#allocate,
    });
  }

  #noteRate({ node, offsetBytes, sinceMs }: OpenReplica): void {
    const tookMs = this.#context.seams.clock.monoMs() - sinceMs;
    this.#replicas.choice.note(node, this.#endBytes - offsetBytes, tookMs);
  }

  #note(node: DatanodeInfo, thrown: unknown): void {
    const error = QuarryError.from(thrown);
    const { suspects, seams, namenode } = this.#context;
    const { block, path } = this.#replicas;
    this.#failures.push({ nodeId: node.id, error });
    seams.log.warn({ path, blockId: block.blockId, node: node.id, err: error }, 'replica.read-failed');
    if (hasCode(error, 'PEER_UNREACHABLE', 'DEADLINE')) suspects.suspect(node.id);
    const isNew = this.#replicas.failed(node.id);
    if (!isNew || !hasCode(error, 'BLOCK_CORRUPT')) return;
    namenode.call('ReportBadBlocks', { blocks: [{ block, nodeId: node.id }] }).catch((failure: unknown) => {
      // The reader has other replicas and the scrubber finds the bad one too: not worth failing a read for.
      seams.log.warn({ err: QuarryError.from(failure) }, 'bad-block.not-reported');
    });
  }

  /**
   * The replicas may have moved since they were located: asks once more at once. Then their nodes may be starting again: asks for
   * a while, unless every replica that there is has been found damaged.
   */
  async #refresh(): Promise<void> {
    const { seams, config } = this.#context;
    if (this.#waitsSinceMs === undefined) this.#waitsSinceMs = seams.clock.monoMs();
    else {
      const areDamaged =
        this.#failures.length > 0 && this.#failures.every(({ error }) => hasCode(error, 'BLOCK_CORRUPT'));
      const waitedMs = seams.clock.monoMs() - this.#waitsSinceMs;
      if (areDamaged || waitedMs >= config['client.replicaWaitMs']) throw this.#unavailable();
      await seams.clock.sleep(WAIT_MS);
      this.#failures = [];
    }
    if (!(await this.#replicas.refresh(this.#offsetBytes))) throw this.#unavailable();
    this.#untried = undefined;
  }

  #closedError(): QuarryError {
    return new QuarryError('INTERRUPTED', `the reader of ${this.#replicas.path} is closed`);
  }

  #unavailable(): QuarryError {
    const { block, path } = this.#replicas;
    const reasons = this.#failures.length === 0 ? 'no datanode has it' : describeFailures(this.#failures);
    return new QuarryError(
      'BLOCK_UNAVAILABLE',
      `cannot read block ${block.blockId} of ${path}: ${reasons}: start the datanodes that hold it (quarry fs fsck)`,
      { details: { path, blockId: block.blockId }, cause: this.#failures.at(-1)?.error },
    );
  }
}
