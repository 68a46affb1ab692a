import { expect } from 'vitest';
import type { FileSystem } from '../../client/fs/file-system.ts';

const MIB = 1024 * 1024;
const STAMP_EVERY_BYTES = 4096;

/** One mebibyte that no other place of any file has: noise, stamped with the file's number and its offset. */
export function mebibyte(fileNumber: number, index: number): Buffer {
  const bytes = Buffer.alloc(MIB);
  let state = (fileNumber * 0x9e3779b9 + index * 0x85ebca6b) | 1;
  for (let at = 0; at < MIB; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeInt32LE(state | 0, at);
  }
  for (let at = 0; at < MIB; at += STAMP_EVERY_BYTES)
    bytes.writeDoubleLE(fileNumber * 2 ** 32 + index * MIB + at, at);
  return bytes;
}

/** Reads the whole file and compares every byte with what was written. */
export async function expectWhole(
  fs: FileSystem,
  path: string,
  fileNumber: number,
  mebibytes: number,
): Promise<void> {
  const reader = await fs.open(path);
  let at = 0;
  let expected: Buffer = Buffer.alloc(0);
  try {
    for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) {
      for (let from = 0; from < chunk.length; ) {
        if (at % MIB === 0) expected = mebibyte(fileNumber, at / MIB);
        const count = Math.min(chunk.length - from, MIB - (at % MIB));
        const same = chunk
          .subarray(from, from + count)
          .equals(expected.subarray(at % MIB, (at % MIB) + count));
        if (!same) expect.fail(`${path} differs within ${count} bytes from offset ${at}`);
        from += count;
        at += count;
      }
    }
  } finally {
    reader.close();
  }
  expect(at).toBe(mebibytes * MIB);
}
