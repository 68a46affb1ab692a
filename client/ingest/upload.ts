import { open } from 'node:fs/promises';
import type { CreateOptions, FileSystem } from '../fs/file-system.ts';
import type { FileWriter } from '../fs/file-writer.ts';
import type { PartFile } from './part-file.ts';

const PIECE_BYTES = 4 * 1024 * 1024;

/** The calls of a file system that an ingest makes. */
export type IngestTarget = Pick<
  FileSystem,
  'config' | 'create' | 'delete' | 'exists' | 'mkdir' | 'publish' | 'stat'
>;

/** Writes a local file with the blocks of its plan. */
export async function upload(
  fs: IngestTarget,
  part: PartFile,
  target: string,
  options: CreateOptions,
): Promise<void> {
  const writer = await fs.create(target, options);
  try {
    await writeBlocks(writer, part);
    await writer.close();
  } catch (thrown) {
    // Its directory is deleted with everything in it once the ingest gives up.
    await writer.abort().catch(() => undefined);
    throw thrown;
  }
}

async function writeBlocks(writer: FileWriter, part: PartFile): Promise<void> {
  const file = await open(part.localPath);
  try {
    for (const block of part.blocks) {
      for (let at = block.startBytes; at < block.endBytes; ) {
        // A buffer each: the writer keeps what it was given until it is acknowledged.
        const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, block.endBytes - at));
        const { bytesRead } = await file.read(piece, 0, piece.length, at);
        if (bytesRead === 0) throw new Error(`${part.localPath} became shorter while it was uploaded`);
        await writer.write(piece.subarray(0, bytesRead));
        at += bytesRead;
      }
      await writer.endBlock();
    }
  } finally {
    await file.close();
  }
}
