import { DuckDBInstance } from '@duckdb/node-api';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileSystem } from '../../../../client/fs/file-system.ts';
import { SystemClock } from '../../../../common/seams/clock.ts';
import { FileIndex } from '../../../../driver/files/file-index.ts';
import { SplitPlanner } from '../../../../driver/files/split-planner.ts';
import type { ScanFile } from '../../../../driver/plan/logical-plan.ts';

const MiB = 1024 * 1024;
let directory: string;
let content: Buffer;
const GROUPS = 12;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-splits-test-'));
  const path = join(directory, 'a.parquet');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT hash(i) AS h FROM range(${GROUPS * 122_880}) t(i)) TO '${path}' (FORMAT parquet, COMPRESSION uncompressed, ROW_GROUP_SIZE 122880)`,
  );
  connection.closeSync();
  instance.closeSync();
  content = await readFile(path);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** One file of blocks of a MiB or so, block i on the nodes that `nodesOf` says. */
function planner(blockBytes: number, nodesOf: (block: number) => string[]): SplitPlanner {
  const fileSystem = {
    read: async (_: string, offset: number, length: number) => content.subarray(offset, offset + length),
    blockLocations: async (path: string) =>
      Array.from({ length: path === '/small' ? 1 : Math.ceil(content.length / blockBytes) }, (_, index) => ({
        block: { blockId: index, generationStamp: 1, lengthBytes: blockBytes },
        offsetBytes: index * blockBytes,
        locations: nodesOf(index).map((hostLabel) => ({ hostLabel })),
      })),
  } as unknown as FileSystem;
  return new SplitPlanner(fileSystem, new FileIndex(fileSystem), new SystemClock());
}

const file = (path: string, inodeId: number, lengthBytes = content.length): ScanFile => ({
  path,
  inodeId,
  generation: 1,
  lengthBytes,
  partitionValues: [],
});

describe('SplitPlanner', () => {
  it('cuts at blocks, each row group once, and deals the parts to nodes that hold them', async () => {
    const groups = await planner(MiB, (block) => [`dn${(block % 3) + 1}`]).groups([file('/big', 1)], 6);
    expect(groups.length).toBeGreaterThanOrEqual(6);
    expect(new Set(groups.flatMap(({ preferredNodes }) => preferredNodes))).toEqual(
      new Set(['dn1', 'dn2', 'dn3']),
    );
    const read = groups.flatMap(({ splits }) => splits.flatMap(({ rowGroups }) => rowGroups));
    expect(read.toSorted((a, b) => a - b)).toEqual(Array.from({ length: GROUPS }, (_, index) => index));
  });

  it('spreads work evenly where every node holds everything', async () => {
    const groups = await planner(MiB, () => ['dn1', 'dn2', 'dn3']).groups([file('/big', 1)], 6);
    expect(groups.every(({ preferredNodes }) => preferredNodes.length === 3)).toBe(true);
    expect(groups.length).toBeGreaterThanOrEqual(6);
  });

  it('reads small files together, without their footers', async () => {
    const small = Array.from({ length: 300 }, (_, index) => file('/small', index + 1, 10_000));
    const groups = await planner(MiB, (block) => [`dn${block + 1}`]).groups(small, 2);
    expect(groups.length).toBeLessThanOrEqual(4);
    expect(groups.flatMap(({ splits }) => splits)).toHaveLength(300);
    expect(groups[0]!.splits[0]!.rowGroups).toEqual([]);
  });

  it('prefers the node with most of what one task reads', async () => {
    const plan = planner(MiB, (block) => (block % 4 === 0 ? ['dn1'] : ['dn2', 'dn3']));
    expect((await plan.together([file('/big', 1)])).preferredNodes[0]).toMatch(/dn[23]/);
  });
});
