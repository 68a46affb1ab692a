import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BYTES_PER_CHECKSUM, crc32c } from '../common/checksum.ts';
import { resolveConfig } from '../common/config.ts';
import { silentLog } from '../common/log.ts';
import { systemSeams } from '../common/seams/system.ts';
import { openBlockStore } from '../datanode/store/open-block-store.ts';
import type { BlockStore } from '../datanode/store/block-store.ts';

// One process, one store: node --import tsx bench/block-store.ts [GiB] [chunk KiB]
const MiB = 1024 * 1024;
const totalBytes = Number(process.argv[2] ?? 2) * 1024 * MiB;
const chunkBytes = Number(process.argv[3] ?? 256) * 1024;
const BLOCK_BYTES = 128 * MiB;
/** Packets of one block under way, as a client's window has them. */
const WINDOW = 8;

const data = Buffer.alloc(chunkBytes);
for (let at = 0; at < chunkBytes; at += 4) data.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at);
const checksums = Buffer.alloc((chunkBytes / BYTES_PER_CHECKSUM) * 4);
for (let at = 0; at < chunkBytes; at += BYTES_PER_CHECKSUM) {
  checksums.writeUInt32BE(crc32c(data.subarray(at, at + BYTES_PER_CHECKSUM)), (at / BYTES_PER_CHECKSUM) * 4);
}

function print(metric: string, value: number, unit: string): void {
  console.log(`${metric} ${value.toFixed(2)} ${unit}`);
}

function writtenToDisk(): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
}

function residentKiB(field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))![1]);
}

async function measure(name: string, bytes: number, work: () => Promise<unknown>): Promise<void> {
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  const written = writtenToDisk();
  await work();
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  print(`${name}.rate`, bytes / seconds / 1e6, 'MB/s');
  print(`${name}.cpu`, (user + system) / 1e6 / (bytes / 2 ** 30), 's/GiB');
  if (writtenToDisk() > written) {
    print(`${name}.amplification`, (writtenToDisk() - written) / bytes, 'x');
  }
}

async function writeBlock(store: BlockStore, blockId: number): Promise<void> {
  await store.create(blockId, 1, 'RBW');
  const window: Promise<void>[] = [];
  for (let offsetBytes = 0; offsetBytes < BLOCK_BYTES; offsetBytes += chunkBytes) {
    window.push(store.append(blockId, 1, { offsetBytes, data, checksums }));
    if (window.length === WINDOW) await window.shift();
  }
  await Promise.all(window);
  await store.finalize(blockId, 1, BLOCK_BYTES);
}

async function readBlock(store: BlockStore, blockId: number): Promise<void> {
  let bytes = 0;
  for await (const chunk of store.read(blockId, 0, BLOCK_BYTES)) bytes += chunk.data.length;
  if (bytes !== BLOCK_BYTES) throw new Error(`block ${blockId} has ${bytes} bytes`);
}

async function inLanes(lanes: number, count: number, run: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

const directory = mkdtempSync(join(tmpdir(), 'quarry-bench-store-'));
try {
  const seams = systemSeams(directory, silentLog());
  const config = resolveConfig({ 'datanode.reserveShare': '0' });
  const store = await openBlockStore(seams, config, true);
  const blocks = Math.max(1, Math.round(totalBytes / BLOCK_BYTES));
  const bytes = blocks * BLOCK_BYTES;
  await measure('write.blocks1', bytes, () => inLanes(1, blocks, (i) => writeBlock(store, 1 + i)));
  await measure('write.blocks4', bytes, () => inLanes(4, blocks, (i) => writeBlock(store, 1001 + i)));
  await measure('read.blocks1', bytes, () => inLanes(1, blocks, (i) => readBlock(store, 1001 + i)));
  await measure('read.blocks4', bytes, () => inLanes(4, blocks, (i) => readBlock(store, 1001 + i)));
  await measure('verify', BLOCK_BYTES, () => store.verify(1001, 0));
  print('memory.anonymous', residentKiB('RssAnon') / 1024, 'MiB');
  print('memory.resident', residentKiB('VmRSS') / 1024, 'MiB');
  const startMs = performance.now();
  await store.close();
  print('close', performance.now() - startMs, 'ms');
  const reopenMs = performance.now();
  const again = await openBlockStore(seams, config, false);
  print('reopen', performance.now() - reopenMs, 'ms');
  await again.close();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
