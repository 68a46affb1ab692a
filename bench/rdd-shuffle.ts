import { createHash } from 'node:crypto';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBDataChunk, DuckDBInstance, INTEGER, VARCHAR } from '@duckdb/node-api';
import { resolveConfig } from '../common/config.ts';
import { SystemNet } from '../common/seams/system-net.ts';
import { KernelSession, quote } from '../executor/kernel/duckdb-kernel.ts';
import { LineBatch, PartitionBatches } from '../executor/rdd/line-batch.ts';
import { partitionOf } from '../executor/rdd/partition-of.ts';
import { keyedTextsIn } from '../executor/rdd/records.ts';
import { ShuffleOutput } from '../executor/rdd/shuffle-output.ts';
import { DiskShuffleStore } from '../executor/shuffle/disk-shuffle-store.ts';
import { ShuffleClient } from '../executor/shuffle/shuffle-client.ts';
import { writeShuffle } from '../executor/shuffle/shuffle-writer.ts';
import type { MapOutput } from '../proto/gen/quarry/MapOutput.ts';
import { report, timedMs } from './report.ts';

// What a shuffle of RDD records costs as lines and as Parquet, from texts of keys and values to texts again, in one process:
// node --import tsx bench/rdd-shuffle.ts [runs]
const runs = Number(process.argv[2] ?? 5);
const PARTITIONS = 6;
const signal = new AbortController().signal;

type Pair = readonly [key: string, value: string];

/** Both sides of one way to shuffle. `read` answers the characters it has seen, so that nothing is skipped unnoticed. */
interface Way {
  write(pairs: readonly Pair[], attempt: number): Promise<MapOutput>;
  read(output: MapOutput, partition: number): Promise<number>;
}

const words = Array.from({ length: 50_000 }, (_, index) => JSON.stringify(`w${(index * 7919) % 50_000}`));
function wordPairs(length: number): readonly Pair[] {
  return Array.from({ length }, (_, at) => [words[(at * 31) % words.length]!, '1']);
}
const WORKLOADS: Readonly<Record<string, readonly Pair[]>> = {
  'words-1k': wordPairs(1_000),
  'words-1M': wordPairs(1_000_000),
  'json-200k': Array.from({ length: 200_000 }, (_, id): Pair => {
    const row = { id, name: `product ${id}`, tags: ['a', 'b'], price: (id * 17) % 1000, note: '' };
    const value = JSON.stringify(row);
    return [`${id % 20_000}`, JSON.stringify({ ...row, note: noise(id, 200 - value.length) })];
  }),
};

/** Hexadecimal digits: texts that compress to no less than half. */
function noise(seed: number, length: number): string {
  return createHash('sha512').update(`${seed}`).digest('hex').repeat(2).slice(0, length);
}

const idOf = (attempt: number) => ({ jobId: 'bench', stage: 0, partition: 0, attempt });

function lines(store: DiskShuffleStore): Way {
  return {
    async write(pairs, attempt) {
      const output = await ShuffleOutput.open(store, idOf(attempt), PARTITIONS);
      let adding = Promise.resolve();
      const batches = new PartitionBatches(PARTITIONS, (partition, bytes, rowCount) => {
        adding = adding.then(() => output.add(partition, bytes, rowCount));
      });
      for (const [key, value] of pairs) batches.addKeyed(key, value);
      batches.flush();
      await adding;
      return (await output.commit()) as MapOutput;
    },
    async read(output, partition) {
      const segments = await store.readSegments({ stage: 0, output, partitions: [partition], signal });
      let chars = 0;
      for (const segment of segments) {
        for (const { key, value } of keyedTextsIn(segment)) chars += key.length + value.length;
      }
      return chars;
    },
  };
}

/** The kernel sorts by partition alone: keeping the order of records within one, as readers need it, would cost more. */
function parquet(store: DiskShuffleStore, connection: DuckDBConnection, load: Load): Way {
  const session = new KernelSession(connection);
  return {
    async write(pairs, attempt) {
      const loaded = await load(pairs, connection, await store.temporaryPath(idOf(attempt)));
      try {
        return (await writeShuffle(session, store, `SELECT p, k, v FROM ${loaded.sql}`, {
          id: idOf(attempt),
          partitions: PARTITIONS,
          partitionColumn: 'p',
        })) as MapOutput;
      } finally {
        await loaded.drop();
      }
    },
    async read(output, partition) {
      const file = await store.openLocal({ stage: 0, output, partitions: [partition], signal });
      // The kernel's own lines, by way of a file: taking keys and values out of its vectors one by one took longer.
      const path = await store.temporaryPath(idOf(0));
      await session.run(
        `COPY (SELECT k, v FROM read_parquet(${quote(file.path)}) WHERE p = ${partition}) TO ${quote(path)} (FORMAT csv, DELIM '\t', QUOTE '', ESCAPE '', HEADER false)`,
      );
      let chars = 0;
      for (const { key, value } of keyedTextsIn(await readFile(path))) chars += key.length + value.length;
      await rm(path);
      file.release();
      return chars;
    },
  };
}

