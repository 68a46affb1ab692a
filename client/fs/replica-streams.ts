import type { Block } from '../../proto/gen/quarry/Block.ts';
import type { DatanodeInfo } from '../../proto/gen/quarry/DatanodeInfo.ts';
import type { BlockWriter } from '../../common/transfer/block-writer.ts';
import type { WriteStage } from '../../common/transfer/protocol.ts';
import { type NodeFailure, nodeFailure } from './failed-nodes.ts';
import { dataAddress, type FsContext } from './fs-context.ts';

interface ReplicaStream {
  readonly writer: BlockWriter;
  readonly nodeIds: readonly string[];
}

export interface OpenStreamsRequest {
  readonly block: Block;
  readonly stage: WriteStage;
  readonly newGenerationStamp: number;
  readonly minBytesReceived: number;
  readonly maxBytesReceived: number;
}

/** One chain (the client sends once, each node forwards), or a star: one stream a replica, so that a failure has one possible culprit. */
export type Topology = 'chain' | 'star';

/** The open streams of one block, written as one: what goes in goes to every replica, what is acknowledged is stored on all. */
export class ReplicaStreams {
  readonly #streams: readonly ReplicaStream[];

  private constructor(streams: readonly ReplicaStream[]) {
    this.#streams = streams;
  }

  /** Never rejects for a node's sake: who could not be opened is among the failures. */
  static async open(
    context: FsContext,
    request: OpenStreamsRequest,
    nodes: readonly DatanodeInfo[],
    topology: Topology,
  ): Promise<{ streams: ReplicaStreams; failures: NodeFailure[] }> {
    const groups = topology === 'chain' ? [nodes] : nodes.map((node) => [node]);
    const failures: NodeFailure[] = [];
    const opened = await Promise.all(
      groups.map(async (group): Promise<ReplicaStream | undefined> => {
        const nodeIds = group.map((node) => node.id);
        try {
          return { nodeIds, writer: await openWriter(context, request, group) };
        } catch (thrown) {
          failures.push(nodeFailure(thrown, nodeIds));
          return undefined;
        }
      }),
    );
    return { streams: new ReplicaStreams(opened.filter((stream) => stream !== undefined)), failures };
  }

  get nodeIds(): string[] {
    return this.#streams.flatMap((stream) => stream.nodeIds);
  }

  get ackedBytes(): number {
    return Math.min(...this.#streams.map((stream) => stream.writer.ackedBytes));
  }

  /** Does the same on every stream and waits for all; the failures of those that could not. */
  async each(action: (writer: BlockWriter) => Promise<void>): Promise<NodeFailure[]> {
    const only = this.#streams[0];
    if (only !== undefined && this.#streams.length === 1) return this.#one(only, action);
    return (await Promise.all(this.#streams.map((stream) => this.#one(stream, action)))).flat();
  }

  async #one(stream: ReplicaStream, action: (writer: BlockWriter) => Promise<void>): Promise<NodeFailure[]> {
    try {
      await action(stream.writer);
      return [];
    } catch (thrown) {
      return [nodeFailure(thrown, stream.nodeIds)];
    }
  }

  abort(): void {
    for (const stream of this.#streams) stream.writer.abort();
  }
}

function openWriter(
  context: FsContext,
  request: OpenStreamsRequest,
  nodes: readonly DatanodeInfo[],
): Promise<BlockWriter> {
  const { config } = context;
  return context.blocks.openWriter({
    ...request,
    // The datanodes of a chain reach each other by TCP; the first may be reached by its socket.
    targets: nodes.map((node, index) => ({
      id: node.id,
      address: index === 0 ? dataAddress(context, node) : node.dataAddress,
    })),
    clientName: context.namenode.clientName,
    packetBytes: config['client.packetBytes'],
    windowBytes: config['client.windowBytes'],
    connectTimeoutMs: config['client.connectTimeoutMs'],
    ackTimeoutMs: config['client.ackTimeoutMs'],
  });
}
