import type { DatanodeInfo } from '../../../../proto/gen/quarry/DatanodeInfo.ts';
import type { BlockClient } from '../../../../client/fs/block-client.ts';
import { FileSystem } from '../../../../client/fs/file-system.ts';
import { resolveConfig } from '../../../../common/config.ts';
import type { ErrorCode } from '../../../../common/error-codes.ts';
import { silentLog } from '../../../../common/log.ts';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { SystemClock } from '../../../../common/seams/clock.ts';
import type { Net } from '../../../../common/seams/net.ts';
import { SystemRandom } from '../../../../common/seams/random.ts';
import type { Rpc } from '../../../../common/seams/rpc.ts';
import type { BlockReader, BlockReadRequest } from '../../../../common/transfer/block-reader.ts';
import type { BlockTransferRequest } from '../../../../common/transfer/block-transfer.ts';
import type { BlockWriter, BlockWriteRequest } from '../../../../common/transfer/block-writer.ts';

interface Replica {
  bytes: Buffer;
  stamp: number;
  finalized: boolean;
}

/** A datanode as its client experiences it: its replicas, and how it fails. */
export class FakeDatanode {
  readonly info: DatanodeInfo;
  readonly replicas = new Map<number, Replica>();
  /** Refuses to open anything with this code. */
  refuses: ErrorCode | undefined;
  /** Fails the write that would take a replica beyond that many bytes. */
  failsAtBytes = Infinity;
  failsToFinish = false;
  /** Gives that many bytes of a replica, then fails with `readFailure`. */
  readsBytes = Infinity;
  readFailure: ErrorCode = 'PEER_UNREACHABLE';
  readonly opened: string[] = [];

  constructor(id: string) {
    this.info = {
      id,
      uuid: `uuid-${id}`,
      dataAddress: `${id}:9866`,
      unixSocket: `/run/${id}.sock`,
      rpcAddress: `${id}:9868`,
      httpAddress: '',
      hostLabel: id,
      rack: '/default-rack',
    };
  }

  replica(blockId: number): Replica {
    const replica = this.replicas.get(blockId);
    if (replica === undefined) throw new QuarryError('BLOCK_NOT_FOUND', `${this.info.id} has no ${blockId}`);
    return replica;
  }
}

interface FakeBlock {
  blockId: number;
  stamp: number;
  lengthBytes: number;
  nodes: string[];
}
interface FakeFile {
  inodeId: number;
  blockSizeBytes: number;
  replication: number;
  blocks: FakeBlock[];
  complete: boolean;
}

type Request = Record<string, unknown> & {
  path: string;
  block: { blockId: number; generationStamp: number };
};

/** A namenode and its datanodes in memory, with the failures that a test asks for. */
export class FakeCluster implements BlockClient {
  readonly datanodes: FakeDatanode[];
  readonly files = new Map<string, FakeFile>();
  /** Every call as `Name`, in order, attempts included. */
  readonly calls: { name: string; request: Record<string, unknown> }[] = [];
  /** Called before a call is executed; what it throws is the answer. */
  beforeCall: (name: string, attempt: number) => void = () => undefined;
  /** Durable replicas that the namenode has heard of when a file is completed: the others' reports are on their way. */
  heardDurable = 3;
  readonly badBlocks: string[] = [];
  /** Bytes that a reader of a block gets at once. */
  pieceBytes = 100;
  #nextId = 1000;

  constructor(nodes = 3) {
    this.datanodes = Array.from({ length: nodes }, (_, i) => new FakeDatanode(`dn${i + 1}`));
  }

  connect(settings: Record<string, string> = {}, hostLabel = ''): Promise<FileSystem> {
    const config = resolveConfig({
      'client.blockSizeBytes': '4096',
      'client.packetBytes': '512',
      'client.rpcTimeoutMs': '400',
      ...settings,
    });
    const rpc = { client: { call: this.#call.bind(this), close: async () => undefined } };
    return FileSystem.connect({
      namenodeAddress: '127.0.0.1:9001',
      config,
      user: 'tester',
      hostLabel,
      blocks: this,
      seams: {
        net: {} as Net,
        rpc: rpc as unknown as Rpc,
        clock: new SystemClock(),
        random: new SystemRandom(),
        log: silentLog(),
      },
    });
  }

  datanode(id: string): FakeDatanode {
    return this.datanodes.find((node) => node.info.id === id)!;
  }

  named(name: string): Record<string, unknown>[] {
    return this.calls.filter((call) => call.name === name).map((call) => call.request);
  }

  /** What the namenode would serve, from the replicas that have the right stamp; they must agree. */
  content(path: string): Buffer {
    return Buffer.concat(
      this.files.get(path)!.blocks.map((block) => {
        const copies = block.nodes.map((id) => this.datanode(id).replica(block.blockId));
        for (const copy of copies) {
          if (copy.stamp !== block.stamp || !copy.bytes.equals(copies[0]!.bytes))
            throw new Error('replicas differ');
        }
        return copies[0]!.bytes;
      }),
    );
  }

  async #call(_address: string, method: { path: string }, request: Request): Promise<unknown> {
    const name = method.path.slice(method.path.lastIndexOf('/') + 1);
    this.calls.push({ name, request });
    const callId = (request['caller'] as { callId: number } | undefined)?.callId;
    const attempt = this.calls.filter(
      (call) =>
        call.name === name && (call.request['caller'] as { callId: number } | undefined)?.callId === callId,
    ).length;
    this.beforeCall(name, attempt);
    const handler = this.#handlers[name];
    if (handler === undefined) throw new Error(`the fake namenode has no ${name}`);
    return handler(request);
  }

  #file(path: string): FakeFile {
    const file = this.files.get(path);
    if (file === undefined) throw new QuarryError('FILE_NOT_FOUND', `no such file: ${path}`);
    return file;
  }

