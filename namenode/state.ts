import type { Config } from '../common/config.ts';
import type { Logger } from '../common/log.ts';
import type { Random } from '../common/seams/random.ts';
import { BlockMap } from './blocks/block-map.ts';
import { OrderBook } from './blocks/order-book.ts';
import { PendingCopies } from './blocks/pending-copies.ts';
import { PendingDeletions } from './blocks/pending-deletions.ts';
import { ReplicationQueue } from './blocks/replication-queue.ts';
import { SafeMode } from './blocks/safe-mode.ts';
import { Stragglers } from './blocks/stragglers.ts';
import { ConstructionTable } from './files/construction.ts';
import { LeaseTable } from './namespace/lease-table.ts';
import type { NamespaceView } from './namespace/namespace-view.ts';
import { RetryCache } from './namespace/retry-cache.ts';
import { DatanodeTable } from './nodes/datanode-table.ts';

export interface StateOptions {
  readonly config: Config;
  readonly random: Random;
  readonly log: Logger;
  readonly view: NamespaceView;
  readonly superuser: string;
  readonly clusterId: string;
  readonly epoch: number;
}

/** All that the namenode holds: the namespace behind `view`, the rest in memory and rebuilt from it and from reports. */
export class State {
  readonly config: Config;
  readonly random: Random;
  readonly log: Logger;
  readonly view: NamespaceView;
  readonly superuser: string;
  readonly clusterId: string;
  readonly epoch: number;
  readonly leases = new LeaseTable();
  readonly retries: RetryCache;
  readonly blocks = new BlockMap();
  readonly construction = new ConstructionTable();
  readonly stragglers = new Stragglers();
  readonly nodes = new DatanodeTable();
  readonly safeMode: SafeMode;
  readonly queue = new ReplicationQueue();
  readonly copies = new PendingCopies();
  readonly deletions = new PendingDeletions();
  readonly orders: OrderBook;
  /** Detached inodes to reap, oldest first. */
  readonly detached = new Set<number>();
  /** Inodes whose blocks became more durable in this command: somebody may wait for that in `complete`. */
  readonly wake = new Set<number>();
  /** The newest transaction that survives a power cut. */
  durableTxid = 0;
  nextSession: number;
  sweepRow = 0;
  lastSweepMonoMs = 0;
  lastReplicationMonoMs = Number.NEGATIVE_INFINITY;
  wasSafe = true;

  constructor(options: StateOptions) {
    this.config = options.config;
    this.random = options.random;
    this.log = options.log;
    this.view = options.view;
    this.superuser = options.superuser;
    this.clusterId = options.clusterId;
    this.epoch = options.epoch;
    this.retries = new RetryCache(
      options.config['namenode.retryCacheMs'],
      options.config['namenode.retryCacheEntries'],
    );
    this.safeMode = new SafeMode({
      threshold: options.config['namenode.safeModeThreshold'],
      extensionMs: options.config['namenode.safeModeExtensionMs'],
    });
    this.orders = new OrderBook(options.epoch);
    // A million registrations an epoch; the number stays below 2^53.
    this.nextSession = options.epoch * 2 ** 20 + 1;
  }
}
