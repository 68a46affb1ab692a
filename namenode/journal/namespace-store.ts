import type { Config } from '../../common/config.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Disk, Store } from '../../common/seams/disk.ts';
import { type Random, uuid } from '../../common/seams/random.ts';
import { COUNTERS_KEY, ROOT_ID, ROOT_KEY } from '../namespace/keys.ts';
import { SUPERGROUP } from '../namespace/permissions.ts';
import { COUNTERS, type Counters, FIRST_BLOCK_ID, FIRST_STAMP, INODES } from '../namespace/records.ts';
import type { Edit } from '../namespace/transaction.ts';
import { LocalJournal } from './journal.ts';
import { LAYOUT_VERSION, readSuperblock, type Superblock, writeSuperblock } from './superblock.ts';
import { TransactionChain, verifyChain } from './transaction-chain.ts';

const STORE = 'namespace';
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024;

export interface OpenedNamespace {
  readonly superblock: Superblock;
  readonly store: Store;
  readonly counters: Counters;
  readonly chain: TransactionChain;
}

export interface FormatOptions {
  readonly superuser: string;
  readonly nowMs: number;
  readonly random: Random;
}

/**
 * Opens the namespace of a formatted directory and verifies its chain.
 * Errors: NOT_FORMATTED (`format` was not done), WRONG_LAYOUT, METADATA_DAMAGED, STORAGE_IN_USE, DISK_FAILED.
 */
export async function openNamespace(disk: Disk, config: Config): Promise<OpenedNamespace> {
  const superblock = await readSuperblock(disk);
  if (superblock === undefined || superblock.formatting) {
    throw new QuarryError('NOT_FORMATTED', "the namenode's directory is not formatted");
  }
  const store = await disk.openStore(STORE, storeOptions(config, false));
  try {
    return { superblock, store, ...(await verifyChain(store.db)) };
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

/** Whether `format` may run: nothing is there, or a format that was interrupted. Errors: NOT_FORMATTED for a directory with other content. */
export async function isUnformatted(disk: Disk): Promise<boolean> {
  const superblock = await readSuperblock(disk);
  if (superblock !== undefined) return superblock.formatting;
  const found = await disk.listStores('');
  if (found.length === 0) return true;
  throw new QuarryError(
    'NOT_FORMATTED',
    `the namenode's directory is not empty (${found.join(', ')}) and has no SUPERBLOCK: give it an empty directory, or restore the file`,
  );
}

/** Makes an empty namespace in an empty directory. The superblock says `formatting` until all of it is there. */
export async function formatNamespace(disk: Disk, config: Config, options: FormatOptions): Promise<void> {
  const superblock: Superblock = {
    clusterId: `quarry-${uuid(options.random)}`,
    layout: LAYOUT_VERSION,
    formatNonce: options.random.bytes(8).toString('hex'),
    formatting: true,
  };
  await writeSuperblock(disk, superblock);
  await disk.destroyStore(STORE);
  const store = await disk.openStore(STORE, storeOptions(config, true));
  try {
    await store.db.open();
    const counters: Counters = {
      txid: 0,
      epoch: 0,
      nextInodeId: ROOT_ID + 1,
      nextBlockId: FIRST_BLOCK_ID,
      nextStamp: FIRST_STAMP,
      files: 0,
      directories: 1,
    };
    const edits = new Map<string, Edit>([
      [COUNTERS_KEY, { table: COUNTERS as Edit['table'], record: counters }],
      [
        ROOT_KEY,
        {
          table: INODES as Edit['table'],
          record: {
            kind: 'directory',
            id: ROOT_ID,
            owner: options.superuser,
            group: SUPERGROUP,
            mode: 0o755,
            modifiedMs: options.nowMs,
            accessedMs: 0,
            childrenCount: 0,
          },
        },
      ],
    ]);
    const batch = new TransactionChain(0, Buffer.alloc(0)).next(edits, counters);
    await new LocalJournal(store.db).append(batch);
  } finally {
    await store.close();
  }
  await writeSuperblock(disk, { ...superblock, formatting: false });
}

function storeOptions(config: Config, createIfMissing: boolean) {
  return {
    createIfMissing,
    cacheBytes: config['namenode.cacheBytes'],
    writeBufferBytes: WRITE_BUFFER_BYTES,
  };
}
