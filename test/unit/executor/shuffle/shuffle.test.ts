import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../../../common/log.ts';
import type { Listener } from '../../../../common/seams/net.ts';
import { SystemNet } from '../../../../common/seams/system-net.ts';
import type { Attribute, Expression } from '../../../../driver/plan/expression.ts';
import { partitionExpression } from '../../../../driver/plan/partitioning.ts';
import type { SparkType } from '../../../../driver/plan/spark-type.ts';
import { duckdbType } from '../../../../driver/plan/types/duckdb-type.ts';
import { decodeFromShuffle, storedKernelType } from '../../../../driver/stages/exchange-codec.ts';
import { PARTITION_COLUMN, shuffleSql } from '../../../../driver/stages/task-sql.ts';
import { KernelPool } from '../../../../executor/kernel/kernel-pool.ts';
import { DiskShuffleStore } from '../../../../executor/shuffle/disk-shuffle-store.ts';
import { ShuffleClient } from '../../../../executor/shuffle/shuffle-client.ts';
import { openShuffle } from '../../../../executor/shuffle/shuffle-reader.ts';
import { ShuffleServer } from '../../../../executor/shuffle/shuffle-server.ts';
import { writeShuffle } from '../../../../executor/shuffle/shuffle-writer.ts';
import type { TaskContext } from '../../../../executor/task/task-runner.ts';
import type { MapOutput } from '../../../../proto/gen/quarry/MapOutput.ts';

const net = new SystemNet();
const signal = new AbortController().signal;
let directory: string;
let kernels: KernelPool;
let one: Awaited<ReturnType<typeof startStore>>;
let two: Awaited<ReturnType<typeof startStore>>;

async function startStore(executorId: string) {
  const client = new ShuffleClient(net);
  const own = join(directory, executorId);
  let listener: Listener | undefined;
  const store = new DiskShuffleStore({
    directory: own,
    executorId,
    address: () => listener!.address,
    client,
  });
  await store.open();
  listener = await new ShuffleServer(own, silentLog()).listen(net, '127.0.0.1:0');
  const close = async () => {
    client.close();
    await listener.close();
  };
  return { store, close };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-shuffle-test-'));
  kernels = new KernelPool({
    memoryLimitBytes: 256 * 1024 * 1024,
    threads: 2,
    temporaryDirectory: join(directory, 'k'),
  });
  one = await startStore('ex1');
  two = await startStore('ex2');
});
afterAll(async () => {
  await one.close();
  await two.close();
  kernels.close();
  await rm(directory, { recursive: true, force: true });
});

const taskId = (partition: number, attempt = 0) => ({ jobId: 'job-1', stage: 0, partition, attempt });
const rows = (sql: string) => kernels.use('UTC', signal, (session) => session.rows(sql));

async function write(
  store: DiskShuffleStore,
  query: string,
  partitions: number,
  partition = 0,
): Promise<MapOutput> {
  const partitionColumn = partitions > 1 ? PARTITION_COLUMN : '';
  return kernels.use(
    'UTC',
    signal,
    async (session) =>
      (await writeShuffle(session, store, query, {
        id: taskId(partition),
        partitions,
        partitionColumn,
      })) as MapOutput,
  );
}

function context(outputs: MapOutput[], partitions: number[]) {
  const metrics = {
    localBytes: 0,
    remoteBytes: 0,
    cachedBytes: 0,
    shuffleReadBytes: 0,
    shuffleWriteBytes: 0,
    rowsRead: 0,
    rowsWritten: 0,
    readNodes: new Set<string>(),
  };
  const request = {
    id: taskId(0),
    shuffles: [{ stage: 0, partitions, outputs }],
    outputPartitions: 0,
  } as unknown as TaskContext['request'];
  return { request, signal, metrics, emit: async () => undefined };
}

