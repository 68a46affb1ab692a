import { QuarryError } from '../../../common/quarry-error.ts';
import type { CommandInput } from '../../../proto/gen/quarry/Command.ts';
import type { LocatedBlockInput } from '../../../proto/gen/quarry/LocatedBlock.ts';
import type { ReplicaEvent } from '../../../proto/gen/quarry/ReplicaEvent.ts';
import { parseBlock, type Scenario, showBlock } from './scenario.ts';

type Options = Readonly<Record<string, string>>;
type ScenarioCommand = (world: Scenario, words: readonly string[], options: Options) => Promise<string>;

const GiB = 1024 ** 3;

/** What a scenario file may say. Every command answers a line or more. */
const COMMANDS: Readonly<Record<string, ScenarioCommand>> = {
  async start(world, _, options) {
    await world.start(options);
    return `started, ${safeMode(world)}`;
  },
  async crash(world) {
    world.crash();
    return 'gone';
  },
  async stop(world) {
    await world.close();
    return 'closed';
  },
  async advance(world, [time = '0']) {
    await world.clock.advance(Number(time.replace('s', '')) * 1000);
    return safeMode(world);
  },
  /** Time passes with heartbeats of the named nodes each second; shows the orders they got. */
  async beat(world, [time = '1s', ...names]) {
    const lines: string[] = [];
    for (let second = 0; second < Number(time.replace('s', '')); second++) {
      await world.clock.advance(1_000);
      for (const name of names) {
        const orders = await heartbeat(world, name);
        if (orders !== 'no orders') lines.push(`${name}: ${orders}`);
      }
    }
    return lines.length > 0 ? lines.join('\n') : 'no orders';
  },

  async register(world, [name = ''], options) {
    const freeBytes = Number(options['free'] ?? 100 * GiB);
    const reply = await world.execute('register', {
      info: {
        id: name,
        uuid: options['uuid'] ?? `uuid-${name}`,
        dataAddress: `${name}:9866`,
        unixSocket: '',
        rpcAddress: `${name}:9868`,
        httpAddress: '',
        hostLabel: options['label'] ?? name,
        rack: '/default-rack',
      },
      clusterId: options['cluster'] ?? '',
      layoutVersion: 1,
      capacityBytes: 200 * GiB,
      freeBytes,
      highestEpoch: Number(options['epoch'] ?? 0),
      highestTxid: Number(options['txid'] ?? 0),
    });
    world.sessions.set(name, { session: Number(reply.session), sequence: 1, done: [], freeBytes });
    return `registered in epoch ${Number(reply.epoch)}, ${safeMode(world)}`;
  },
  async report(world, [name = '', ...replicas]) {
    await world.execute('blockReport', {
      nodeId: name,
      session: sessionOf(world, name).session,
      reportId: world.clock.monoMs() + 1,
      part: 0,
      parts: 1,
      replicas: replicas.map(replica),
    });
    return `reported, ${safeMode(world)}`;
  },
  heartbeat: (world, [name = '']) => heartbeat(world, name),
  receiving: (world, [name = '', ...blocks]) =>
    events(
      world,
      name,
      'RECEIVING',
      blocks.map((block) => `${block}/RBW`),
    ),
  received: (world, [name = '', ...blocks]) => events(world, name, 'RECEIVED', blocks),
  deleted: (world, [name = '', ...blocks]) => events(world, name, 'DELETED', blocks),
  corrupt: (world, [name = '', ...blocks]) => events(world, name, 'CORRUPT', blocks),
  verified: (world, [name = '', ...blocks]) => events(world, name, 'VERIFIED', blocks),

  async mkdirs(world, [path = ''], options) {
    await world.execute('mkdirs', {
      caller: world.caller(options),
      path,
      mode: parseInt(options['mode'] ?? '0', 8),
      createParents: options['parents'] !== 'no',
    });
    return 'ok';
  },
  async create(world, [path = ''], options) {
    const { status } = await world.execute('create', {
      caller: world.caller(options),
      path,
      overwrite: options['overwrite'] === 'yes',
      createParents: true,
      replication: Number(options['replication'] ?? 0),
      blockSizeBytes: Number(options['block'] ?? 0),
      mode: 0,
    });
    return `inode ${Number(status?.inodeId)}, replication ${status?.replication}`;
  },
  async add(world, [path = '', previous], options) {
    const located = await world.execute('addBlock', {
      caller: world.caller(options),
      path,
      inodeId: inodeOf(world, path, options),
      previous: previous === undefined ? null : parseBlock(previous),
      excludedNodes: options['not']?.split(',') ?? [],
    });
    return showLocated(located);
  },
  async abandon(world, [path = '', block = ''], options) {
    await world.execute('abandonBlock', {
      caller: world.caller(options),
      path,
      inodeId: inodeOf(world, path, options),
      block: parseBlock(block),
    });
    return 'ok';
  },
  async complete(world, [path = '', last], options) {
    const reply = await world.execute('complete', {
      caller: world.caller(options),
      path,
      inodeId: inodeOf(world, path, options),
      last: last === undefined ? null : parseBlock(last),
      minDurable: Number(options['durable'] ?? 0),
    });
    return `${reply.complete ? 'complete' : 'not yet'}, ${reply.durableReplicas} durable`;
  },
  async fsync(world, [path = '', length = '0'], options) {
    await world.execute('fsync', {
      caller: world.caller(options),
      path,
      inodeId: inodeOf(world, path, options),
      lastBlockLengthBytes: Number(length),
    });
    return 'ok';
  },
  async stamp(world, [path = '', block = ''], options) {
    const request = {
      caller: world.caller(options),
      inodeId: inodeOf(world, path, options),
      block: parseBlock(block),
    };
    return showLocated(await world.execute('updateBlockForPipeline', request));
  },
  async pipeline(world, [path = '', old = '', next = '', ...nodeIds], options) {
    await world.execute('updatePipeline', {
      caller: world.caller(options),
      inodeId: inodeOf(world, path, options),
      oldBlock: parseBlock(old),
      newBlock: parseBlock(next),
      nodeIds,
    });
    return 'ok';
  },
  async additional(world, [path = '', block = '', ...existingNodes], options) {
    const located = await world.execute('getAdditionalDatanode', {
      caller: world.caller(options),
      path,
      inodeId: inodeOf(world, path, options),
      block: parseBlock(block),
      existingNodes: [...existingNodes],
      excludedNodes: options['not']?.split(',') ?? [],
      count: 1,
    });
    return showLocated(located);
  },
  async renew(world, _, options) {
    return String((await world.execute('renewLease', { caller: world.caller(options) })).value);
  },
  async recover(world, [path = ''], options) {
    const { value } = await world.execute('recoverLease', { caller: world.caller(options), path });
    return value ? 'closed' : 'recovering';
  },
  async 'commit-sync'(world, [name = '', block = '', outcome = '', ...nodeIds]) {
    const { generationStamp, lengthBytes } = parseBlock(outcome);
    await world.execute('commitBlockSync', {
      nodeId: name,
      session: sessionOf(world, name).session,
      block: parseBlock(block),
      recoveryStamp: generationStamp,
      lengthBytes,
      nodeIds,
    });
    return 'ok';
  },
  async rename(world, [source = '', target = ''], options) {
    await world.execute('rename', {
      caller: world.caller(options),
      source,
      target,
      overwrite: options['overwrite'] === 'yes',
    });
    return 'ok';
  },
  async delete(world, [path = ''], options) {
    const { value } = await world.execute('delete', {
      caller: world.caller(options),
      path,
      recursive: options['recursive'] === 'yes',
    });
    return value ? 'deleted' : 'nothing to delete';
  },
  async publish(world, moves, options) {
    const { moved } = await world.execute('publish', {
      caller: world.caller(options),
      detach: options['detach']?.split(',') ?? [],
      moves: moves.map((move) => ({ source: move.split('->')[0] ?? '', target: move.split('->')[1] ?? '' })),
      cleanup: options['cleanup'] ?? '',
    });
    return `moved ${moved}`;
  },
  async setrep(world, [path = '', replication = '0'], options) {
    await world.execute('setReplication', {
      caller: world.caller(options),
      path,
      replication: Number(replication),
    });
    return 'ok';
  },
  async chmod(world, [mode = '', path = ''], options) {
    await world.execute('setPermission', { caller: world.caller(options), path, mode: parseInt(mode, 8) });
    return 'ok';
  },
  async 'bad-block'(world, [name = '', block = ''], options) {
    await world.execute('reportBadBlocks', {
      caller: world.caller(options),
      blocks: [{ nodeId: name, block: parseBlock(block) }],
    });
    return 'ok';
  },
  async 'safe-mode'(world, [action = 'get'], options) {
    await world.execute('setSafeMode', { caller: world.caller(options), action });
    return safeMode(world);
  },

  async stat(world, [path = ''], options) {
    const { status } = world.info(path, options['user']);
    if (!status) return 'nothing there';
    const kind = status.directory
      ? `directory of ${status.childrenCount}`
      : `file of ${Number(status.lengthBytes)} bytes`;
    return `${kind}, inode ${Number(status.inodeId)}, ${status.owner} ${status.mode?.toString(8)}${status.underConstruction ? ', open' : ''}`;
  },
  async list(world, [path = '']) {
    const { entries } = await world.list(path);
    return entries?.map((entry) => entry.path).join(' ') || 'empty';
  },
  async locations(world, [path = ''], options) {
    const { blocks } = world.locations(path, options['at']);
    return blocks?.map(showLocated).join('\n') || 'no blocks';
  },
  async fsck(world, [path = '/']) {
    const { files, blocks, underReplicated, overReplicated, corrupt, missing } = await world.fsck(path);
    return `files ${Number(files)} blocks ${Number(blocks)} under ${Number(underReplicated)} over ${Number(overReplicated)} corrupt ${Number(corrupt)} missing ${Number(missing)}`;
  },
  async status(world) {
    const { fileCount, directoryCount, blockCount, datanodes } = world.status();
    const nodes = datanodes?.map(({ info, state }) => `${info?.id} ${state}`).join(', ');
    return `files ${Number(fileCount)} directories ${Number(directoryCount)} blocks ${Number(blockCount)}; ${nodes || 'no datanodes'}`;
  },
};

