import { resolveConfig } from '../../../../common/config.ts';
import { silentLog } from '../../../../common/log.ts';
import { SystemClock } from '../../../../common/seams/clock.ts';
import { type BlockReadRequest, openBlockReader } from '../../../../common/transfer/block-reader.ts';
import {
  type BlockWriter,
  type BlockWriteRequest,
  openBlockWriter,
} from '../../../../common/transfer/block-writer.ts';
import { blockPoolId } from '../../../../common/transfer/protocol.ts';
import {
  type DataServer,
  startDataServer,
  type TransferEvent,
} from '../../../../datanode/transfer/data-server.ts';
import { MemoryBlockStore } from './memory-block-store.ts';
import { PairNet } from './pair-net.ts';

export const STAMP = 1001;

export interface TestNode {
  readonly id: string;
  readonly address: string;
  readonly store: MemoryBlockStore;
  readonly server: DataServer;
  readonly events: TransferEvent[];
}

/** Data servers over an in-process network, and what a client needs to talk to them. */
export class TransferCluster {
  readonly net = new PairNet();
  readonly clock = new SystemClock();
  readonly config = resolveConfig({ 'client.ackTimeoutMs': '400', 'client.connectTimeoutMs': '200' });
  readonly nodes: TestNode[] = [];

  async start(count: number): Promise<this> {
    for (let i = 1; i <= count; i++) {
      const id = `dn${i}`;
      const store = new MemoryBlockStore();
      const events: TransferEvent[] = [];
      const server = await startDataServer({
        seams: { net: this.net, clock: this.clock, log: silentLog() },
        config: this.config,
        store,
        nodeId: id,
        poolId: () => blockPoolId('c1'),
        listenAddress: 'dn:0',
        unixSocket: '',
        onReplica: (event) => events.push(event),
      });
      this.nodes.push({ id, address: server.address, store, server, events });
    }
    return this;
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.server.close()));
  }

  writeRequest(blockId: number, change: Partial<BlockWriteRequest> = {}): BlockWriteRequest {
    return {
      block: { blockId, generationStamp: STAMP, lengthBytes: 0 },
      targets: this.nodes.map(({ id, address }) => ({ id, address })),
      stage: 'create',
      newGenerationStamp: STAMP,
      minBytesReceived: 0,
      maxBytesReceived: 0,
      clientName: 'test',
      poolId: blockPoolId('c1'),
      packetBytes: 64 * 1024,
      windowBytes: 1024 * 1024,
      connectTimeoutMs: 200,
      ackTimeoutMs: 400,
      ...change,
    };
  }

  writer(blockId: number, change: Partial<BlockWriteRequest> = {}): Promise<BlockWriter> {
    return openBlockWriter(this, this.writeRequest(blockId, change));
  }

  async put(blockId: number, data: Buffer, change: Partial<BlockWriteRequest> = {}): Promise<void> {
    const writer = await this.writer(blockId, change);
    await writer.write(data);
    await writer.finish();
  }

  readRequest(blockId: number, change: Partial<BlockReadRequest> = {}): BlockReadRequest {
    const node = this.nodes[0]!;
    const lengthBytes = node.store.replica(blockId)?.lengthBytes ?? 0;
    return {
      address: node.address,
      block: { blockId, generationStamp: STAMP, lengthBytes },
      offsetBytes: 0,
      lengthBytes,
      clientName: 'test',
      connectTimeoutMs: 200,
      readTimeoutMs: 400,
      ...change,
    };
  }

  async get(blockId: number, change: Partial<BlockReadRequest> = {}): Promise<Buffer> {
    const reader = await openBlockReader(this, this.readRequest(blockId, change));
    const parts: Buffer[] = [];
    for (let part = await reader.read(); part !== undefined; part = await reader.read()) parts.push(part);
    return Buffer.concat(parts);
  }
}

/** Bytes that differ at every place, so that a shift by any amount shows. */
export function someBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
