import type { Config } from '../common/config.ts';
import type { RunningRole } from '../common/role.ts';
import type { Seams } from '../common/seams/seams.ts';
import { judgeSafeMode } from './blocks/supervision.ts';
import { serveGrpc } from './doors/grpc-door.ts';
import { GroupCommit } from './group-commit.ts';
import { LocalJournal } from './journal/journal.ts';
import {
  formatNamespace,
  isUnformatted,
  type OpenedNamespace,
  openNamespace,
} from './journal/namespace-store.ts';
import { loadState } from './load.ts';
import { Namenode } from './namenode.ts';
import { CommandShell } from './command-shell.ts';
import { COUNTERS_KEY } from './namespace/keys.ts';
import { NamespaceView } from './namespace/namespace-view.ts';
import { COUNTERS } from './namespace/records.ts';
import type { Edit } from './namespace/transaction.ts';
import { State } from './state.ts';

/** Directory entries in memory: about 400 bytes each. */
const CACHE_ENTRIES_MAX = 50_000;

export interface RunningNamenode extends RunningRole {
  readonly shell: CommandShell;
}

export interface NamenodeOptions {
  /** Where the gRPC door listens, host:port; port 0 picks a free one. */
  readonly address: string;
  /** The superuser: whoever started the process. */
  readonly user: string;
}

/**
 * A namenode with its gRPC door, on the seams alone: the simulator runs this as it is. An empty directory is formatted.
 * Errors: NOT_FORMATTED, WRONG_LAYOUT, METADATA_DAMAGED, STORAGE_IN_USE, PORT_IN_USE.
 */
export async function startNamenode(
  options: NamenodeOptions,
  config: Config,
  seams: Seams,
): Promise<RunningNamenode> {
  if (await isUnformatted(seams.disk)) {
    await formatNamespace(seams.disk, config, {
      superuser: options.user,
      nowMs: seams.clock.nowMs(),
      random: seams.random,
    });
    seams.log.info('namenode.formatted');
  }
  const opened = await openNamespace(seams.disk, config);
  try {
    return await serve(opened, options, config, seams);
  } catch (thrown) {
    await opened.store.close();
    throw thrown;
  }
}

async function serve(
  { superblock, store, counters, chain }: OpenedNamespace,
  options: NamenodeOptions,
  config: Config,
  seams: Seams,
): Promise<RunningNamenode> {
  const view = new NamespaceView(store.db, CACHE_ENTRIES_MAX);
  const state = new State({
    config,
    random: seams.random,
    log: seams.log,
    view,
    superuser: options.user,
    clusterId: superblock.clusterId,
    epoch: counters.epoch + 1,
  });
  await loadState(state, store.db, seams.clock.monoMs());
  const commit = new GroupCommit({
    view,
    chain,
    journal: new LocalJournal(store.db),
    proc: seams.proc,
    onDurable: (txid) => {
      state.durableTxid = txid;
    },
  });
  // The new epoch is durable before anybody hears of it.
  const epochEdit: Edit = { table: COUNTERS as Edit['table'], record: { ...counters, epoch: state.epoch } };
  view.merge(new Map([[COUNTERS_KEY, epochEdit]]));
  await commit.durable();
  judgeSafeMode(state, seams.clock.monoMs());

  const shell = new CommandShell({
    core: new Namenode(state),
    commit,
    clock: seams.clock,
    proc: seams.proc,
  });
  const rpc = seams.rpc.createServer();
  serveGrpc(rpc, shell);
  const address = await rpc.listen(options.address);
  shell.start();
  return {
    shell,
    addresses: { grpc: address },
    facts: { clusterId: superblock.clusterId },
    async close() {
      await Promise.all([rpc.close(), shell.close()]);
      await commit.durable();
      await view.close();
      await store.close();
    },
  };
}
