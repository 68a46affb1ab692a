// The data plane alone: a client and three data servers, each a process, over loopback. With `leveldb` their blocks are stored.
//   node --import tsx bench/transfer.ts [MiB per run] [null|leveldb]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { resolveConfig } from '../common/config.ts';
import { SystemClock } from '../common/seams/clock.ts';
import { SystemNet } from '../common/seams/system-net.ts';
import { openBlockReader } from '../common/transfer/block-reader.ts';
import { openBlockWriter } from '../common/transfer/block-writer.ts';

const MiB = 1024 * 1024;
const BLOCK_BYTES = 128 * MiB;
const config = resolveConfig();
const seams = { net: new SystemNet(), clock: new SystemClock() };
const common = { clientName: 'bench', connectTimeoutMs: 5_000, poolId: '' };

interface Node {
  readonly address: string;
  /** CPU seconds used so far. */
  cpu(): Promise<number>;
  stop(): void;
}

async function startNode(): Promise<Node> {
  const file = fileURLToPath(new URL('./transfer-node.ts', import.meta.url));
  const child = fork(file, [process.argv[3] ?? 'null'], { execArgv: ['--import', 'tsx'] });
  const [address] = (await once(child, 'message')) as [string];
  const cpu = async () => {
    child.send('cpu');
    const [usage] = (await once(child, 'message')) as [NodeJS.CpuUsage];
    return (usage.user + usage.system) / 1e6;
  };
  return { address, cpu, stop: () => child.disconnect() };
}

async function cpuSeconds(): Promise<number> {
  const { user, system } = process.cpuUsage();
  const others = await Promise.all(nodes.map((node) => node.cpu()));
  return others.reduce((sum, seconds) => sum + seconds, (user + system) / 1e6);
}

async function writeBlock(addresses: readonly string[], blockId: number): Promise<void> {
  const writer = await openBlockWriter(seams, {
    ...common,
    block: { blockId, generationStamp: 1, lengthBytes: 0 },
    targets: addresses.map((address, i) => ({ id: `dn${i}`, address })),
    stage: 'create',
    newGenerationStamp: 1,
    minBytesReceived: 0,
    maxBytesReceived: 0,
    packetBytes: config['client.packetBytes'],
    windowBytes: config['client.windowBytes'],
    ackTimeoutMs: 10_000,
  });
  const piece = Buffer.alloc(MiB, blockId);
  for (let sent = 0; sent < BLOCK_BYTES; sent += piece.length) await writer.write(piece);
  await writer.finish();
}

async function readRange(address: string, offsetBytes: number, lengthBytes: number): Promise<void> {
  const reader = await openBlockReader(seams, {
    ...common,
    address,
    block: { blockId: 1, generationStamp: 1, lengthBytes: BLOCK_BYTES },
    offsetBytes,
    lengthBytes,
    readTimeoutMs: 10_000,
  });
  let got = 0;
  for (let part = await reader.read(); part !== undefined; part = await reader.read()) got += part.length;
  if (got !== lengthBytes) throw new Error(`read ${got} bytes`);
}

async function measure(name: string, blocks: number, one: (i: number) => Promise<void>): Promise<void> {
  await one(1_000_000);
  const startCpu = await cpuSeconds();
  const startMs = performance.now();
  for (let i = 1; i <= blocks; i++) await one(i);
  const seconds = (performance.now() - startMs) / 1000;
  const cpu = (await cpuSeconds()) - startCpu;
  const gigabytes = (blocks * BLOCK_BYTES) / 1e9;
  console.log(
    `${name.padEnd(22)} ${((gigabytes * 1000) / seconds).toFixed(0)} MB/s, ${(cpu / gigabytes).toFixed(2)} CPU-s per GB over all processes`,
  );
}

async function measureSmallReads(address: string): Promise<void> {
  const calls = 10_000;
  const startMs = performance.now();
  for (let i = 0; i < calls; i++) await readRange(address, i * 4096, 4096);
  const seconds = (performance.now() - startMs) / 1000;
  console.log(`${'read of 4 KiB'.padEnd(22)} ${(calls / seconds).toFixed(0)} op/s`);
}

const blocks = Math.max(1, Math.round((Number(process.argv[2] ?? 2048) * MiB) / BLOCK_BYTES));
const nodes = await Promise.all([startNode(), startNode(), startNode()]);
const addresses = nodes.map((node) => node.address);
try {
  await measure('write, 1 replica', blocks, (i) => writeBlock(addresses.slice(0, 1), i));
  await measure('write, 3 replicas', blocks, (i) => writeBlock(addresses, 10_000 + i));
  await measure('read', blocks, () => readRange(addresses[0]!, 0, BLOCK_BYTES));
  await measureSmallReads(addresses[0]!);
} finally {
  for (const node of nodes) node.stop();
}
