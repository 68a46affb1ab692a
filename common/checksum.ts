import { crc32c as nativeCrc32c } from '@node-rs/crc32';

/** CRC32C of `bytes`, continuing from `initial` (the CRC of the bytes before). */
export function crc32c(bytes: Buffer | Uint8Array, initial = 0): number {
  return nativeCrc32c(bytes as Buffer, initial);
}

/** Bytes covered by one stored checksum, as in Hadoop: else equal bytes would have unequal file checksums. */
export const BYTES_PER_CHECKSUM = 512;
