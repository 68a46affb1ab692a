import { type Config, resolveConfig } from '../../../common/config.ts';
import type { CommandKind, ReplyOf, RequestOf } from '../../../namenode/commands.ts';
import { type RunningNamenode, startNamenode } from '../../../namenode/namenode-server.ts';
import { getBlockLocations, getFileInfo, list } from '../../../namenode/queries.ts';
import { fsck, getStatus } from '../../../namenode/status-queries.ts';
import { FakeClock, FakeDisk, FakeRandom, fakeSeams, settled } from '../../unit/namenode/fake-world.ts';

const FIRST_BLOCK = 1_073_741_824;
const BLOCK = /^(\d+)@(\d+)(?::(\d+))?$/;

/** One namenode in a world of its own, driven by lines of text. Blocks are written `1@1001:100`: the first block, stamp 1001, 100 bytes. */
export class Scenario {
  readonly clock = new FakeClock();
  readonly #disk = new FakeDisk();
  readonly #random = new FakeRandom();
  readonly sessions = new Map<
    string,
    { session: number; sequence: number; done: number[]; freeBytes: number }
  >();
  readonly #callIds = new Map<string, number>();
  #config: Config = resolveConfig({ 'namenode.minBlockSizeBytes': '16', 'client.blockSizeBytes': '1000' });
  #running: RunningNamenode | undefined;

  async start(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#config = Object.freeze({ ...this.#config, ...resolveConfigOnly(settings) });
    this.#running = await startNamenode(
      { address: 'namenode:9001', user: 'root' },
      this.#config,
      fakeSeams({ clock: this.clock, disk: this.#disk, random: this.#random }),
    );
  }

  get namenode(): RunningNamenode {
    if (this.#running === undefined) throw new Error('the namenode is not started');
    return this.#running;
  }

  /** As after kill -9: nothing is closed, only what was written is left. */
  crash(): void {
    this.clock.forget();
    this.#running = undefined;
  }

  async close(): Promise<void> {
    await this.#running?.close();
    this.clock.forget();
  }

  /** A caller with a new call id, or the one that `call=` names. */
  caller(options: Readonly<Record<string, string>>) {
    const client = options['client'] ?? 'c1';
    const callId = Number(options['call'] ?? (this.#callIds.get(client) ?? 0) + 1);
    this.#callIds.set(client, Math.max(callId, this.#callIds.get(client) ?? 0));
    return {
      clientId: Buffer.alloc(16, client),
      callId,
      user: options['user'] ?? 'root',
      clientName: client,
      hostLabel: options['at'] ?? '',
    };
  }

  async execute<K extends CommandKind>(kind: K, request: RequestOf<K>): Promise<ReplyOf<K>> {
    const reply = this.namenode.shell.execute(kind, request);
    reply.catch(() => undefined);
    await settled();
    return reply;
  }

  status = () => getStatus(this.namenode.shell.state, this.clock.monoMs());
  fsck = (path: string) => fsck(this.namenode.shell.state, { caller: this.caller({}) as never, path });
  info = (path: string, user = 'root') =>
    getFileInfo(this.namenode.shell.state, { caller: this.caller({ user }) as never, path });
  list = (path: string) =>
    list(this.namenode.shell.state, { caller: this.caller({}) as never, path, startAfter: '', limit: 0 });
  locations = (path: string, at = '') =>
    getBlockLocations(this.namenode.shell.state, {
      caller: this.caller({ at }) as never,
      path,
      offsetBytes: 0,
      lengthBytes: 0,
    });
}

function resolveConfigOnly(settings: Readonly<Record<string, string>>): Partial<Config> {
  const resolved = resolveConfig(settings);
  return Object.fromEntries(Object.keys(settings).map((key) => [key, resolved[key as keyof Config]]));
}

export function parseBlock(text: string) {
  const [, index, stamp, length] = BLOCK.exec(text) ?? [];
  if (index === undefined) throw new Error(`${text} is not a block like 1@1001:100`);
  return {
    blockId: FIRST_BLOCK + Number(index),
    generationStamp: Number(stamp),
    lengthBytes: Number(length ?? 0),
  };
}

export function showBlock(
  block: { blockId?: unknown; generationStamp?: unknown; lengthBytes?: unknown } | null | undefined,
): string {
  if (!block) return '-';
  const length = Number(block.lengthBytes ?? 0);
  return `${Number(block.blockId) - FIRST_BLOCK}@${Number(block.generationStamp)}${length > 0 ? `:${length}` : ''}`;
}
