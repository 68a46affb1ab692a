import { randomBytes } from 'node:crypto';
import { type Config, resolveConfig } from '../../../common/config.ts';
import type { Disk } from '../../../common/seams/disk.ts';
import type { Caller } from '../../../proto/gen/quarry/Caller.ts';
import type { CommandKind, ReplyOf, RequestOf } from '../../../namenode/commands.ts';
import { type RunningNamenode, startNamenode } from '../../../namenode/namenode-server.ts';
import { FakeClock, FakeDisk, fakeSeams } from './fake-world.ts';

export const GiB = 1024 ** 3;

/** A namenode in this process, on a fake clock and, unless another is given, a disk in memory. */
export class TestNamenode {
  readonly clock = new FakeClock();
  readonly config: Config;
  readonly disk: Disk;
  #running: RunningNamenode | undefined;
  readonly #clientSalt = randomBytes(12);
  #callId = 0;

  constructor(settings: Readonly<Record<string, string>> = {}, disk: Disk = new FakeDisk()) {
    this.config = resolveConfig({ 'namenode.minBlockSizeBytes': '16', ...settings });
    this.disk = disk;
  }

  async start(): Promise<void> {
    const seams = fakeSeams({ clock: this.clock, disk: this.disk });
    this.#running = await startNamenode({ address: 'namenode:9001', user: 'root' }, this.config, seams);
  }

  get state() {
    return this.running.shell.state;
  }

  get running(): RunningNamenode {
    if (this.#running === undefined) throw new Error('not started');
    return this.#running;
  }

  /** Forgets the process without closing anything. */
  crash(): void {
    this.clock.forget();
    this.#running = undefined;
  }

  async close(): Promise<void> {
    await this.#running?.close();
    this.clock.forget();
    this.#running = undefined;
  }

  caller(user = 'root', clientName = 'c1'): Caller {
    this.#callId++;
    return {
      clientId: Buffer.concat([this.#clientSalt, Buffer.alloc(4, clientName)]),
      callId: this.#callId,
      user,
      clientName,
      hostLabel: '',
    };
  }

  execute<K extends CommandKind>(kind: K, request: RequestOf<K>): Promise<ReplyOf<K>> {
    return this.running.shell.execute(kind, request);
  }

  mkdirs(path: string, user = 'root', mode = 0): Promise<ReplyOf<'mkdirs'>> {
    return this.execute('mkdirs', { caller: this.caller(user), path, mode, createParents: true });
  }

  async create(path: string, user = 'root', clientName = 'c1'): Promise<number> {
    const { status } = await this.execute('create', {
      caller: this.caller(user, clientName),
      path,
      overwrite: false,
      createParents: false,
      replication: 0,
      blockSizeBytes: 1000,
      mode: 0,
    });
    return Number(status?.inodeId);
  }

  async register(id: string): Promise<number> {
    const reply = await this.execute('register', {
      info: {
        id,
        uuid: `u-${id}`,
        dataAddress: '',
        unixSocket: '',
        rpcAddress: '',
        httpAddress: '',
        hostLabel: id,
        rack: '/r',
      },
      clusterId: '',
      layoutVersion: 1,
      capacityBytes: 10 * GiB,
      freeBytes: 10 * GiB,
      highestEpoch: 0,
      highestTxid: 0,
    });
    return Number(reply.session);
  }
}
