import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileSystem } from '../../../client/fs/file-system.ts';
import { resolveConfig } from '../../../common/config.ts';
import { silentLog } from '../../../common/log.ts';
import { systemSeams } from '../../../common/seams/system.ts';
import { startTestCluster, type TestCluster } from '../../cluster/test-cluster.ts';
import { clientPython, runPythonJson } from './python.ts';

let cluster: TestCluster;
let local: string;
let fileSystem: FileSystem;

/** Twelve rows in three files, four seconds apart, each file a minute after the one before it. */
async function writeFiles(): Promise<void> {
  for (const [minute, name] of ['c', 'b', 'a'].entries()) {
    const lines = Array.from({ length: 4 }, (_, index) => {
      const id = minute * 4 + index;
      return `{"id":${id},"k":"${'aab'[id % 3]}","t":"2026-01-01T00:0${minute}:${10 + index * 4}Z"}`;
    });
    await fileSystem.writeFile(`/streams/json/${name}.json`, `${lines.join('\n')}\n`);
  }
  await fileSystem.writeFile('/streams/json/_d.json', '{"id":100,"k":"hidden"}\n');
  await fileSystem.writeFile('/streams/json/.e.json', '{"id":101,"k":"hidden"}\n');
  await fileSystem.writeFile('/streams/csv/a.csv', 'id,name\n1,"x, y"\n2,\n');
  await fileSystem.writeFile('/streams/text/a.txt', 'one\n\ntwo');
}

beforeAll(async () => {
  process.env['PYSPARK_PYTHON'] = clientPython();
  local = await mkdtemp(join(tmpdir(), 'quarry-foreach-'));
  cluster = await startTestCluster({ nodes: 1 });
  fileSystem = await FileSystem.connect({
    namenodeAddress: cluster.file().namenode.grpc,
    config: resolveConfig(),
    seams: systemSeams(local, silentLog()),
  });
  await writeFiles();
});
afterAll(async () => {
  await fileSystem?.close();
  await cluster?.stop();
  await rm(local, { recursive: true, force: true });
});

describe('streaming queries of PySpark 4.0.1', () => {
  it('over files behave as on Spark, or say what to do', async () => {
    const { connect } = cluster.file().driver;
    const results = await runPythonJson<Record<string, unknown>>('streaming_queries.py', [
      connect,
      '/streams',
      local,
    ]);
    const { errors, manager, aggregates, ...others } = results;
    expect(others).toMatchObject({
      files: [
        [0, 4, "{'logOffset': 0}"],
        [1, 4, "{'logOffset': 1}"],
        [2, 4, "{'logOffset': 2}"],
      ],
      outstanding: ['2', '1', '0'],
      latestFirst: [8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3],
      filtered: [[4], [5], [6], [7]],
      csv: [
        [1, 'x, y'],
        [2, null],
      ],
      text: [[''], ['one'], ['two']],
      once: 1,
      duplicates: [
        [['a'], ['b']],
        [['a'], ['b']],
      ],
      top: [['a', 8]],
      union: [[8]],
      both: [12, ['a', 'a', 'a', 'b', 'b', 'b']],
      parts: [0, 1, 3, 4, 6, 7, 9, 10],
      kept: [12, 0],
      failed: ['StreamingQueryException', true, false],
      explain: ['== Physical Plan ==', expect.stringMatching(/^Filter/)],
      stopped: [true, 'Stopped', []],
    });
    expect((others['join'] as [number, string | null][]).filter(([, name]) => name === 'A')).toHaveLength(8);
    expect(others['foreach']).toEqual([
      Array.from({ length: 12 }, (_, id) => `${id} 2026`).toSorted(),
      ['open 0', 'close None', 'open 1', ...rowsOf(4), 'close None', 'open 2', ...rowsOf(8), 'close None'],
    ]);
    expect(others['foreachFails']).toEqual([
      'StreamingQueryException',
      expect.stringContaining('FOREACH_USER_FUNCTION_ERROR'),
    ]);
    const [[deviation, distinct, newest, first, last, list]] = aggregates as [
      [number, number, string, number, number, number[]],
    ];
    // Of 0 to 11: variance n (n + 1) / 12.
    expect(deviation).toBeCloseTo(Math.sqrt((12 * 13) / 12), 9);
    expect([distinct, newest, last]).toEqual([2, 'b', 11]);
    // Between the batches before the last there is no certain order, as on Spark.
    expect([0, 4, 8]).toContain(first);
    expect(list.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 12 }, (_, id) => id));
    expect(manager).toEqual([
      ['first'],
      'first',
      null,
      'StreamingQueryException',
      null,
      false,
      null,
      { message: 'Waiting for data to arrive', isDataAvailable: false, isTriggerActive: false },
    ]);
    expect(results['events']).toEqual([
      [
        ['started', 'first'],
        ['progress', 0],
        ['progress', 1],
        ['progress', 2],
        ['idle', 24],
        ['terminated', null],
      ],
      [
        ['started', 'second'],
        ['terminated', 'DIVIDE_BY_ZERO'],
      ],
    ]);
    expect(others['progress']).toEqual(PROGRESS);
    expect(errors).toEqual(ERRORS);
  });
});