/** Executes one line; answers its trace. */
export async function runLine(world: Scenario, line: string): Promise<string> {
  const [verb = '', ...words] = line.split(/\s+/);
  const command = COMMANDS[verb];
  if (command === undefined) throw new Error(`no scenario command ${verb}`);
  const options = Object.fromEntries(
    words
      .filter((word) => word.includes('='))
      .map((word) => {
        const at = word.indexOf('=');
        return [word.slice(0, at), word.slice(at + 1)];
      }),
  );
  try {
    return await command(
      world,
      words.filter((word) => !word.includes('=')),
      options,
    );
  } catch (thrown) {
    if (!(thrown instanceof QuarryError)) throw thrown;
    return `${thrown.code}: ${thrown.message}`;
  }
}

async function heartbeat(world: Scenario, name: string): Promise<string> {
  const { session, done, freeBytes } = sessionOf(world, name);
  const reply = await world.execute('heartbeat', {
    nodeId: name,
    session,
    capacityBytes: 200 * GiB,
    freeBytes,
    usedBytes: 0,
    blockCount: 0,
    activeStreams: 0,
    eventLoopLagMs: 0,
    diskProbeMs: 0,
    doneCommands: done.splice(0),
  });
  // Shown once: the next heartbeat says that they are done.
  done.push(...(reply.commands ?? []).map((command) => Number(command.id)));
  return (reply.commands ?? []).map(showOrder).join('\n') || 'no orders';
}