const TYPES: readonly [SparkType, string[]][] = [
  [{ kind: 'boolean' }, ['true', 'false']],
  [{ kind: 'byte' }, ['-128', '127']],
  [{ kind: 'short' }, ['-32768', '32767']],
  [{ kind: 'integer' }, ['-2147483648', '7']],
  [{ kind: 'long' }, ['-9223372036854775808', '9223372036854775807']],
  [{ kind: 'float' }, ["'nan'", "'-inf'", '1.17549435e-38']],
  [{ kind: 'double' }, ["'nan'", '-0.0', '1e308']],
  [{ kind: 'decimal', precision: 4, scale: 2 }, ['99.99', '-0.01']],
  [{ kind: 'decimal', precision: 38, scale: 10 }, ["'1234567890123456789012345678.0123456789'"]],
  [{ kind: 'string' }, ["''", "'a text of more than twelve bytes é'"]],
  [{ kind: 'binary' }, ["'\\x00\\xFF'", "''"]],
  [{ kind: 'date' }, ["'0001-01-01'", "'9999-12-31'"]],
  [{ kind: 'timestamp' }, ["'2017-06-01 12:00:00.123456+02'", "'1900-01-01 00:00:00+00'"]],
  [{ kind: 'timestamp_ntz' }, ["'2017-06-01 12:00:00.123456'"]],
  [{ kind: 'day_time_interval', start: 0, end: 3 }, ["'3 days 04:05:06.789012'", "'-1 microsecond'"]],
  [{ kind: 'year_month_interval', start: 0, end: 1 }, ["'14 months'", "'-1 month'"]],
  [{ kind: 'calendar_interval' }, ["'1 month -2 days 03:04:05.000006'", "'0 days'"]],
  [{ kind: 'array', element: { kind: 'integer' }, containsNull: true }, ['[1, NULL]', '[]']],
  [
    { kind: 'map', key: { kind: 'string' }, value: { kind: 'double' }, valueContainsNull: true },
    ["MAP {'a': 1.5, 'b': NULL}", 'MAP {}'],
  ],
  [
    {
      kind: 'struct',
      fields: [
        { name: 'a', type: { kind: 'long' }, nullable: true },
        {
          name: 'A b',
          type: { kind: 'array', element: { kind: 'date' }, containsNull: true },
          nullable: true,
        },
      ],
    },
    ["{'a': 1, 'A b': [DATE '2017-01-01', NULL]}", "{'a': NULL, 'A b': NULL}"],
  ],
  [{ kind: 'null' }, []],
];

