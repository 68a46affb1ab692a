import { QuarryError } from '../common/quarry-error.ts';
import type { Disk } from '../common/seams/disk.ts';
import { type Random, uuid } from '../common/seams/random.ts';

export const LAYOUT_VERSION = 1;
const FILE = 'SUPERBLOCK';

/** What names a datanode's directory. */
export interface Superblock {
  /** '' until the first namenode has said it. */
  readonly clusterId: string;
  readonly uuid: string;
  readonly layout: number;
  /** The databases were still being made when this was written. */
  readonly formatting: boolean;
}

/**
 * The superblock of the directory, a fresh one with `formatting` set in an empty directory.
 * Errors: NOT_FORMATTED for a directory that has something else in it, WRONG_LAYOUT, METADATA_DAMAGED.
 */
export async function openSuperblock(disk: Disk, random: Random): Promise<Superblock> {
  const content = await disk.readFile(FILE);
  if (content !== undefined) return parse(content);
  const others = await disk.listStores('');
  if (others.length > 0) {
    throw new QuarryError(
      'NOT_FORMATTED',
      `the datanode's directory has no ${FILE} but holds ${others.slice(0, 3).join(', ')}: give it an empty directory, or restore the file`,
    );
  }
  const fresh = { clusterId: '', uuid: uuid(random), layout: LAYOUT_VERSION, formatting: true };
  await writeSuperblock(disk, fresh);
  return fresh;
}

export async function writeSuperblock(disk: Disk, superblock: Superblock): Promise<void> {
  await disk.writeFileDurably(FILE, Buffer.from(`${JSON.stringify(superblock, null, 2)}\n`));
}

function parse(content: Buffer): Superblock {
  const { clusterId, uuid: id, layout, formatting } = fieldsOf(content);
  if (typeof clusterId !== 'string' || typeof id !== 'string' || typeof layout !== 'number') {
    throw new QuarryError('METADATA_DAMAGED', `the datanode's file ${FILE} names no cluster: restore it`);
  }
  if (layout > LAYOUT_VERSION) {
    throw new QuarryError(
      'WRONG_LAYOUT',
      `the datanode's directory has layout ${layout}, this Quarry knows up to ${LAYOUT_VERSION}: use the newer version`,
    );
  }
  return { clusterId, uuid: id, layout, formatting: formatting === true };
}

function fieldsOf(content: Buffer): Partial<Record<keyof Superblock, unknown>> {
  try {
    return JSON.parse(content.toString()) as Partial<Record<keyof Superblock, unknown>>;
  } catch (cause) {
    throw new QuarryError('METADATA_DAMAGED', `the datanode's file ${FILE} cannot be read: restore it`, {
      cause,
    });
  }
}
