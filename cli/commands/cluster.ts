import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, processesOf, runningCluster } from '../../cluster/cluster-files.ts';
import { restartNode, signalNode, stopCluster } from '../../cluster/control.ts';
import { launchCluster } from '../../cluster/launch.ts';
import { layout } from '../../cluster/layout.ts';
import { supervise } from '../../cluster/supervise.ts';
import { untilSignal } from '../../cluster/until-signal.ts';
import { clusterDirectory, readClusterFile } from '../../common/cluster-file.ts';
import { parseSettings } from '../../common/config.ts';
import { packageRoot } from '../../common/package-root.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { type Command, notThereYet, parse, print, printJson, wholeNumber } from '../command.ts';

const SIGNALS = ['KILL', 'STOP', 'CONT', 'TERM'] as const;

export const clusterCommand: Command = {
  name: 'cluster',
  summary: 'start, stop and look at a cluster of real processes',
  usage: `quarry cluster start [--nodes 3] [--dir DIR] [--ports default|auto] [--detach] [--supervise] [--set key=value]...
    starts a namenode, a driver and so many datanodes with an executor each; prints when ready and stays until Ctrl-C;
    with --detach it returns when ready; --supervise starts killed processes again and runs what submit --supervise leaves
quarry cluster status [--dir DIR] [--json]
quarry cluster stop [--dir DIR]
quarry cluster restart NODE [--role datanode|executor] [--dir DIR]
quarry cluster kill NODE [--role datanode|executor] [--signal KILL|STOP|CONT|TERM] [--dir DIR]
    NODE is namenode, driver, a service, or a datanode's id, which stands for the executor beside it too`,
  async run(args) {
    const [verb, ...rest] = args;
    switch (verb) {
      case 'start':
        return start(rest);
      case 'status':
        return status(rest);
      case 'stop':
        return stop(rest);
      case 'restart':
        return restart(rest);
      case 'kill':
        return kill(rest);
      case 'add-node':
        return notThereYet('quarry cluster add-node');
      default:
        throw new QuarryError(
          'INVALID_ARGUMENT',
          `quarry cluster takes start, status, stop, restart or kill, not ${verb ?? 'nothing'}`,
        );
    }
  },
};

const DIRECTORY = { dir: { type: 'string' }, cluster: { type: 'string' } } as const;

async function start(args: readonly string[]): Promise<number> {
  const { values } = parse('cluster', args, {
    ...DIRECTORY,
    nodes: { type: 'string', default: '3' },
    ports: { type: 'string', default: 'default' },
    detach: { type: 'boolean', default: false },
    supervise: { type: 'boolean', default: false },
    set: { type: 'string', multiple: true, default: [] },
  });
  if (values.ports !== 'default' && values.ports !== 'auto') {
    throw new QuarryError('INVALID_ARGUMENT', `--ports takes default or auto, not ${values.ports}`);
  }
  if (values.supervise && values.detach) return startInBackground(args, values.dir ?? values.cluster);
  const startedMs = performance.now();
  const settings = parseSettings(values.set);
  const cluster = await launchCluster({
    directory: clusterDirectory(values.dir ?? values.cluster),
    nodes: wholeNumber('--nodes', values.nodes, 1),
    ports: values.ports,
    settings,
  });
  const { file, directory } = cluster;
  const supervised = values.supervise
    ? await supervise(cluster, { directory, ports: values.ports, settings }, (line) => console.error(line))
    : undefined;
  print(
    `ready in ${((performance.now() - startedMs) / 1000).toFixed(2)} s: ${file.datanodes.length} nodes in ${directory}`,
  );
  print(
    `  files   ${file.namenode.grpc}${file.namenode.http === undefined ? '' : `   status page ${file.namenode.http}`}`,
  );
  print(
    `  queries ${file.driver.connect}${file.driver.http === undefined ? '' : `   jobs ${file.driver.http}`}`,
  );
  if (values.detach) {
    for (const process of cluster.processes) process.unref();
    return 0;
  }
  if (supervised === undefined) {
    for (const process of cluster.processes)
      process.onExit((how) => console.error(`${process.name} ended: ${how}`));
  }
  await untilSignal();
  print('stopping');
  if (supervised === undefined) await stopCluster(directory);
  else await supervised.stop();
  return 0;
}

