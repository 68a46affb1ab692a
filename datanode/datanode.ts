import type { Config } from '../common/config.ts';
import { QuarryError } from '../common/quarry-error.ts';
import type { RpcServer } from '../common/seams/rpc.ts';
import type { DiskSpace } from '../common/seams/disk.ts';
import type { Seams } from '../common/seams/seams.ts';
import { blockPoolId } from '../common/transfer/protocol.ts';
import type { Command } from '../proto/gen/quarry/Command.ts';
import type { DatanodeInfoInput } from '../proto/gen/quarry/DatanodeInfo.ts';
import type { RegisterReply } from '../proto/gen/quarry/RegisterReply.ts';
import type { RegisterRequestInput } from '../proto/gen/quarry/RegisterRequest.ts';
import { copier } from './orders/copier.ts';
import { OrderRunner } from './orders/order-runner.ts';
import { runOrder } from './orders/orders.ts';
import { recoverBlock } from './recovery/block-recovery.ts';
import { ReplicaRecovery } from './recovery/recovery-service.ts';
import { NamenodeClient } from './report/namenode-client.ts';
import type { ReplicaChange } from './report/replica-info.ts';
import { Reporter } from './report/reporter.ts';
import { type SessionHost, SessionLoop } from './report/session-loop.ts';
import { Scrubber } from './scrubber.ts';
import type { LevelBlockStore } from './store/level-block-store.ts';
import { openBlockStore } from './store/open-block-store.ts';
import { LAYOUT_VERSION, openSuperblock, type Superblock, writeSuperblock } from './superblock.ts';
import { type DataServer, startDataServer } from './transfer/data-server.ts';
import { Witness } from './witness.ts';

export interface DatanodeOptions {
  /** The name in cluster.json: dn1. */
  readonly nodeId: string;
  readonly namenodeAddress: string;
  /** What two replicas never share. */
  readonly hostLabel: string;
  /** Where to listen, host:port; port 0 picks a free one. */
  readonly dataAddress: string;
  readonly grpcAddress: string;
  /** Path of the data port's socket for this host, or ''. */
  readonly unixSocket: string;
  /** Where /metrics is served, or ''. */
  readonly httpAddress: string;
}

export interface DatanodeStats {
  readonly usedBytes: number;
  readonly blockCount: number;
  readonly activeStreams: number;
  /** Changes of replicas by kind since the start. */
  readonly changes: Readonly<Record<ReplicaChange['kind'], number>>;
  readonly isWritable: boolean;
}

/**
 * One datanode in its directory: the block store, the data port, the recovery door, and the loops that tell the
 * namenode and do what it orders. Touches the world through its seams alone.
 */
export class Datanode {
  readonly #options: DatanodeOptions;
  readonly #config: Config;
  readonly #seams: Seams;
  readonly #store: LevelBlockStore;
  readonly #witness: Witness;
  readonly #orders: OrderRunner;
  readonly #reporter: Reporter;
  readonly #session: SessionLoop;
  readonly #namenode: NamenodeClient;
  readonly #recovery: ReplicaRecovery;
  readonly #stop = new AbortController();
  readonly #changes = { RECEIVING: 0, RECEIVED: 0, DELETED: 0, CORRUPT: 0, VERIFIED: 0 };
  #superblock: Superblock;
  #dataServer: DataServer | undefined;
  #grpcServer: RpcServer | undefined;
  #grpcAddress = '';
  #loops: Promise<unknown> = Promise.resolve();

  private constructor(
    options: DatanodeOptions,
    config: Config,
    seams: Seams,
    state: { store: LevelBlockStore; superblock: Superblock; witness: Witness },
  ) {
    this.#options = options;
    this.#config = config;
    this.#seams = seams;
    this.#store = state.store;
    this.#superblock = state.superblock;
    this.#witness = state.witness;
    const { nodeId, namenodeAddress } = options;
    const onReplica = (change: ReplicaChange) => this.#onReplica(change);
    this.#namenode = new NamenodeClient(seams.rpc.client, namenodeAddress, this.#stop.signal);
    this.#reporter = new Reporter(seams, config, nodeId, this.#store, this.#namenode);
    this.#recovery = new ReplicaRecovery(this.#store, onReplica);
    const context = this.#orderContext();
    this.#session = new SessionLoop(seams, this.#host(), this.#namenode, this.#reporter);
    const run = (command: Command, signal: AbortSignal) => runOrder(context, command, signal);
    this.#orders = new OrderRunner(run, seams.log, () => this.#session.hurry());
  }

  /**
   * Opens or formats the directory, serves, and resolves after the first registration.
   * Errors: NOT_FORMATTED, WRONG_LAYOUT, WRONG_CLUSTER, STORAGE_IN_USE, PORT_IN_USE, DISK_FAILED.
   */
  static async start(options: DatanodeOptions, config: Config, seams: Seams): Promise<Datanode> {
    let superblock = await openSuperblock(seams.disk, seams.random);
    if (superblock.formatting) {
      // The process died while it formatted: whatever is there was never used.
      for (const name of ['index', 'segments']) await seams.disk.destroyStore(name);
    }
    const store = await openBlockStore(seams, config, superblock.formatting);
    if (superblock.formatting) {
      superblock = { ...superblock, formatting: false };
      await writeSuperblock(seams.disk, superblock);
    }
    const witness = await Witness.open(seams.disk, seams.clock);
    const datanode = new Datanode(options, config, seams, { store, superblock, witness });
    try {
      await datanode.#serve();
    } catch (thrown) {
      await datanode.close();
      throw thrown;
    }
    return datanode;
  }

