import { join } from 'node:path';
import protobuf, { type Root, type Type } from 'protobufjs';
import { packageRoot } from '../package-root.ts';
import { protocolViolation } from './protocol.ts';

/** ExtendedBlockProto: a block in its pool. */
export interface PoolBlock {
  readonly poolId: string;
  readonly blockId: number;
  readonly generationStamp: number;
  readonly numBytes: number;
}
export interface BaseHeader {
  readonly block: PoolBlock;
}
export interface OperationHeader {
  readonly baseHeader: BaseHeader;
  readonly clientName: string;
}
export interface TargetNode {
  readonly id: {
    readonly ipAddr: string;
    readonly hostName: string;
    readonly datanodeUuid: string;
    readonly xferPort: number;
    readonly infoPort: number;
    readonly ipcPort: number;
  };
}
export interface ChecksumKind {
  readonly type: number;
  readonly bytesPerChecksum: number;
}
export interface OpWriteBlock {
  readonly header: OperationHeader;
  readonly targets: readonly TargetNode[];
  readonly stage: number;
  readonly pipelineSize: number;
  readonly minBytesRcvd: number;
  readonly maxBytesRcvd: number;
  readonly latestGenerationStamp: number;
  readonly requestedChecksum: ChecksumKind;
}
export interface OpReadBlock {
  readonly header: OperationHeader;
  readonly offset: number;
  readonly len: number;
  readonly sendChecksums: boolean;
}
export interface OpTransferBlock {
  readonly header: OperationHeader;
  readonly targets: readonly TargetNode[];
}
export interface BlockChecksumOptions {
  readonly blockChecksumType: number;
  readonly stripeLength: number;
}
export interface OpBlockChecksum {
  readonly header: BaseHeader;
  readonly blockChecksumOptions?: BlockChecksumOptions | null;
}
export interface BlockOpResponse {
  readonly status: number;
  readonly firstBadLink?: string;
  readonly checksumResponse?: {
    readonly bytesPerCrc: number;
    readonly crcPerBlock: number;
    readonly blockChecksum: Uint8Array;
    readonly crcType: number;
    readonly blockChecksumOptions: BlockChecksumOptions;
  } | null;
  readonly readOpChecksumInfo?: { readonly checksum: ChecksumKind; readonly chunkOffset: number } | null;
  readonly message?: string;
}
export interface ClientReadStatus {
  readonly status: number;
}

/** One message type of proto/hadoop. Senders and receivers agree on the interface, the wire on the .proto. */
export interface MessageCodec<T> {
  /** With its length before it. */
  encodeDelimited(message: T): Buffer;
  /** Unset fields have their defaults, unset messages are null. Errors: PEER_UNREACHABLE for bytes that are not such a message. */
  decode(bytes: Buffer): T;
}

let root: Root | undefined;

/** Parsed on first use: a process that moves no blocks does not pay for it. */
function lookup(name: string): Type {
  if (root === undefined) {
    const directory = join(packageRoot, 'proto', 'hadoop');
    root = new protobuf.Root();
    root.resolvePath = (_origin, target) => join(directory, target);
    root.loadSync('datatransfer.proto', { keepCase: true });
  }
  return root.lookupType(`hadoop.hdfs.${name}`);
}

function codec<T extends object>(name: string): MessageCodec<T> {
  let found: Type | undefined;
  const type = () => (found ??= lookup(name));
  return {
    encodeDelimited(message) {
      const bytes = type().encodeDelimited(message).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    },
    decode(bytes) {
      try {
        return type().toObject(type().decode(bytes), {
          longs: Number,
          defaults: true,
          arrays: true,
        }) as T;
      } catch (cause) {
        throw protocolViolation(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`);
      }
    },
  };
}

export const opWriteBlock = codec<OpWriteBlock>('OpWriteBlockProto');
export const opReadBlock = codec<OpReadBlock>('OpReadBlockProto');
export const opTransferBlock = codec<OpTransferBlock>('OpTransferBlockProto');
export const opBlockChecksum = codec<OpBlockChecksum>('OpBlockChecksumProto');
export const blockOpResponse = codec<BlockOpResponse>('BlockOpResponseProto');
export const clientReadStatus = codec<ClientReadStatus>('ClientReadStatusProto');
