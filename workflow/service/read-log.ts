import { open } from 'node:fs/promises';

/** At most so much in one answer; a reader asks again from where it ended. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** A part of a log that may be growing. One that is not there (any more) reads as empty. */
export async function readLog(
  path: string,
  range: { readonly offset: number } | { readonly tailBytes: number },
): Promise<{ bytes: Buffer; nextOffset: number }> {
  const file = await open(path, 'r').catch((thrown: unknown) => {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  });
  if (file === undefined) return { bytes: Buffer.alloc(0), nextOffset: 0 };
  try {
    const { size } = await file.stat();
    const from = 'offset' in range ? range.offset : Math.max(0, size - range.tailBytes);
    const buffer = Buffer.alloc(Math.max(0, Math.min(size - from, ANSWER_BYTES_MAX)));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
    return { bytes: buffer.subarray(0, bytesRead), nextOffset: from + bytesRead };
  } finally {
    await file.close();
  }
}
