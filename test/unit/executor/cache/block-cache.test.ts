import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { BlockCache, type RangeSource } from '../../../../executor/cache/block-cache.ts';
import { KernelPool } from '../../../../executor/kernel/kernel-pool.ts';
import { ScanReader } from '../../../../executor/scan/scan-reader.ts';
import { newCounters } from '../../../../executor/task/task-runner.ts';
import type { ScanSource } from '../../../../proto/gen/quarry/ScanSource.ts';

const COLUMNS = [
  { name: 'a', kernelType: 'BIGINT' },
  { name: 'b', kernelType: 'INTEGER' },
  { name: 's', kernelType: 'VARCHAR' },
  { name: 'd', kernelType: 'DOUBLE' },
];
const GROUPS = 8;
const FILES = 3;

const sizes: number[] = [];
let directory: string;
let kernels: KernelPool;
const signal = new AbortController().signal;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-cache-test-'));
  kernels = new KernelPool({
    memoryLimitBytes: 256 * 1024 * 1024,
    threads: 2,
    temporaryDirectory: join(directory, 'kernel'),
  });
  for (let file = 0; file < FILES; file++) {
    await sql(
      `COPY (SELECT i + ${file * 1_000_000} AS a, (i % 100)::INTEGER AS b, 'text ' || (i % 500) AS s, i / 3.0::DOUBLE AS d
        FROM range(${GROUPS * 4096}) t(i)) TO '${path(file)}' (FORMAT parquet, ROW_GROUP_SIZE 4096)`,
    );
    sizes.push((await stat(path(file))).size);
  }
});
afterAll(async () => {
  kernels.close();
  await rm(directory, { recursive: true, force: true });
});

const path = (file: number) => join(directory, `original-${file}.parquet`);
const sql = (text: string) => kernels.use('UTC', signal, (session) => session.rows(text));

/** Reads the originals in small pieces, slowly, and counts. */
class DiskSource implements RangeSource {
  bytes = 0;
  failures = 0;
  readonly reads: string[] = [];

  async read(...[file, range, , take]: Parameters<RangeSource['read']>): Promise<void> {
    this.reads.push(`${file.path}:${range.startBytes}-${range.endBytes}`);
    const handle = await open(file.path, 'r');
    try {
      for (let at = range.startBytes; at < range.endBytes; at += 10_000) {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 2));
        if (this.failures > 0) {
          this.failures--;
          throw new QuarryError('BLOCK_UNAVAILABLE', 'no replica answers');
        }
        const piece = Buffer.alloc(Math.min(10_000, range.endBytes - at));
        await handle.read(piece, 0, piece.length, at);
        this.bytes += piece.length;
        await take(piece, range.startBytes % 2 === 0 ? 'dn1' : 'dn2');
      }
    } finally {
      await handle.close();
    }
  }
}

async function setup(capacityBytes: number) {
  const source = new DiskSource();
  const own = await mkdtemp(join(directory, 'cache-'));
  const cache = new BlockCache({
    directory: join(own, 'fast'),
    overflowDirectory: join(own, 'overflow'),
    capacityBytes,
    source,
  });
  await cache.open();
  return { cache, source, own, reader: new ScanReader(cache, source, 'dn1') };
}

function scan(file: number, columns: typeof COLUMNS, rowGroups: number[] = []): ScanSource {
  return {
    columns,
    fileName: false,
    splits: [{ path: path(file), inodeId: file + 1, generation: 1, lengthBytes: sizes[file]!, rowGroups }],
  };
}

/** A digest of the columns' values. */
const digest = (columns: typeof COLUMNS, from: string) =>
  `SELECT count(*), ${columns.map(({ name }) => `sum(hash(${name})::HUGEINT)::VARCHAR`).join(', ')} FROM ${from}`;

async function original(file: number, columns: typeof COLUMNS, rowGroups: readonly number[]) {
  const where = rowGroups.length === 0 ? '' : ` WHERE a % 1000000 // 4096 IN (${rowGroups.join(', ')})`;
  return sql(digest(columns, `(SELECT * FROM read_parquet('${path(file)}')${where})`));
}