/** The supervisor stays when this command returns: it is the same command without --detach, in a session of its own. */
async function startInBackground(args: readonly string[], named: string | undefined): Promise<number> {
  const directory = clusterDirectory(named);
  if (runningCluster(directory) !== undefined) {
    throw new QuarryError('STORAGE_IN_USE', `a cluster already runs in ${directory}: stop it first`);
  }
  const log = layout.logFile(directory, 'supervisor');
  mkdirSync(dirname(log), { recursive: true });
  const out = openSync(log, 'a');
  const words = ['cluster', 'start', ...args.filter((word) => word !== '--detach')];
  const child = spawn(process.execPath, [join(packageRoot, 'bin/quarry'), ...words], {
    detached: true,
    stdio: ['ignore', out, out],
  });
  closeSync(out);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const isUp = async () => {
    while (runningCluster(directory)?.supervisor?.pid !== child.pid) await sleep(20);
    return true;
  };
  const up = await Promise.race([isUp(), ended.then(() => false)]);
  if (!up) throw new QuarryError('INTERNAL', readFileSync(log, 'utf8').trimEnd().split('\n').at(-1) ?? '');
  child.unref();
  print(`ready, supervised by pid ${child.pid}: ${directory}`);
  return 0;
}

async function status(args: readonly string[]): Promise<number> {
  const { values } = parse('cluster', args, { ...DIRECTORY, json: { type: 'boolean', default: false } });
  const directory = clusterDirectory(values.dir ?? values.cluster);
  const file = readClusterFile(directory);
  const [{ GrpcClient }, { namenodeStatus }] = await Promise.all([
    import('../../common/rpc/grpc-client.ts'),
    import('../../cluster/readiness.ts'),
  ]);
  const client = new GrpcClient();
  const namenode = await namenodeStatus(client, file.namenode.grpc).finally(() => void client.close());
  const processes = processesOf(file).map((process) => ({ ...process, alive: isAlive(process.pid) }));
  if (values.json) {
    printJson({ ...file, processes, status: namenode });
    return 0;
  }
  print(`cluster ${file.clusterId} in ${directory}`);
  for (const { name, role, pid, alive } of processes) {
    const known = namenode.datanodes.find((node) => node.info?.id === name);
    const blocks = known === undefined ? '' : `  ${known.state}, ${known.blockCount} blocks`;
    print(
      `  ${name.padEnd(13)}${role.padEnd(22)} pid ${String(pid).padEnd(8)}${alive ? 'running' : 'not running'}${blocks}`,
    );
  }
  print(
    `${namenode.fileCount} files, ${namenode.blockCount} blocks, ${namenode.underReplicated} under-replicated, ${namenode.missing} missing`,
  );
  if (namenode.safeMode) print(`safe mode: ${namenode.safeModeReason}`);
  return 0;
}

async function stop(args: readonly string[]): Promise<number> {
  const { values } = parse('cluster', args, DIRECTORY);
  await stopCluster(clusterDirectory(values.dir ?? values.cluster));
  return 0;
}

const NODE_OPTIONS = {
  ...DIRECTORY,
  role: { type: 'string' },
  signal: { type: 'string', default: 'KILL' },
} as const;

async function restart(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse('cluster', args, NODE_OPTIONS);
  await restartNode(clusterDirectory(values.dir ?? values.cluster), oneNode(positionals), values.role);
  return 0;
}

async function kill(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse('cluster', args, NODE_OPTIONS);
  const signal = SIGNALS.find((known) => known === values.signal.replace(/^SIG/, ''));
  if (signal === undefined)
    throw new QuarryError('INVALID_ARGUMENT', `--signal takes ${SIGNALS.join(', ')}, not ${values.signal}`);
  const directory = clusterDirectory(values.dir ?? values.cluster);
  const pids = signalNode(directory, oneNode(positionals), { role: values.role, signal: `SIG${signal}` });
  // Whoever looks next must find a killed process gone.
  while ((signal === 'KILL' || signal === 'TERM') && pids.some(isAlive)) await sleep(10);
  print(`sent ${signal} to pid ${pids.join(', ')}`);
  return 0;
}

function oneNode(positionals: readonly string[]): string {
  const [node, ...more] = positionals;
  if (node === undefined || more.length > 0) {
    throw new QuarryError('INVALID_ARGUMENT', 'name one node: namenode, driver or a datanode such as dn1');
  }
  return node;
}
