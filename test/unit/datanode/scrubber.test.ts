import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { resolveConfig } from '../../../common/config.ts';
import { silentLog } from '../../../common/log.ts';
import { SystemClock } from '../../../common/seams/clock.ts';
import { Scrubber } from '../../../datanode/scrubber.ts';
import type { BlockStore } from '../../../datanode/store/block-store.ts';
import { SimRandom } from '../../sim/sim-random.ts';
import { bytesOf, SystemHarness, writeBlock } from '../../conformance/store-harness.ts';

let harness: SystemHarness | undefined;
afterEach(() => harness?.dispose());

function scrubberOf(store: BlockStore) {
  const found: string[] = [];
  const config = resolveConfig({ 'datanode.scrubBytesPerSecond': '0' });
  const seams = { clock: new SystemClock(), random: new SimRandom(1), log: silentLog() };
  const scrubber = new Scrubber(seams, config, store, ({ kind, replica }) =>
    found.push(`${kind} ${replica.blockId}`),
  );
  return { found, pass: () => scrubber.pass(new AbortController().signal) };
}

/** Flips one bit of `content` wherever it lies in the tables of the directory. */
async function flipBitOnDisk(directory: string, content: Buffer): Promise<void> {
  const names = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.ldb'));
  for (const name of names) {
    const path = join(directory, name);
    const at = (await readFile(path)).indexOf(content);
    if (at < 0) continue;
    const file = await open(path, 'r+');
    await file.write(Buffer.from([content[0]! ^ 1]), 0, 1, at);
    await file.close();
    return;
  }
  throw new Error('the bytes are in no table');
}

describe('the scrubber', () => {
  it('finds a bit that was flipped in a file of LevelDB, and only that block', async () => {
    harness = await SystemHarness.make();
    let store = await harness.open({ segmentBytes: 256 * 1024 });
    for (let blockId = 1; blockId <= 4; blockId++) {
      await writeBlock(store, blockId, 300_000);
      while (store.segmentCount <= blockId) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await scrubberOf(store).pass()).toBe(0);
    await store.close();
    await flipBitOnDisk(harness.directory, bytesOf(2, 131_072, 64));
    store = await harness.open();
    const { found, pass } = scrubberOf(store);
    expect(await pass()).toBe(1);
    expect(found).toEqual(['CORRUPT 2']);
  });

  it('leaves alone what is being written', async () => {
    harness = await SystemHarness.make();
    const store = await harness.open();
    await store.create(1, 1, 'RBW');
    expect(await scrubberOf(store).pass()).toBe(0);
  });
});
