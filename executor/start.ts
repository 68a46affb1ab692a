import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FileSystem } from '../client/fs/file-system.ts';
import type { Config } from '../common/config.ts';
import type { RoleOptions, RunningRole, StartRole } from '../common/role.ts';
import type { Seams } from '../common/seams/seams.ts';
import { BlockCache } from './cache/block-cache.ts';
import { chooseCacheDirectory } from './cache/cache-directory.ts';
import { kernelVersion } from './kernel/kernel-version.ts';
import { Registration } from './registration.ts';
import { FileRangeSource } from './scan/file-range-source.ts';
import { DiskShuffleStore } from './shuffle/disk-shuffle-store.ts';
import { ShuffleClient } from './shuffle/shuffle-client.ts';
import { ShuffleServer } from './shuffle/shuffle-server.ts';
import { LazyRunners } from './task/lazy-runners.ts';
import type { ExecutorEnvironment } from './task/task-runner.ts';
import { TaskServer } from './task/task-server.ts';

/** How long a starting executor waits for its driver before it counts as up: it goes on trying afterwards. */
const REGISTRATION_PATIENCE_MS = 5_000;
/** After that long the start of the whole cluster is over: loading the kernel earlier would slow it. A task that comes before loads it itself. */
const WARM_UP_DELAY_MS = 3_000;

/** An executor: task slots on the node `options.node`, its kernels, block cache and shuffle files. */
export const start: StartRole = async (options, config, seams) => {
  const host = config['bind.host'];
  const shuffleDirectory = join(options.directory, 'shuffle');
  const temporaryDirectory = join(options.directory, 'tmp');
  await rm(temporaryDirectory, { recursive: true, force: true });
  await mkdir(temporaryDirectory, { recursive: true });

  const shuffleClient = new ShuffleClient(seams.net);
  let shuffleAddress = '';
  const shuffle = new DiskShuffleStore({
    directory: shuffleDirectory,
    executorId: options.name,
    address: () => shuffleAddress,
    client: shuffleClient,
  });
  await shuffle.open();
  const shuffleListener = await new ShuffleServer(shuffleDirectory, seams.log).listen(
    seams.net,
    `${host}:${config['executor.shufflePort']}`,
  );
  shuffleAddress = shuffleListener.address;

  const { environment, cache } = await openEnvironment(options, config, seams, {
    shuffle,
    temporaryDirectory,
  });
  const runners = new LazyRunners(environment, cache);
  const tasks = new TaskServer(environment, runners);
  const server = seams.rpc.createServer();
  tasks.register(server);
  const taskAddress = await server.listen(`${host}:${config['executor.grpcPort']}`);

  const registration = new Registration({
    driverAddress: options.driverAddress,
    registration: {
      id: options.name,
      incarnation: seams.random.bytes(16).toString('hex'),
      node: options.node,
      taskAddress,
      shuffleAddress,
      slots: config['executor.slots'],
      kernelVersion: kernelVersion(),
    },
    load: () => ({ runningTasks: tasks.runningTasks, cacheBytes: cache.usedBytes }),
    intervalMs: config['executor.heartbeatIntervalMs'],
    seams,
  });
  await registration.start(REGISTRATION_PATIENCE_MS);
  const warming = seams.clock.setTimer(WARM_UP_DELAY_MS, () => {
    runners.warmUp().catch((thrown: unknown) => seams.log.error({ err: thrown }, 'kernel.load-failed'));
  });

  const running: RunningRole = {
    addresses: { grpc: taskAddress, shuffle: shuffleAddress },
    async close() {
      warming.cancel();
      await registration.stop();
      await server.close();
      await shuffleListener.close();
      shuffleClient.close();
      await runners.close();
      await cache.close();
      await environment.fileSystem.close();
    },
  };
  return running;
};

async function openEnvironment(
  options: RoleOptions,
  config: Config,
  seams: Seams,
  parts: { readonly shuffle: DiskShuffleStore; readonly temporaryDirectory: string },
): Promise<{ environment: ExecutorEnvironment; cache: BlockCache }> {
  const fileSystem = await FileSystem.connect({
    namenodeAddress: options.namenodeAddress,
    config,
    seams,
    hostLabel: options.node,
  });
  const { directory, capacityBytes } = await chooseCacheDirectory(
    options.directory,
    config['executor.cacheBytes'],
  );
  const cache = new BlockCache({
    directory,
    overflowDirectory: join(options.directory, 'cache-overflow'),
    capacityBytes,
    source: new FileRangeSource(fileSystem),
  });
  await cache.open();
  const environment: ExecutorEnvironment = {
    node: options.node,
    executorId: options.name,
    config,
    fileSystem,
    shuffle: parts.shuffle,
    temporaryDirectory: parts.temporaryDirectory,
    memoryDirectory: join(directory, 'incoming'),
    log: seams.log,
  };
  return { environment, cache };
}
