/**
 * Keys of the namenode's database as binary strings (one character a byte), so that they serve as Map keys too. Ids are
 * big-endian: entries of a directory, blocks and transactions are ranges in order.
 */
export const ROOT_ID = 1;

const TWO_32 = 0x1_0000_0000;

function id8(id: number): string {
  const high = Math.floor(id / TWO_32);
  const low = id >>> 0;
  return String.fromCharCode(
    0,
    (high >>> 16) & 0xff,
    (high >>> 8) & 0xff,
    high & 0xff,
    low >>> 24,
    (low >>> 16) & 0xff,
    (low >>> 8) & 0xff,
    low & 0xff,
  );
}

function text(value: string): string {
  return Buffer.from(value, 'utf8').toString('latin1');
}

/** The id at `offset` of a binary key. */
export function idAt(key: Buffer, offset: number): number {
  return key.readUInt32BE(offset) * TWO_32 + key.readUInt32BE(offset + 4);
}

export const inodeKey = (parentId: number, name: string): string => `I${id8(parentId)}${text(name)}`;
export const parentKey = (inodeId: number): string => `N${id8(inodeId)}`;
export const segmentKey = (inodeId: number, segment: number): string => `F${id8(inodeId)}${id8(segment)}`;
export const blockKey = (blockId: number): string => `B${id8(blockId)}`;
export const leaseKey = (inodeId: number): string => `L${id8(inodeId)}`;
export const detachedKey = (inodeId: number): string => `G${id8(inodeId)}`;
export const deletionKey = (blockId: number): string => `D${id8(blockId)}`;
export const knownNodeKey = (nodeId: string): string => `K${text(nodeId)}`;
export const transactionKey = (txid: number): string => `T${id8(txid)}`;
export const retryKey = (minute: number, clientId: string, callId: number): string =>
  `R${id8(minute)}${Buffer.from(clientId, 'hex').toString('latin1')}${id8(callId)}`;
export const COUNTERS_KEY = 'M';
export const ROOT_KEY = inodeKey(0, '');

/** The name in the key of a directory entry. */
export const nameInKey = (key: Buffer): string => key.toString('utf8', 9);

/** All keys that start with `prefix`. The prefixes used end in a letter or an id, never in 0xff alone. */
export function rangeOf(prefix: string): { gte: Buffer; lt: Buffer } {
  const gte = Buffer.from(prefix, 'latin1');
  const lt = Buffer.from(gte);
  let at = lt.length - 1;
  while (lt[at] === 0xff) at--;
  lt[at]! += 1;
  return { gte, lt: lt.subarray(0, at + 1) };
}
export const childrenPrefix = (inodeId: number): string => `I${id8(inodeId)}`;

export function keyBytes(key: string): Buffer {
  return Buffer.from(key, 'latin1');
}