/** Gets records to where the kernel can select them from. */
type Load = (
  pairs: readonly Pair[],
  connection: DuckDBConnection,
  path: string,
) => Promise<{ readonly sql: string; drop(): Promise<unknown> }>;

const ROWS_AT_ONCE = 2_048;

const byAppender: Load = async (pairs, connection) => {
  await connection.run('CREATE TEMP TABLE records (p INTEGER, k VARCHAR, v VARCHAR)');
  const appender = await connection.createAppender('records', 'main', 'temp');
  for (let start = 0; start < pairs.length; start += ROWS_AT_ONCE) {
    const rows = pairs.slice(start, start + ROWS_AT_ONCE);
    const chunk = DuckDBDataChunk.create([INTEGER, VARCHAR, VARCHAR], rows.length);
    chunk.setColumns([
      rows.map(([key]) => partitionOf(key, PARTITIONS)),
      rows.map(([key]) => key),
      rows.map(([, value]) => value),
    ]);
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
  return { sql: 'records', drop: () => connection.run('DROP TABLE records') };
};

const byCsv: Load = async (pairs, _, path) => {
  const file = await open(path, 'w');
  let writing = Promise.resolve();
  const batch = new LineBatch((bytes) => {
    writing = writing.then(() => file.appendFile(bytes));
  });
  for (const [key, value] of pairs) batch.add(`${partitionOf(key, PARTITIONS)}\t${key}\t${value}`);
  batch.flush();
  await writing;
  await file.close();
  const options = `delim = '\t', quote = '', escape = '', header = false, auto_detect = false, force_not_null = ['k', 'v']`;
  return {
    sql: `read_csv(${quote(path)}, ${options}, columns = {'p': 'INTEGER', 'k': 'VARCHAR', 'v': 'VARCHAR'})`,
    drop: () => rm(path),
  };
};

class Times {
  readonly #values: Record<'write' | 'read' | 'both' | 'cpu', number[]> = {
    write: [],
    read: [],
    both: [],
    cpu: [],
  };

  add(writeMs: number, readMs: number, cpuMs: number): void {
    this.#values.write.push(writeMs);
    this.#values.read.push(readMs);
    this.#values.both.push(writeMs + readMs);
    this.#values.cpu.push(cpuMs);
  }

  report(name: string): void {
    for (const [side, values] of Object.entries(this.#values)) report(`${name}.${side}`, values, 'ms');
  }
}

async function once(
  way: Way,
  pairs: readonly Pair[],
  run: number,
  times: Times | undefined,
): Promise<number> {
  let output: MapOutput | undefined;
  const cpu = process.cpuUsage();
  const writeMs = await timedMs(async () => {
    output = await way.write(pairs, run);
  });
  let chars = 0;
  const readMs = await timedMs(async () => {
    for (let partition = 0; partition < PARTITIONS; partition++) chars += await way.read(output!, partition);
  });
  const { user, system } = process.cpuUsage(cpu);
  times?.add(writeMs, readMs, (user + system) / 1000);
  const expected = pairs.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (chars !== expected) throw new Error(`read ${chars} of ${expected} characters`);
  return output!.lengthBytes;
}

/** The ways take turns, so that what else the machine does meets them all; the first round warms up. */
async function measure(workload: string, ways: Readonly<Record<string, Way>>): Promise<void> {
  const pairs = WORKLOADS[workload]!;
  const times = new Map(Object.keys(ways).map((name) => [name, new Times()]));
  const lengths = new Map<string, number>();
  for (let run = 0; run <= runs; run++) {
    for (const [name, way] of Object.entries(ways)) {
      lengths.set(name, await once(way, pairs, run, run === 0 ? undefined : times.get(name)));
    }
  }
  for (const [name, each] of times) {
    each.report(`${workload}.${name}`);
    report(`${workload}.${name}.file`, [lengths.get(name)! / 1e6], 'MB');
  }
}

const directory = await mkdtemp(join(tmpdir(), 'quarry-bench-rdd-shuffle-'));
const config = resolveConfig({});
const instance = await DuckDBInstance.create(':memory:', {
  enable_external_file_cache: 'false',
  memory_limit: `${Math.floor(config['executor.memoryLimitBytes'] / config['executor.slots'] / 1024)}KiB`,
  threads: String(availableParallelism()),
  temp_directory: join(directory, 'kernel'),
});
const client = new ShuffleClient(new SystemNet());
try {
  const connection = await instance.connect();
  const store = new DiskShuffleStore({
    directory: join(directory, 'shuffle'),
    executorId: 'bench',
    address: () => '',
    client,
  });
  await store.open();
  const ways = {
    lines: lines(store),
    'parquet-appender': parquet(store, connection, byAppender),
    'parquet-csv': parquet(store, connection, byCsv),
  };
  for (const workload of Object.keys(WORKLOADS)) await measure(workload, ways);
  connection.disconnectSync();
} finally {
  client.close();
  instance.closeSync();
  await rm(directory, { recursive: true, force: true });
}
