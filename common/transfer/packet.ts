import { BYTES_PER_CHECKSUM } from '../checksum.ts';
import { PACKET_BYTES_MAX } from '../limits.ts';
import { checksumBytes } from './chunk-checksums.ts';
import { HEARTBEAT_SEQNO, protocolViolation } from './protocol.ts';
import type { Wire } from './wire.ts';

export interface PacketHeader {
  readonly offsetInBlock: number;
  readonly seqno: number;
  readonly last: boolean;
  readonly dataLength: number;
  readonly sync: boolean;
}

export interface Packet extends PacketHeader {
  /** Lengths and header as received, for forwarding. */
  readonly head: Buffer;
  readonly checksums: Buffer;
  readonly data: Buffer;
  /** Checksums and data in one run, as they were received. */
  readonly payload: Buffer;
}

const LENGTHS_BYTES = 6; // PLEN (4) and HLEN (2)
const HEADER_BYTES_MAX = 1024; // a real one has 25 or 27
const TWO_32 = 2 ** 32;

/** Lengths and header of a packet whose checksums have `checksumsLength` bytes. */
export function encodePacketHead(header: PacketHeader, checksumsLength: number): Buffer {
  const headerLength = header.sync ? 27 : 25;
  const head = Buffer.allocUnsafe(LENGTHS_BYTES + headerLength);
  head.writeInt32BE(4 + checksumsLength + header.dataLength, 0);
  head.writeInt16BE(headerLength, 4);
  head[6] = 0x09; // field 1, 64 bit
  writeInt64(head, header.offsetInBlock, 7);
  head[15] = 0x11; // field 2, 64 bit
  writeInt64(head, header.seqno, 16);
  head[24] = 0x18; // field 3, varint
  head[25] = header.last ? 1 : 0;
  head[26] = 0x25; // field 4, 32 bit
  head.writeInt32LE(header.dataLength, 27);
  if (header.sync) {
    head[31] = 0x28; // field 5, varint
    head[32] = 1;
  }
  return head;
}

function writeInt64(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(((value % TWO_32) + TWO_32) % TWO_32, at);
  buffer.writeInt32LE(Math.floor(value / TWO_32), at + 4);
}

function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32LE(at + 4) * TWO_32 + buffer.readUInt32LE(at);
}

/** A PacketHeaderProto. Errors: PEER_UNREACHABLE when it is none. */
export function decodePacketHeader(bytes: Buffer): PacketHeader {
  let offsetInBlock: number | undefined;
  let seqno: number | undefined;
  let dataLength: number | undefined;
  let last = false;
  let sync = false;
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!;
    const width = tag === 0x09 || tag === 0x11 ? 8 : tag === 0x25 ? 4 : 1;
    if (at + 1 + width > bytes.length) throw protocolViolation('a packet header that is cut short');
    if (tag === 0x09) offsetInBlock = readInt64(bytes, at + 1);
    else if (tag === 0x11) seqno = readInt64(bytes, at + 1);
    else if (tag === 0x25) dataLength = bytes.readInt32LE(at + 1);
    else if (tag === 0x18) last = bytes[at + 1] === 1;
    else if (tag === 0x28) sync = bytes[at + 1] === 1;
    else throw protocolViolation(`tag ${tag} in a packet header`);
    at += 1 + width;
  }
  if (offsetInBlock === undefined || seqno === undefined || dataLength === undefined) {
    throw protocolViolation('a packet header without its required fields');
  }
  return { offsetInBlock, seqno, last, dataLength, sync };
}

/**
 * The next packet, its checksums and data in a buffer that `allocate` makes; its checksums are still to be verified. Undefined when the peer has ended the stream before it.
 * Errors: PEER_UNREACHABLE (also for bytes that are no packet), DEADLINE.
 */
export async function readPacket(
  wire: Wire,
  checksummed: boolean,
  timeoutMs: number,
  allocate: (lengthBytes: number) => Buffer = allocateOwn,
): Promise<Packet | undefined> {
  if (!(await wire.more(LENGTHS_BYTES, timeoutMs))) return undefined;
  const lengths = wire.take(LENGTHS_BYTES);
  const payload = lengths.readInt32BE(0) - 4;
  const headerLength = lengths.readInt16BE(4);
  if (payload < 0 || payload > PACKET_BYTES_MAX || headerLength < 0 || headerLength > HEADER_BYTES_MAX) {
    throw protocolViolation(`a packet of ${payload} bytes with a header of ${headerLength}`);
  }
  await wire.fill(headerLength, timeoutMs);
  const headerBytes = headerLength === 0 ? Buffer.alloc(0) : wire.take(headerLength);
  const header = decodePacketHeader(headerBytes);
  const checksumsLength = payload - header.dataLength;
  const expected = checksummed ? checksumBytes(Math.max(0, header.dataLength)) : 0;
  if (header.dataLength < 0 || checksumsLength !== expected || !plausible(header)) {
    throw protocolViolation(`a packet of ${payload} bytes for ${header.dataLength} bytes of data`);
  }
  const received = payload === 0 ? EMPTY : allocate(payload);
  if (payload > 0) await wire.readInto(received, timeoutMs);
  return {
    ...header,
    head: Buffer.concat([lengths, headerBytes]),
    checksums: received.subarray(0, checksumsLength),
    data: received.subarray(checksumsLength),
    payload: received,
  };
}

const EMPTY = Buffer.alloc(0);

function allocateOwn(lengthBytes: number): Buffer {
  return Buffer.allocUnsafe(lengthBytes);
}

/** Data starts on a checksum's first byte, or fills up the rest of one that a flush or an append has left open. */
function plausible({ offsetInBlock, seqno, dataLength }: PacketHeader): boolean {
  if (!Number.isSafeInteger(offsetInBlock) || offsetInBlock < 0) return false;
  if (!Number.isSafeInteger(seqno) || seqno < HEARTBEAT_SEQNO) return false;
  const inChunk = offsetInBlock % BYTES_PER_CHECKSUM;
  return inChunk === 0 || inChunk + dataLength <= BYTES_PER_CHECKSUM;
}