describe('a shuffle', () => {
  it.each(TYPES)(
    'brings back values of %j and nulls as they were, as columns and as keys',
    async (type, values) => {
      const attribute: Attribute = { id: 5, name: 'v', type, nullable: true, planIds: [], qualifiers: [] };
      const key: Expression = { kind: 'column', id: 5, type, nullable: true };
      const source = ['NULL', ...values].map((value) => `SELECT CAST(${value} AS ${duckdbType(type)}) AS c5`);
      const fragment = source.join(' UNION ALL ');
      const partitions = 3;
      const output = await write(
        one.store,
        shuffleSql(fragment, [attribute], partitionExpression([key], partitions)),
        partitions,
      );
      const seen: string[] = [];
      for (let partition = 0; partition < partitions; partition++) {
        const opened = await openShuffle(
          {
            stage: 0,
            columns: [{ name: 'c5', kernelType: storedKernelType(type) }],
            partitionColumn: PARTITION_COLUMN,
          },
          two.store,
          context([output], [partition]),
        );
        const decoded = `SELECT ${decodeFromShuffle('c5', type)} AS c5 FROM ${opened.sql}`;
        const [described] = await rows(`SELECT any_value(typeof(c5)) FROM (${decoded})`);
        if (described![0] !== null) expect(described![0]).toBe(await kernelTypeOf(type));
        seen.push(...(await rows(`SELECT ${comparable('c5', type)} FROM (${decoded})`)).map(String));
        opened.close();
      }
      const expected = (await rows(`SELECT ${comparable('c5', type)} FROM (${fragment})`)).map(String);
      expect(seen.toSorted()).toEqual(expected.toSorted());
    },
  );

  it('sends a reducer the row groups of its partition, from this executor or another', async () => {
    const query = (start: number) =>
      `SELECT i AS c1, md5(i::VARCHAR) AS c2, (i % 20)::INTEGER AS ${PARTITION_COLUMN} FROM range(${start}, ${start + 200_000}) t(i)`;
    const outputs = [await write(one.store, query(0), 20, 0), await write(two.store, query(200_000), 20, 1)];
    expect(outputs[0]!.lengthBytes).toBeGreaterThan(2_000_000);
    const task = context(outputs, [13]);
    const opened = await openShuffle(
      { stage: 0, columns: [{ name: 'c1', kernelType: 'BIGINT' }], partitionColumn: PARTITION_COLUMN },
      one.store,
      task,
    );
    const [sums] = await rows(
      `SELECT count(*), min(c1), max(c1), count(*) FILTER (WHERE c1 % 20 = 13) FROM ${opened.sql}`,
    );
    expect(sums).toEqual([20_000n, 13n, 399_993n, 20_000n]);
    // Two row groups of a twentieth each, with their edges: far from all of it.
    expect(task.metrics.shuffleReadBytes).toBeLessThan(outputs[0]!.lengthBytes / 2);
    opened.close();
  });

  it('has a file even without rows, and reads as no rows', async () => {
    const output = await write(one.store, `SELECT 1::BIGINT AS c1 WHERE false`, 1);
    expect(output).toMatchObject({ rowCount: 0, segments: [{ lengthBytes: 0 }] });
    const opened = await openShuffle(
      { stage: 0, columns: [{ name: 'c1', kernelType: 'BIGINT' }], partitionColumn: '' },
      two.store,
      context([output], []),
    );
    expect(await rows(`SELECT c1 FROM ${opened.sql}`)).toEqual([]);
    opened.close();
  });

  it('says which map output is lost: file gone, executor gone, or another process in its place', async () => {
    const output = await write(one.store, `SELECT 1::BIGINT AS c1`, 1, 7);
    const read = (which: Partial<MapOutput>) =>
      openShuffle(
        { stage: 0, columns: [{ name: 'c1', kernelType: 'BIGINT' }], partitionColumn: '' },
        two.store,
        context([{ ...output, ...which }], []),
      );
    const lost = {
      code: 'SHUFFLE_LOST',
      details: { executor: 'ex1', stage: 0, mapPartition: 7, attempt: 0 },
    };
    await expect(read({ file: 'job-1/s0-m9-a0' })).rejects.toMatchObject(lost);
    await expect(read({ file: '../../etc/passwd' })).rejects.toMatchObject(lost);
    await expect(read({ address: '127.0.0.1:1' })).rejects.toMatchObject(lost);
    await expect(read({ lengthBytes: output.lengthBytes + 100 })).rejects.toMatchObject(lost);
    (await read({})).close();
    await one.store.removeJob('job-1');
    await expect(read({})).rejects.toMatchObject(lost);
  });

  it('takes a file for lost when a bit of what it reads has changed, here and from another executor', async () => {
    const query = `SELECT i AS c1, md5(i::VARCHAR) AS c2, (i // 20000)::INTEGER AS ${PARTITION_COLUMN} FROM range(100000) t(i)`;
    const output = await write(one.store, query, 5, 8);
    expect(output.lengthBytes).toBeGreaterThan(256 * 1024);
    const path = join(directory, 'ex1', output.file);
    const whole = await readFile(path);
    const { offsetBytes, lengthBytes } = output.segments[3]!;
    const read = async (store: DiskShuffleStore, partitions: number[]) => {
      const source = {
        stage: 0,
        columns: [{ name: 'c1', kernelType: 'BIGINT' }],
        partitionColumn: PARTITION_COLUMN,
      };
      const opened = await openShuffle(source, store, context([output], partitions));
      const found = await rows(`SELECT count(*), sum(c1) FROM ${opened.sql}`);
      opened.close();
      return found;
    };
    const places = [
      offsetBytes,
      offsetBytes + (lengthBytes >> 1),
      offsetBytes + lengthBytes - 1,
      output.tailOffsetBytes,
      whole.length - 1,
    ];
    for (const place of places) {
      const damaged = Buffer.from(whole);
      damaged[place]! ^= 16;
      await writeFile(path, damaged);
      for (const { store } of [one, two]) {
        await expect(read(store, [3])).rejects.toMatchObject({
          code: 'SHUFFLE_LOST',
          details: { mapPartition: 8 },
        });
        await expect(read(store, [])).rejects.toMatchObject({ code: 'SHUFFLE_LOST' });
        // A reader of others is not bothered by bytes that it does not read.
        if (
          place > offsetBytes + 8192 &&
          place < output.tailOffsetBytes - 1024 &&
          place < offsetBytes + lengthBytes - 1
        )
          expect((await read(store, [0]))[0]![0]).toBe(20_000n);
      }
    }
    await writeFile(path, whole);
    for (const { store } of [one, two]) expect((await read(store, [3]))[0]![0]).toBe(20_000n);
  });

  it('hands out segments as bytes for readers that are no kernel', async () => {
    const id = taskId(3);
    const path = await one.store.temporaryPath(id);
    await (await import('node:fs/promises')).writeFile(path, 'aaabbcccc');
    const output = (await one.store.commit(id, path, {
      segments: [
        { offsetBytes: 0, lengthBytes: 3, rowCount: 1 },
        { offsetBytes: 3, lengthBytes: 2, rowCount: 1 },
        { offsetBytes: 5, lengthBytes: 4, rowCount: 1 },
      ],
      tailOffsetBytes: 9,
      rowCount: 3,
    })) as MapOutput;
    for (const { store } of [one, two]) {
      const segments = await store.readSegments({ stage: 0, output, partitions: [2, 0], signal });
      expect(segments.map(String)).toEqual(['cccc', 'aaa']);
    }
  });
});

async function kernelTypeOf(type: SparkType): Promise<unknown> {
  return (await rows(`SELECT typeof(CAST(NULL AS ${duckdbType(type)}))`))[0]![0];
}

/** Text that differs where values do. */
function comparable(column: string, type: SparkType): string {
  // An interval of days and time is one number to Spark.
  if (type.kind === 'day_time_interval') return `epoch_us(${column})`;
  return `CAST(${column} AS VARCHAR)`;
}