  #status(path: string, file: FakeFile) {
    const lengthBytes = file.blocks.reduce((sum, block) => sum + block.lengthBytes, 0);
    const { inodeId, blockSizeBytes, replication } = file;
    return {
      inodeId,
      path,
      lengthBytes,
      blockSizeBytes,
      replication,
      directory: false,
      underConstruction: !file.complete,
    };
  }

  #located(block: FakeBlock, offsetBytes = 0) {
    return {
      block: { blockId: block.blockId, generationStamp: block.stamp, lengthBytes: block.lengthBytes },
      offsetBytes,
      locations: block.nodes.map((id) => this.datanode(id).info),
      corrupt: false,
      complete: true,
    };
  }

  readonly #handlers: Record<string, (request: Request) => unknown> = {
    Create: ({ path, blockSizeBytes, replication, overwrite }) => {
      if (this.files.has(path) && overwrite !== true) throw new QuarryError('FILE_EXISTS', `${path} exists`);
      const file = {
        inodeId: this.#nextId++,
        blockSizeBytes: blockSizeBytes as number,
        replication: replication as number,
        blocks: [],
        complete: false,
      };
      this.files.set(path, file);
      return { status: this.#status(path, file) };
    },
    AddBlock: ({ path, excludedNodes, previous }) => {
      const file = this.#file(path);
      const last = file.blocks.at(-1);
      if (last !== undefined) last.lengthBytes = (previous as { lengthBytes: number }).lengthBytes;
      const nodes = this.datanodes
        .map((node) => node.info.id)
        .filter((id) => !(excludedNodes as string[]).includes(id))
        .slice(0, file.replication);
      if (nodes.length === 0) throw new QuarryError('NOT_ENOUGH_DATANODES', 'no datanode is left');
      const block = { blockId: this.#nextId++, stamp: this.#nextId++, lengthBytes: 0, nodes };
      file.blocks.push(block);
      return this.#located(block);
    },
    AbandonBlock: ({ path, block }) => {
      const file = this.#file(path);
      file.blocks = file.blocks.filter(({ blockId }) => blockId !== block.blockId);
      return { value: true };
    },
    GetAdditionalDatanode: ({ block, existingNodes, excludedNodes }) => {
      const out = [...(existingNodes as string[]), ...(excludedNodes as string[])];
      const chosen = this.datanodes.find(({ info }) => !out.includes(info.id));
      if (chosen === undefined) throw new QuarryError('NOT_ENOUGH_DATANODES', 'no datanode is left');
      return {
        block,
        locations: [...(existingNodes as string[]).map((id) => this.datanode(id).info), chosen.info],
      };
    },
    UpdateBlockForPipeline: ({ block }) => ({
      block: { ...block, generationStamp: this.#nextId++ },
      offsetBytes: 0,
      locations: [],
    }),
    UpdatePipeline: (request) => {
      const { newBlock, nodeIds } = request as unknown as {
        newBlock: { blockId: number; generationStamp: number };
        nodeIds: string[];
      };
      const block = [...this.files.values()]
        .flatMap((file) => file.blocks)
        .find(({ blockId }) => blockId === newBlock.blockId)!;
      block.stamp = newBlock.generationStamp;
      block.nodes = [...nodeIds];
      return { value: true };
    },
    Complete: ({ path, last }) => {
      const file = this.#file(path);
      const block = file.blocks.at(-1);
      if (block !== undefined) block.lengthBytes = (last as { lengthBytes: number }).lengthBytes;
      file.complete = true;
      return {
        complete: true,
        durableReplicas: Math.min(this.heardDurable, ...file.blocks.map(({ nodes }) => nodes.length)),
      };
    },
    Fsync: () => ({ value: true }),
    RenewLease: () => ({ value: true }),
    GetFileInfo: ({ path }) => {
      const file = this.files.get(path);
      return { status: file === undefined ? null : this.#status(path, file) };
    },
    Delete: ({ path }) => ({ value: this.files.delete(path) }),
    GetBlockLocations: ({ path, offsetBytes, lengthBytes }) => {
      const file = this.#file(path);
      const [from, to] = [offsetBytes as number, (offsetBytes as number) + (lengthBytes as number)];
      let at = 0;
      const blocks = file.blocks.flatMap((block) => {
        const start = at;
        at += block.lengthBytes;
        return start < to && at > from ? [this.#located(block, start)] : [];
      });
      return { status: this.#status(path, file), blocks, lastBlockComplete: file.complete };
    },
    ReportBadBlocks: ({ blocks }) => {
      for (const { nodeId } of blocks as { nodeId: string }[]) this.badBlocks.push(nodeId);
      return { value: true };
    },
  };

  async openWriter(request: BlockWriteRequest): Promise<BlockWriter> {
    const nodes = request.targets.map(({ id }) => this.datanode(id));
    for (const [failedIndex, node] of nodes.entries()) {
      const failedNode = node.info.id;
      node.opened.push(`${request.stage} ${request.targets.length}`);
      if (node.refuses !== undefined) {
        throw new QuarryError(node.refuses, `${failedNode} refuses`, {
          details: { failedNode, failedIndex },
        });
      }
    }
    for (const node of nodes) this.#openReplica(node, request);
    return new FakeBlockWriter(nodes, request);
  }

  async transfer({ block, targets, address }: BlockTransferRequest): Promise<void> {
    const source = this.datanodes.find(({ info }) => info.dataAddress === address)!;
    const replica = source.replica(block.blockId);
    for (const { id } of targets) {
      this.datanode(id).replicas.set(block.blockId, {
        ...replica,
        bytes: replica.bytes.subarray(0, block.lengthBytes),
      });
    }
  }

  #openReplica(node: FakeDatanode, { stage, block, newGenerationStamp }: BlockWriteRequest): void {
    if (stage === 'create') {
      node.replicas.set(block.blockId, {
        bytes: Buffer.alloc(0),
        stamp: newGenerationStamp,
        finalized: false,
      });
      return;
    }
    const replica = node.replica(block.blockId);
    replica.bytes = replica.bytes.subarray(0, block.lengthBytes);
    replica.stamp = newGenerationStamp;
    replica.finalized = stage === 'close-recovery';
  }

  async openReader(request: BlockReadRequest): Promise<BlockReader> {
    const node = this.datanodes.find(
      ({ info }) => info.dataAddress === request.address || `unix:${info.unixSocket}` === request.address,
    )!;
    node.opened.push(`read ${request.address}`);
    if (node.refuses !== undefined) throw new QuarryError(node.refuses, `${node.info.id} refuses`);
    const replica = node.replica(request.block.blockId);
    let at = request.offsetBytes;
    const end = request.offsetBytes + request.lengthBytes;
    const { pieceBytes } = this;
    return {
      close: () => undefined,
      async read() {
        if (at >= end) return undefined;
        if (at >= node.readsBytes) throw new QuarryError(node.readFailure, `${node.info.id} fails`);
        const data = replica.bytes.subarray(at, Math.min(at + pieceBytes, end));
        at += data.length;
        return data;
      },
    };
  }
}

class FakeBlockWriter implements BlockWriter {
  ackedBytes: number;
  readonly #nodes: readonly FakeDatanode[];
  readonly #blockId: number;
  #aborted = false;

  constructor(nodes: readonly FakeDatanode[], request: BlockWriteRequest) {
    this.#nodes = nodes;
    this.#blockId = request.block.blockId;
    this.ackedBytes = request.block.lengthBytes;
  }

  async write(data: Buffer): Promise<void> {
    if (this.#aborted) throw new Error('written after abort');
    for (const [failedIndex, node] of this.#nodes.entries()) {
      const replica = node.replica(this.#blockId);
      if (replica.bytes.length + data.length > node.failsAtBytes) {
        throw new QuarryError('PIPELINE_FAILED', `${node.info.id} broke`, {
          details: { failedNode: node.info.id, failedIndex },
        });
      }
      replica.bytes = Buffer.concat([replica.bytes, data]);
    }
    this.ackedBytes += data.length;
  }

  async flush(): Promise<void> {}

  async finish(): Promise<void> {
    for (const [failedIndex, node] of this.#nodes.entries()) {
      if (node.failsToFinish) {
        throw new QuarryError('DEADLINE', `${node.info.id} is silent`, {
          details: { failedNode: node.info.id, failedIndex },
        });
      }
      node.replica(this.#blockId).finalized = true;
    }
  }

  abort(): void {
    this.#aborted = true;
  }

  unacked(): readonly Buffer[] {
    return [];
  }
}
