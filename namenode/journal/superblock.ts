import { QuarryError } from '../../common/quarry-error.ts';
import type { Disk } from '../../common/seams/disk.ts';

export const LAYOUT_VERSION = 1;
const FILE = 'SUPERBLOCK';

/** What names a namenode's directory. `formatting`: the database was still being made when this was written. */
export interface Superblock {
  readonly clusterId: string;
  readonly layout: number;
  readonly formatNonce: string;
  readonly formatting: boolean;
}

/** Undefined for a directory without one. Errors: WRONG_LAYOUT for a newer layout, METADATA_DAMAGED for an unreadable file. */
export async function readSuperblock(disk: Disk): Promise<Superblock | undefined> {
  const content = await disk.readFile(FILE);
  if (content === undefined) return undefined;
  const superblock = parse(content);
  if (superblock.layout > LAYOUT_VERSION) {
    throw new QuarryError(
      'WRONG_LAYOUT',
      `the namenode's directory has layout ${superblock.layout}, this Quarry knows up to ${LAYOUT_VERSION}: use the newer version`,
    );
  }
  return superblock;
}

export async function writeSuperblock(disk: Disk, superblock: Superblock): Promise<void> {
  await disk.writeFileDurably(FILE, Buffer.from(`${JSON.stringify(superblock, null, 2)}\n`));
}

function parse(content: Buffer): Superblock {
  try {
    const parsed = JSON.parse(content.toString()) as Superblock;
    if (typeof parsed.clusterId === 'string' && typeof parsed.layout === 'number') return parsed;
  } catch (cause) {
    throw new QuarryError('METADATA_DAMAGED', `the namenode's file ${FILE} cannot be read`, { cause });
  }
  throw new QuarryError('METADATA_DAMAGED', `the namenode's file ${FILE} names no cluster`);
}
