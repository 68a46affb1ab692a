import type { Config } from '../common/config.ts';
import { QuarryError } from '../common/quarry-error.ts';
import type { RoleOptions, RunningRole } from '../common/role.ts';
import type { Seams } from '../common/seams/seams.ts';
import { judgeSafeMode } from './blocks/supervision.ts';
import { serveGrpc } from './doors/grpc-door.ts';
import { GroupCommit } from './group-commit.ts';
import { LocalJournal } from './journal/journal.ts';
import { formatNamespace, isUnformatted, openNamespace } from './journal/namespace-store.ts';
import { loadState } from './load.ts';
import { Namenode } from './namenode.ts';
import { NamenodeServer } from './namenode-server.ts';
import { COUNTERS_KEY } from './namespace/keys.ts';
import { NamespaceView } from './namespace/namespace-view.ts';
import { COUNTERS } from './namespace/records.ts';
import type { Edit } from './namespace/transaction.ts';
import { State } from './state.ts';

/** Directory entries in memory: about 400 bytes each. */
const CACHE_ENTRIES_MAX = 50_000;
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

export interface RunningNamenode extends RunningRole {
  readonly server: NamenodeServer;
}

export interface NamenodeOptions extends Pick<RoleOptions, 'name'> {
  /** May do everything; whoever started the process. */
  readonly superuser: string;
}

/**
 * A namenode with its gRPC door, on the seams alone: the simulator runs this as it is. An empty directory is formatted.
 * Errors: INVALID_ARGUMENT for a bind address that is not loopback, NOT_FORMATTED, WRONG_LAYOUT, METADATA_DAMAGED, STORAGE_IN_USE, PORT_IN_USE.
 */
export async function startNamenode(
  options: NamenodeOptions,
  config: Config,
  seams: Seams,
): Promise<RunningNamenode> {
  checkBindHost(config['bind.host']);
  if (await isUnformatted(seams.disk)) {
    await formatNamespace(seams.disk, config, {
      superuser: options.superuser,
      nowMs: seams.clock.nowMs(),
      random: seams.random,
    });
    seams.log.info('namenode.formatted');
  }
  const { superblock, store, counters, chain } = await openNamespace(seams.disk, config);
  const view = new NamespaceView(store.db, CACHE_ENTRIES_MAX);
  const state = new State({
    config,
    random: seams.random,
    log: seams.log,
    view,
    superuser: options.superuser,
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

  const server = new NamenodeServer({
    core: new Namenode(state),
    commit,
    clock: seams.clock,
    proc: seams.proc,
  });
  const rpc = seams.rpc.createServer();
  serveGrpc(rpc, server);
  const address = await rpc
    .listen(`${config['bind.host']}:${config['namenode.grpcPort']}`)
    .catch(async (thrown: unknown) => {
      await view.close();
      await store.close();
      throw thrown;
    });
  server.start();
  return {
    server,
    addresses: { grpc: address },
    facts: { clusterId: superblock.clusterId },
    async close() {
      await rpc.close();
      await server.close();
      await view.close();
      await store.close();
    },
  };
}

/** Errors: INVALID_ARGUMENT. */
export function checkBindHost(host: string): void {
  if (LOOPBACK.has(host)) return;
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `bind.host=${host} would open the cluster to the network without any authentication: keep 127.0.0.1 until TLS and join tokens can be configured`,
  );
}
