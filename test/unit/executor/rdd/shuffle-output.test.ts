import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../../../common/log.ts';
import type { Listener } from '../../../../common/seams/net.ts';
import { SystemNet } from '../../../../common/seams/system-net.ts';
import { ShuffleOutput } from '../../../../executor/rdd/shuffle-output.ts';
import { DiskShuffleStore } from '../../../../executor/shuffle/disk-shuffle-store.ts';
import { ShuffleClient } from '../../../../executor/shuffle/shuffle-client.ts';
import { ShuffleServer } from '../../../../executor/shuffle/shuffle-server.ts';
import type { MapOutput } from '../../../../proto/gen/quarry/MapOutput.ts';

const net = new SystemNet();
const client = new ShuffleClient(net);
const signal = new AbortController().signal;
let directory: string;
let listener: Listener;
let writer: DiskShuffleStore;
let elsewhere: DiskShuffleStore;
let outputs = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-shuffle-output-'));
  listener = await new ShuffleServer(join(directory, 'ex1'), silentLog()).listen(net, '127.0.0.1:0');
  const store = async (executorId: string, address: string) => {
    const opened = new DiskShuffleStore({
      directory: join(directory, executorId),
      executorId,
      address: () => address,
      client,
    });
    await opened.open();
    return opened;
  };
  writer = await store('ex1', listener.address);
  elsewhere = await store('ex2', '127.0.0.1:1');
});
afterAll(async () => {
  client.close();
  await listener.close();
  await rm(directory, { recursive: true, force: true });
});

async function write(parts: readonly (readonly [partition: number, lines: string])[]): Promise<MapOutput> {
  const id = { jobId: 'job-1', stage: 0, partition: outputs++, attempt: 3 };
  const output = await ShuffleOutput.open(writer, id, 3);
  for (const [partition, lines] of parts) await output.add(partition, Buffer.from(lines), 1);
  return (await output.commit()) as MapOutput;
}

const pathOf = (output: MapOutput) => join(directory, 'ex1', output.file);
const read = (store: DiskShuffleStore, output: MapOutput, partition: number) =>
  store.readSegments({ stage: 0, output, partitions: [partition], signal });
const lost = (output: MapOutput) => ({
  code: 'SHUFFLE_LOST',
  details: { executor: 'ex1', stage: 0, mapPartition: output.mapPartition, attempt: 3 },
});

describe('a map output of records', () => {
  it('gives each partition its lines in the order in which they came', async () => {
    const output = await write([
      [2, 'a\t1\n'],
      [0, 'b\t2\n'],
      [2, 'c\t3\n'],
    ]);
    for (const store of [writer, elsewhere]) {
      expect(String(await read(store, output, 2))).toBe('a\t1\nc\t3\n');
      expect(String(await read(store, output, 0))).toBe('b\t2\n');
      expect(String(await read(store, output, 1))).toBe('');
    }
  });

  it('is lost to the readers of a partition whose bytes were changed, here and elsewhere', async () => {
    const output = await write([
      [0, 'b\t2\n'],
      [2, 'a\t1\n'],
    ]);
    const bytes = await readFile(pathOf(output));
    bytes[6]! ^= 1;
    await writeFile(pathOf(output), bytes);
    for (const store of [writer, elsewhere]) {
      await expect(read(store, output, 2)).rejects.toMatchObject(lost(output));
      expect(String(await read(store, output, 0))).toBe('b\t2\n');
    }
  });

  it('is lost when it was cut short', async () => {
    const output = await write([
      [0, 'b\t2\n'],
      [2, 'a\t1\n'],
    ]);
    await truncate(pathOf(output), 7);
    for (const store of [writer, elsewhere]) {
      await expect(read(store, output, 2)).rejects.toMatchObject(lost(output));
    }
  });

  it('that did not fit in memory is whole', async () => {
    const mebibyte = (letter: string) => `${letter.repeat(2 ** 20 - 1)}\n`;
    const output = await write(
      Array.from({ length: 40 }, (_, index) => [index % 2, mebibyte(`${index % 10}`)]),
    );
    for (const partition of [0, 1]) {
      const [segment] = await read(elsewhere, output, partition);
      const expected = Array.from({ length: 20 }, (_, index) => mebibyte(`${(2 * index + partition) % 10}`));
      expect(segment!.equals(Buffer.from(expected.join('')))).toBe(true);
    }
  });
});