function rowsOf(first: number): string[] {
  return [0, 1, 2, 3].map((index) => `row ${first + index}`);
}

function analysis(text: string): unknown {
  return ['AnalysisException', expect.stringContaining(text)];
}

function argument(text: string): unknown {
  return ['IllegalArgumentException', expect.stringContaining(text)];
}

function unsupported(text: string): unknown {
  return ['UnsupportedOperationException', expect.stringContaining(text)];
}

const ERRORS = {
  path: analysis('PATH_NOT_FOUND'),
  count: argument('must be a positive integer'),
  clean: argument('sourceArchiveDir'),
  ramp: argument('seconds (s)'),
  continuous: unsupported('processingTime'),
  distinct: analysis('approx_count_distinct()'),
  parts: analysis('approx_count_distinct, first'),
  streams: analysis('join a stream with a static DataFrame'),
  withWatermark: analysis('withWatermark'),
  limit: analysis('Limits are not supported'),
  partition: analysis('`zz` not found'),
  memory: analysis('does not support recovering'),
  table: unsupported('start(path)'),
  json: analysis('DATA_SOURCE_NOT_FOUND'),
  changed: ['SparkException', expect.stringContaining('start with a new checkpointLocation')],
  checkpoint: argument('checkpointLocation must be specified'),
};

/** What Spark 4.0.1 reports, and no less. */
const PROGRESS = {
  keys: [
    'batchDuration',
    'batchId',
    'durationMs',
    'eventTime',
    'id',
    'inputRowsPerSecond',
    'name',
    'numInputRows',
    'observedMetrics',
    'processedRowsPerSecond',
    'runId',
    'sink',
    'sources',
    'stateOperators',
    'timestamp',
  ],
  durations: [
    'addBatch',
    'commitOffsets',
    'getBatch',
    'latestOffset',
    'queryPlanning',
    'triggerExecution',
    'walCommit',
  ],
  eventTime: ['avg', 'max', 'min', 'watermark'],
  state: [
    'allRemovalsTimeMs',
    'allUpdatesTimeMs',
    'commitTimeMs',
    'customMetrics',
    'memoryUsedBytes',
    'numRowsDroppedByWatermark',
    'numRowsRemoved',
    'numRowsTotal',
    'numRowsUpdated',
    'numShufflePartitions',
    'numStateStoreInstances',
    'operatorName',
  ],
  source: [
    'description',
    'endOffset',
    'inputRowsPerSecond',
    'latestOffset',
    'metrics',
    'numInputRows',
    'processedRowsPerSecond',
    'startOffset',
  ],
  sink: ['description', 'numOutputRows'],
};
