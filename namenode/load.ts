import type { LevelStore } from '../common/seams/disk.ts';
import { decodeValue, type Table } from './namespace/codec.ts';
import { idAt, rangeOf } from './namespace/keys.ts';
import { BLOCKS, DELETIONS, KNOWN_NODES, LEASES } from './namespace/records.ts';
import { infoOf } from './nodes/datanode-table.ts';
import type { State } from './state.ts';

const PAGE = 1_000;

/** Rebuilds what memory holds of the namespace: blocks, leases, known datanodes, unfinished deletions, remembered calls. */
export async function loadState(state: State, db: LevelStore, monoMs: number): Promise<void> {
  for await (const [, block] of records(db, 'B', BLOCKS)) {
    state.blocks.put(block);
    if (!block.committed) state.construction.open(block.id, block.inodeId, []);
  }
  for await (const [, lease] of records(db, 'L', LEASES)) {
    state.leases.grant(lease.inodeId, lease.holder, monoMs);
  }
  for await (const [, node] of records(db, 'K', KNOWN_NODES)) state.nodes.add(node, infoOf(node));
  for await (const [, deletion] of records(db, 'D', DELETIONS)) state.deletions.load(deletion);
  for await (const [key] of entries(db, 'G')) state.detached.add(idAt(key, 1));
  for await (const [key] of entries(db, 'R')) {
    state.retries.load(idAt(key, 1), { clientId: key.toString('hex', 9, 25), callId: idAt(key, 25) });
  }
}

async function* records<R>(db: LevelStore, prefix: string, table: Table<R>): AsyncGenerator<[Buffer, R]> {
  for await (const [key, value] of entries(db, prefix)) yield [key, decodeValue(table, key, value)];
}

async function* entries(db: LevelStore, prefix: string): AsyncGenerator<readonly [Buffer, Buffer]> {
  const iterator = db.iterator(rangeOf(prefix));
  try {
    for (;;) {
      const page = await iterator.nextv(PAGE);
      if (page.length === 0) return;
      yield* page;
    }
  } finally {
    await iterator.close();
  }
}
