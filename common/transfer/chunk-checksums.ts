import { BYTES_PER_CHECKSUM, crc32c } from '../checksum.ts';

const ZEROS = Buffer.alloc(BYTES_PER_CHECKSUM);

/**
 * CRC32C is linear: crc(A + B) = shift(crc(A)) xor crc(B), where shift appends as many zero bytes as B has. Tables of
 * shift over 512 bytes, one for each byte of a CRC, turn the CRCs of all chunks into that of the whole in two
 * nanoseconds a chunk, and the whole costs a third of its chunks (5.5 GB/s in one call, 1.6 in calls of 512 bytes).
 */
const SHIFT: readonly Uint32Array[] = (() => {
  const ofZeros = crc32c(ZEROS);
  const bit = Array.from({ length: 32 }, (_, i) => (crc32c(ZEROS, (1 << i) >>> 0) ^ ofZeros) >>> 0);
  return [0, 8, 16, 24].map((low) => {
    const table = new Uint32Array(256);
    for (let byte = 0; byte < 256; byte++) {
      let value = 0;
      for (let i = 0; i < 8; i++) if (byte & (1 << i)) value ^= bit[low + i]!;
      table[byte] = value;
    }
    return table;
  });
})();

/** Bytes of checksums over `lengthBytes` bytes of data. */
export function checksumBytes(lengthBytes: number): number {
  return Math.ceil(lengthBytes / BYTES_PER_CHECKSUM) * 4;
}

/** CRC32C of each 512 bytes of the parts read as one run, the last maybe shorter, 4 bytes big-endian each. */
export function computeChecksums(parts: readonly Buffer[], lengthBytes: number): Buffer {
  const checksums = Buffer.allocUnsafe(checksumBytes(lengthBytes));
  let at = 0;
  let crc = 0;
  let inChunk = 0; // bytes of the current chunk that earlier parts had
  for (const part of parts) {
    let offset = 0;
    if (inChunk > 0) {
      offset = Math.min(BYTES_PER_CHECKSUM - inChunk, part.length);
      crc = crc32c(part.subarray(0, offset), crc);
      inChunk += offset;
      if (inChunk < BYTES_PER_CHECKSUM) continue;
      at = checksums.writeUInt32BE(crc, at);
    }
    for (; offset + BYTES_PER_CHECKSUM <= part.length; offset += BYTES_PER_CHECKSUM) {
      // A plain view: making a Buffer of each chunk would cost half as much as its CRC.
      const chunk = new Uint8Array(part.buffer, part.byteOffset + offset, BYTES_PER_CHECKSUM);
      at = checksums.writeUInt32BE(crc32c(chunk), at);
    }
    inChunk = part.length - offset;
    crc = inChunk > 0 ? crc32c(part.subarray(offset)) : 0;
  }
  if (inChunk > 0) checksums.writeUInt32BE(crc, at);
  return checksums;
}

/** True when the parts, read as one run, have these checksums. */
export function verifyChecksums(parts: readonly Buffer[], lengthBytes: number, checksums: Buffer): boolean {
  if (checksums.length !== checksumBytes(lengthBytes)) return false;
  const tailBytes = lengthBytes % BYTES_PER_CHECKSUM;
  let wholeLeft = lengthBytes - tailBytes;
  let whole = 0;
  let tail = 0;
  for (const part of parts) {
    const inWhole = Math.min(wholeLeft, part.length);
    wholeLeft -= inWhole;
    if (inWhole === part.length) whole = crc32c(part, whole);
    else {
      if (inWhole > 0) whole = crc32c(part.subarray(0, inWhole), whole);
      tail = crc32c(part.subarray(inWhole), tail);
    }
  }
  const chunks = (lengthBytes - tailBytes) / BYTES_PER_CHECKSUM;
  if (combineChunks(checksums, chunks) !== whole) return false;
  return tailBytes === 0 || checksums.readUInt32BE(chunks * 4) === tail;
}

/** The CRC32C of `lengthBytes` bytes from those of its chunks, continuing from `initial` (the CRC of the bytes before). */
export function combineChecksums(checksums: Buffer, lengthBytes: number, initial = 0): number {
  const tailBytes = lengthBytes % BYTES_PER_CHECKSUM;
  const chunks = (lengthBytes - tailBytes) / BYTES_PER_CHECKSUM;
  const whole = combineChunks(checksums, chunks, initial);
  if (tailBytes === 0) return whole;
  const zeros = ZEROS.subarray(0, tailBytes);
  return (crc32c(zeros, whole) ^ crc32c(zeros) ^ checksums.readUInt32BE(chunks * 4)) >>> 0;
}

function combineChunks(checksums: Buffer, chunks: number, initial = 0): number {
  const [s0, s1, s2, s3] = SHIFT as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  let crc = initial;
  for (let at = 0; at < chunks * 4; at += 4) {
    crc =
      s0[crc & 255]! ^
      s1[(crc >>> 8) & 255]! ^
      s2[(crc >>> 16) & 255]! ^
      s3[crc >>> 24]! ^
      ((checksums[at]! << 24) | (checksums[at + 1]! << 16) | (checksums[at + 2]! << 8) | checksums[at + 3]!);
  }
  return crc >>> 0;
}
