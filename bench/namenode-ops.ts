// Metadata operations of one namenode process through its gRPC door, a fixed number of calls in flight.
//   node --import tsx bench/namenode-ops.ts [--threads 64] [--count 20000] [--address host:port] [--ops create,stat]
// Prints `metric value unit`. Without an address it starts a namenode of its own from dist/ in a temporary directory.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { packageRoot } from '../common/package-root.ts';
import { GrpcClient } from '../common/rpc/grpc-client.ts';
import { namenodeService } from '../common/rpc/services.ts';

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '64' },
    count: { type: 'string', default: '20000' },
    address: { type: 'string', default: '' },
    ops: { type: 'string', default: 'mkdirs,create,stat,open,rename,delete' },
  },
});
const threads = Number(values.threads);
const count = Number(values.count);
const ops = new Set(values.ops.split(','));
const FILES_PER_DIRECTORY = 1_000;

interface Started {
  readonly address: string;
  readonly child: ChildProcess | undefined;
  stop(): Promise<void>;
}

async function startNamenode(): Promise<Started> {
  if (values.address !== '')
    return { address: values.address, child: undefined, stop: () => Promise.resolve() };
  const directory = await mkdtemp(join(tmpdir(), 'quarry-bench-'));
  const settings = { 'namenode.grpcPort': '0', 'namenode.httpPort': '0' };
  const options = {
    name: 'namenode',
    directory,
    settings,
    namenodeAddress: '',
    driverAddress: '',
    node: '',
    unixSocket: '',
  };
  const child = spawn(
    process.execPath,
    [join(packageRoot, 'dist/namenode/main.js'), JSON.stringify(options)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as { msg: string; addresses?: { grpc: string } };
    if (event.msg !== 'process.ready' || event.addresses === undefined) continue;
    child.stdout.resume();
    return {
      address: event.addresses.grpc,
      child,
      async stop() {
        child.kill('SIGTERM');
        await exited;
        await rm(directory, { recursive: true });
      },
    };
  }
  throw new Error('the namenode did not start: npm run build first');
}

const namenode = await startNamenode();
const client = new GrpcClient();
const service = namenodeService();
const clientId = randomBytes(16);
const { username } = userInfo();
let callId = 0;
const caller = () => ({ clientId, callId: ++callId, user: username, clientName: 'bench', hostLabel: '' });
const options = { timeoutMs: 60_000 };
/** Another run on the same cluster finds other names. */
const root = `/bench-${clientId.toString('hex').slice(0, 8)}`;
const fileOf = (i: number) => `${root}/d${Math.floor(i / FILES_PER_DIRECTORY)}/f${i}`;

/** CPU time of the namenode so far, in 10 ms ticks: what a figure costs where a busy machine hides it. */
async function cpuTicks(): Promise<number> {
  if (namenode.child === undefined) return 0;
  const stat = await readFile(`/proc/${namenode.child.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Runs `operation` for 0..count-1 with `threads` calls in flight. */
async function measure(name: string, operation: (i: number) => Promise<unknown>): Promise<void> {
  if (!ops.has(name)) return;
  let next = 0;
  const [ticks, own] = [await cpuTicks(), process.cpuUsage()];
  const started = performance.now();
  await Promise.all(
    Array.from({ length: threads }, async () => {
      while (next < count) await operation(next++);
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const ownMicros = process.cpuUsage(own);
  console.log(`namenode.${name} ${Math.round(count / seconds)} op/s`);
  console.log(`namenode.${name}.cpu ${Math.round((((await cpuTicks()) - ticks) * 10_000) / count)} us/op`);
  console.log(`namenode.${name}.client-cpu ${Math.round((ownMicros.user + ownMicros.system) / count)} us/op`);
}

async function reportMemory(when: string): Promise<void> {
  if (namenode.child === undefined) return;
  const status = await readFile(`/proc/${namenode.child.pid}/status`, 'utf8');
  const of = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
  console.log(
    `namenode.${when}.RssAnon+RssShmem ${((of('RssAnon') + of('RssShmem')) / 1024).toFixed(1)} MiB`,
  );
  console.log(`namenode.${when}.VmRSS ${(of('VmRSS') / 1024).toFixed(1)} MiB`);
}

try {
  await reportMemory('idle');
  const { address } = namenode;
  await measure('mkdirs', (i) =>
    client.call(
      address,
      service.Mkdirs,
      { caller: caller(), path: `${root}/dirs/d${i % 100}/x${i}`, createParents: true },
      options,
    ),
  );
  await measure('create', (i) =>
    client.call(address, service.Create, { caller: caller(), path: fileOf(i), createParents: true }, options),
  );
  await measure('stat', (i) =>
    client.call(address, service.GetFileInfo, { caller: caller(), path: fileOf(i) }, options),
  );
  await measure('open', (i) =>
    client.call(address, service.GetBlockLocations, { caller: caller(), path: fileOf(i) }, options),
  );
  await measure('rename', (i) =>
    client.call(
      address,
      service.Rename,
      { caller: caller(), source: fileOf(i), target: `${fileOf(i)}r` },
      options,
    ),
  );
  await measure('delete', (i) =>
    client.call(address, service.Delete, { caller: caller(), path: `${fileOf(i)}r` }, options),
  );
  await reportMemory('after');
} finally {
  await client.close();
  await namenode.stop();
}
