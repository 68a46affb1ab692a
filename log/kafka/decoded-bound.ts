/**
 * How many bytes a compressed body can decode to at most, told from its framing alone: a hostile or broken batch of a
 * kilobyte must not take the reader's memory. Each throws a RangeError for bytes that are not of its format.
 */

const LZ4_MAGIC = 0x184d2204;
/** A sequence of LZ4 adds at most 255 bytes for each byte it takes. */
const LZ4_RATIO_MAX = 255;

/** An LZ4 frame: magic 4, flags, block size, [content size 8], [dictionary 4], checksum 1, then blocks until one of length 0. */
export function lz4Bound(bytes: Buffer): number {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== LZ4_MAGIC) throw new RangeError('no LZ4 frame');
  const flags = bytes[4]!;
  const blockMax = 1 << (8 + 2 * ((bytes[5]! >> 4) & 7));
  const checksumBytes = (flags & 0x10) === 0 ? 0 : 4;
  let at = 7 + ((flags & 0x08) === 0 ? 0 : 8) + ((flags & 0x01) === 0 ? 0 : 4);
  let bound = 0;
  for (;;) {
    const size = bytes.readUInt32LE(at);
    if (size === 0) return bound;
    const length = size & 0x7fffffff;
    const isPlain = size > 0x7fffffff;
    bound += isPlain ? length : Math.min(blockMax, length * LZ4_RATIO_MAX);
    at += 4 + length + checksumBytes;
  }
}

const ZSTD_MAGIC = 0xfd2fb528;
const ZSTD_BLOCK_MAX = 128 * 1024;

/** A Zstandard frame (RFC 8878, 3.1.1): what it declares, or the sum of its blocks when its writer did not know. */
export function zstdBound(bytes: Buffer): number {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== ZSTD_MAGIC) throw new RangeError('no Zstandard frame');
  const descriptor = bytes[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  let at = 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  const declared = declaredSize(bytes, at, descriptor >> 6, isSingleSegment);
  if (declared !== undefined) return declared.size;
  let bound = 0;
  for (let isLast = false; !isLast; ) {
    const head = bytes.readUIntLE(at, 3);
    isLast = (head & 1) !== 0;
    const [type, size] = [(head >> 1) & 3, head >> 3];
    bound += type === 2 ? ZSTD_BLOCK_MAX : size;
    at += 3 + (type === 1 ? 1 : size);
  }
  return bound;
}

function declaredSize(
  bytes: Buffer,
  at: number,
  flag: number,
  isSingleSegment: boolean,
): { size: number } | undefined {
  if (flag === 3) return { size: Number(bytes.readBigUInt64LE(at)) };
  if (flag === 2) return { size: bytes.readUInt32LE(at) };
  if (flag === 1) return { size: bytes.readUInt16LE(at) + 256 };
  return isSingleSegment ? { size: bytes.readUInt8(at) } : undefined;
}

/** Raw Snappy begins with the decoded length as a varint. */
export function snappyBound(bytes: Buffer): number {
  let bound = 0;
  for (let index = 0; index < 5; index++) {
    const byte = bytes.readUInt8(index);
    bound += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return bound;
  }
  throw new RangeError('no Snappy block');
}