async function events(
  world: Scenario,
  name: string,
  kind: ReplicaEvent['kind'],
  blocks: readonly string[],
): Promise<string> {
  const node = sessionOf(world, name);
  const reply = await world.execute('incrementalReport', {
    nodeId: name,
    session: node.session,
    sequence: node.sequence++,
    events: blocks.map((block) => ({ kind, replica: replica(block) })),
  });
  return reply.fullReportWanted ? 'full report wanted' : 'ok';
}

/** `1@1001:100`, or `1@1001:100/RWR`; finalized and durable unless it says another state. */
function replica(text: string) {
  const [block = '', state = 'FINALIZED'] = text.split('/');
  return { block: parseBlock(block), state: state as 'FINALIZED', durable: state === 'FINALIZED' };
}

function sessionOf(world: Scenario, name: string) {
  return world.sessions.get(name) ?? { session: 0, sequence: 1, done: [], freeBytes: 0 };
}

function inodeOf(world: Scenario, path: string, options: Options): number {
  return Number(options['inode'] ?? world.info(path).status?.inodeId ?? 0);
}

function safeMode(world: Scenario): string {
  const { safeMode: on, safeModeReason } = world.status();
  return on ? `safe mode: ${safeModeReason}` : 'safe mode off';
}

function showLocated(located: LocatedBlockInput): string {
  const nodes = located.locations?.map((node) => node.id).join(' ');
  return `block ${showBlock(located.block)} at ${Number(located.offsetBytes)} on ${nodes || 'no node'}${located.corrupt ? ', corrupt' : ''}`;
}

function showOrder(command: CommandInput): string {
  if (command.copy)
    return `copy ${showBlock(command.copy.block)} to ${command.copy.targets?.map((node) => node.id).join(' ')}`;
  if (command.delete) return `delete ${command.delete.blocks?.map(showBlock).join(' ')}`;
  if (command.verify) return `verify ${showBlock(command.verify.block)}`;
  const nodes = command.recover?.replicas?.map((node) => node.id).join(' ');
  return `recover ${showBlock(command.recover?.block)} with ${Number(command.recover?.recoveryStamp)} on ${nodes}`;
}
