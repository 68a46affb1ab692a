import { splitAddress } from '../seams/system-net.ts';
import type { MessageCodec, OperationHeader, TargetNode } from './messages.ts';
import { PROTOCOL_VERSION } from './protocol.ts';

/** A block as Quarry's own callers name it. */
export interface BlockName {
  readonly blockId: number;
  readonly generationStamp: number;
  readonly lengthBytes: number;
}

/** A datanode to send to: its id in blame, host:port of its data port (for the first one unix:/path too). */
export interface TransferTarget {
  readonly id: string;
  readonly address: string;
}

/** What opens every exchange: version, op code, its message. */
export function encodeOperation<T>(op: number, codec: MessageCodec<T>, message: T): Buffer {
  const head = Buffer.from([PROTOCOL_VERSION >> 8, PROTOCOL_VERSION & 255, op]);
  return Buffer.concat([head, codec.encodeDelimited(message)]);
}

/** An empty pool id is for callers that do not know the cluster's id; the datanode takes it for its own. */
export function operationHeader(block: BlockName, poolId: string, clientName: string): OperationHeader {
  return {
    baseHeader: {
      block: {
        poolId,
        blockId: block.blockId,
        generationStamp: block.generationStamp,
        numBytes: block.lengthBytes,
      },
    },
    clientName,
  };
}

export function encodeTarget(target: TransferTarget): TargetNode {
  const { host, port } = splitAddress(target.address);
  return {
    id: {
      ipAddr: host,
      hostName: host,
      datanodeUuid: target.id,
      xferPort: port,
      infoPort: 0,
      ipcPort: 0,
    },
  };
}

export function decodeTarget(node: TargetNode): TransferTarget {
  return { id: node.id.datanodeUuid, address: `${node.id.ipAddr}:${node.id.xferPort}` };
}