describe('BlockCache', () => {
  it('gives every set of columns and row groups its own bytes, under concurrent fills and evictions', async () => {
    // A third of one file: most fills evict something or overflow to disk.
    const { cache, reader, own } = await setup(200_000);
    const wanted: { file: number; columns: typeof COLUMNS; rowGroups: number[] }[] = [];
    for (let round = 0; round < 2; round++) {
      for (let file = 0; file < FILES; file++) {
        for (let mask = 1; mask < 1 << COLUMNS.length; mask++) {
          const columns = COLUMNS.filter((_, index) => (mask >> index) & 1);
          wanted.push({ file, columns, rowGroups: [[], [2, 3], [0, 7], [5]][(mask + round) % 4]! });
        }
      }
    }
    const check = async (want: (typeof wanted)[number]) => {
      const opened = await reader.open(scan(want.file, want.columns, want.rowGroups), newCounters(), signal);
      try {
        expect(await sql(digest(want.columns, opened.sql)), JSON.stringify(want)).toEqual(
          await original(want.file, want.columns, want.rowGroups),
        );
      } finally {
        opened.close();
      }
    };
    for (let at = 0; at < wanted.length; at += 10) await Promise.all(wanted.slice(at, at + 10).map(check));
    expect(cache.usedBytes).toBeLessThanOrEqual(400_000);
    await cache.close();
    expect(await readdir(own)).toEqual(['overflow']);
  });

  it('fetches a range once, however many tasks want it, and tells where its bytes came from', async () => {
    const { cache, reader, source } = await setup(10_000_000);
    const all = [newCounters(), newCounters(), newCounters()];
    const opened = await Promise.all(all.map((each) => reader.open(scan(0, COLUMNS), each, signal)));
    expect(new Set(source.reads).size).toBe(source.reads.length);
    const before = source.bytes;
    const again = newCounters();
    opened.push(await reader.open(scan(0, COLUMNS.slice(0, 1)), again, signal));
    expect(source.bytes).toBe(before);
    expect(again.cachedBytes).toBe(again.localBytes + again.remoteBytes);
    expect(all[0]!.localBytes + all[0]!.remoteBytes).toBe(all[1]!.localBytes + all[1]!.remoteBytes);
    expect(all[0]!.rowsRead).toBe(GROUPS * 4096);
    for (const each of opened) each.close();
    await cache.close();
  });

  it('keeps nothing of a fetch that failed', async () => {
    const { cache, reader, source } = await setup(10_000_000);
    const warm = await reader.open(scan(1, COLUMNS.slice(0, 1)), newCounters(), signal);
    warm.close();
    source.failures = 1;
    await expect(reader.open(scan(1, COLUMNS), newCounters(), signal)).rejects.toThrow('no replica answers');
    const opened = await reader.open(scan(1, COLUMNS), newCounters(), signal);
    expect(await sql(digest(COLUMNS, opened.sql))).toEqual(await original(1, COLUMNS, []));
    opened.close();
    await cache.close();
  });

  it('names the file that is no Parquet', async () => {
    const { cache, reader } = await setup(10_000_000);
    const broken = scan(0, COLUMNS);
    broken.splits[0]!.lengthBytes -= 3;
    broken.splits[0]!.generation = 2;
    await expect(reader.open(broken, newCounters(), signal)).rejects.toMatchObject({
      code: 'BAD_DATA',
      message: expect.stringContaining('original-0.parquet'),
    });
    await cache.close();
  });

  it('reads files of different shapes as one', async () => {
    const { cache, reader } = await setup(10_000_000);
    await sql(
      `COPY (SELECT 7::INTEGER AS A, 'new' AS extra) TO '${join(directory, 'other.parquet')}' (FORMAT parquet)`,
    );
    const { size } = await stat(join(directory, 'other.parquet'));
    const both = scan(0, [COLUMNS[0]!, { name: 'extra', kernelType: 'VARCHAR' }], [0]);
    both.fileName = true;
    both.splits.push({
      path: join(directory, 'other.parquet'),
      inodeId: 99,
      generation: 1,
      lengthBytes: size,
      rowGroups: [],
    });
    const opened = await reader.open(both, newCounters(), signal);
    expect(
      await sql(
        `SELECT a, extra, filename LIKE '%other.parquet' FROM ${opened.sql} WHERE a = 7 ORDER BY extra NULLS FIRST`,
      ),
    ).toEqual([
      [7n, null, false],
      [7n, 'new', true],
    ]);
    opened.close();
    await cache.close();
  });
});