  get clusterId(): string {
    return this.#superblock.clusterId;
  }

  get dataAddress(): string {
    return this.#dataServer!.address;
  }

  get grpcAddress(): string {
    return this.#grpcAddress;
  }

  get store(): LevelBlockStore {
    return this.#store;
  }

  stats(): DatanodeStats {
    return {
      usedBytes: this.#store.usedBytes,
      blockCount: this.#store.blockCount,
      activeStreams: this.#dataServer?.activeStreams() ?? 0,
      changes: this.#changes,
      isWritable: this.#store.failure === undefined,
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#dataServer?.close();
    await this.#grpcServer?.close();
    await this.#loops;
    await this.#orders.close();
    await this.#witness.close();
    await this.#store.close();
  }

  async #serve(): Promise<void> {
    const { dataAddress, grpcAddress, unixSocket, nodeId } = this.#options;
    this.#dataServer = await startDataServer({
      seams: this.#seams,
      config: this.#config,
      store: this.#store,
      nodeId,
      // On the very first start the cluster's id comes with the registration, which needs this server's address.
      poolId: () => blockPoolId(this.#superblock.clusterId),
      listenAddress: dataAddress,
      unixSocket,
      onReplica: (change) => this.#onReplica(change),
    });
    this.#grpcServer = this.#seams.rpc.createServer();
    this.#recovery.serve(this.#grpcServer);
    this.#grpcAddress = await this.#grpcServer.listen(grpcAddress);
    await new Promise<void>((resolve, reject) => {
      const { signal } = this.#stop;
      const scrubber = new Scrubber(this.#seams, this.#config, this.#store, (change) =>
        this.#onReplica(change),
      );
      const loops = [this.#session.run(signal, resolve, reject), scrubber.run(signal)];
      this.#loops = Promise.all(loops).catch((thrown: unknown) => {
        if (signal.aborted) return;
        this.#seams.proc.abort('datanode.loop-failed', thrown);
      });
    });
  }

  #onReplica(change: ReplicaChange): void {
    this.#changes[change.kind]++;
    this.#reporter.push(change);
  }

  #orderContext() {
    const { nodeId } = this.#options;
    const copy = copier(this.#seams, this.#config, this.#store, () => blockPoolId(this.clusterId), nodeId);
    const commit = (block: object, recoveryStamp: number, lengthBytes: number, nodeIds: string[]) =>
      this.#namenode.commitBlockSync({
        nodeId,
        session: this.#session.session,
        block,
        recoveryStamp,
        lengthBytes,
        nodeIds,
      });
    const primary = { nodeId, local: this.#recovery, commit };
    return {
      store: this.#store,
      onReplica: (change: ReplicaChange) => this.#onReplica(change),
      copy,
      recover: (order: Parameters<typeof recoverBlock>[2], signal: AbortSignal) =>
        recoverBlock(this.#seams, primary, order, signal),
    };
  }

  #host(): SessionHost {
    return {
      nodeId: this.#options.nodeId,
      registration: (space) => this.#registration(space),
      registered: (reply) => this.#registered(reply),
      observe: (epoch, txid) => this.#witness.observe(epoch, txid),
      space: () => this.#space(),
      stats: () => {
        const { usedBytes, blockCount, activeStreams } = this.stats();
        return { usedBytes, blockCount, activeStreams };
      },
      probe: () => this.#store.probe(),
      doneCommands: (session) => this.#orders.takeDone(session),
      acceptCommands: (commands, session) => this.#orders.accept(commands, session),
    };
  }

  /** A store that takes no writes has no room to offer. */
  async #space(): Promise<DiskSpace> {
    const space = await this.#seams.disk.space();
    return this.#store.failure === undefined ? space : { ...space, freeBytes: 0 };
  }

  #registration(space: DiskSpace): RegisterRequestInput {
    const { epoch, txid } = this.#witness.highest;
    return {
      info: this.#info(),
      clusterId: this.#superblock.clusterId,
      layoutVersion: LAYOUT_VERSION,
      ...space,
      highestEpoch: epoch,
      highestTxid: txid,
    };
  }

  #info(): DatanodeInfoInput {
    const { nodeId, unixSocket, hostLabel, httpAddress } = this.#options;
    return {
      id: nodeId,
      uuid: this.#superblock.uuid,
      dataAddress: this.#dataServer!.address,
      unixSocket,
      rpcAddress: this.#grpcAddress,
      httpAddress,
      hostLabel,
      rack: this.#config['datanode.rack'],
    };
  }

  async #registered(reply: RegisterReply): Promise<void> {
    const { clusterId } = this.#superblock;
    if (clusterId === '') {
      this.#superblock = { ...this.#superblock, clusterId: reply.clusterId };
      await writeSuperblock(this.#seams.disk, this.#superblock);
    } else if (clusterId !== reply.clusterId) {
      throw new QuarryError(
        'WRONG_CLUSTER',
        `this datanode's directory belongs to cluster ${clusterId}, the namenode to ${reply.clusterId}: give each its own`,
      );
    }
    this.#witness.observe(reply.epoch, 0);
  }
}
