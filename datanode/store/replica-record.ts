import { crc32c } from '../../common/checksum.ts';
import type { ReplicaState } from './block-store.ts';
import { readUint64, writeUint64 } from './uint64.ts';

/** What the index keeps of a replica besides its extents. */
export interface ReplicaRecord {
  readonly blockId: number;
  readonly generationStamp: number;
  /** Of a replica under recovery: what it was before. */
  readonly state: Exclude<ReplicaState, 'RUR'>;
  readonly lengthBytes: number;
  readonly durableLengthBytes: number;
  /** 0 when no recovery has started; else no recovery with this stamp or an older one may start. */
  readonly recoveryStamp: number;
  /** Chunks from this place in arrival order on may belong to the replica without being in its extents; 0 for none. */
  readonly scanFromSeq: number;
  /** Bytes of chunk values by segment: its first seq -> bytes. */
  readonly usage: ReadonlyMap<number, number>;
}

const STATES = ['TEMPORARY', 'RBW', 'RWR', 'FINALIZED'] as const;
const VERSION = 1;
// crc 4, version 1, state 1, stamp 8, length 8, durable 8, recovery 8, scan 8, then (segment 8, bytes 8) each.
const FIXED_BYTES = 46;

export function encodeReplica(record: ReplicaRecord): Buffer {
  const value = Buffer.alloc(FIXED_BYTES + record.usage.size * 16);
  value.writeUInt8(VERSION, 4);
  value.writeUInt8(STATES.indexOf(record.state), 5);
  writeUint64(value, record.generationStamp, 6);
  writeUint64(value, record.lengthBytes, 14);
  writeUint64(value, record.durableLengthBytes, 22);
  writeUint64(value, record.recoveryStamp, 30);
  writeUint64(value, record.scanFromSeq, 38);
  let at = FIXED_BYTES;
  for (const [segment, bytes] of record.usage) {
    writeUint64(value, segment, at);
    writeUint64(value, bytes, at + 8);
    at += 16;
  }
  value.writeUInt32BE(crc32c(value.subarray(4)), 0);
  return value;
}

/** Undefined when the value is damaged: LevelDB does not look. */
export function decodeReplica(blockId: number, value: Buffer): ReplicaRecord | undefined {
  if (value.length < FIXED_BYTES || value.readUInt32BE(0) !== crc32c(value.subarray(4))) return undefined;
  const state = STATES[value.readUInt8(5)];
  if (value.readUInt8(4) !== VERSION || state === undefined) return undefined;
  const usage = new Map<number, number>();
  for (let at = FIXED_BYTES; at + 16 <= value.length; at += 16) {
    usage.set(readUint64(value, at), readUint64(value, at + 8));
  }
  return {
    blockId,
    state,
    generationStamp: readUint64(value, 6),
    lengthBytes: readUint64(value, 14),
    durableLengthBytes: readUint64(value, 22),
    recoveryStamp: readUint64(value, 30),
    scanFromSeq: readUint64(value, 38),
    usage,
  };
}
