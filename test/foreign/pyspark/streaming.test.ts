import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveConfig } from '../../../common/config.ts';
import { silentLog } from '../../../common/log.ts';
import type { RunningRole } from '../../../common/role.ts';
import { systemSeams } from '../../../common/seams/system.ts';
import { openLog } from '../../../log/open-log.ts';
import { start as startLog } from '../../../services/log/start.ts';
import { startTestCluster, type TestCluster } from '../../cluster/test-cluster.ts';
import { clientPython, runPythonJson } from './python.ts';

const NOON_MS = Date.UTC(2026, 0, 1, 12);
const CLICKS = 600;

let cluster: TestCluster;
let log: RunningRole;
let logUrl: string;
let logDirectory: string;

/** A click every half second, ten products in turn: 12 of each a minute. */
async function produce(): Promise<void> {
  const opened = await openLog(logUrl);
  await opened.sink.createTopic('clicks', { partitions: 3 });
  const records = Array.from({ length: CLICKS }, (_, index) => {
    const timestampMs = NOON_MS + index * 500;
    const product = String(index % 10);
    const line =
      index % 100 === 99 ? '{"msec": ' : JSON.stringify({ msec: timestampMs / 1000, product, status: 200 });
    return { topic: 'clicks', key: Buffer.from(product), value: Buffer.from(line), timestampMs };
  });
  await opened.sink.append(records);
  await opened.close();
}

beforeAll(async () => {
  process.env['PYSPARK_PYTHON'] = clientPython();
  logDirectory = await mkdtemp(join(tmpdir(), 'quarry-log-'));
  const config = resolveConfig({ 'log.port': '0' });
  log = await startLog({} as never, config, systemSeams(logDirectory, silentLog()));
  const address = log.addresses['log']!;
  logUrl = address.includes('://') ? address : `quarry-log://${address}`;
  await produce();
  cluster = await startTestCluster({ nodes: 1 });
});
afterAll(async () => {
  await cluster?.stop();
  await log?.close();
  await rm(logDirectory, { recursive: true, force: true });
});

describe('structured streaming with PySpark 4.0.1', () => {
  it('reads logs, rates and files, and writes to views, files and functions', async () => {
    const results = await runPythonJson<Record<string, unknown>>('streaming.py', [
      cluster.file().driver.connect,
      logUrl,
      '/streaming',
    ]);
    expect(results['columns']).toBe(
      'struct<key:binary,value:binary,topic:string,partition:int,offset:bigint,timestamp:timestamp,timestampType:int>',
    );
    expect(results['streaming']).toEqual([true, false]);
    const minutes = Array.from({ length: 5 }, (_, index) => `12:0${index}`);
    const products = Array.from({ length: 10 }, (_, index) => String(index));
    // Of each product one in ten lines of number 9 is malformed: it has no time, and so no window.
    const expected = minutes.flatMap((minute) =>
      products.map((product) => [minute, product, product === '9' ? 'fewer' : 12]),
    );
    const { rows, ...memory } = results['memory'] as { rows: [string, string, number][] };
    expect(
      rows.map(([minute, product, count]) => [minute, product, product === '9' ? 'fewer' : count]),
    ).toEqual(expected);
    expect(rows.reduce((sum, [, , count]) => sum + count, 0)).toBe(CLICKS - CLICKS / 100);
    expect(memory).toMatchObject({
      input: CLICKS,
      active: false,
      exception: null,
      watermark: true,
    });
    expect(results['events']).toEqual([['started', 'counted'], ['terminated', null], true]);
    expect(results).toMatchObject({
      foreachBatch: CLICKS,
      failed: [true, 'STREAM_FAILED'],
      exception: true,
      names: [['rate'], 'rate'],
      status: ['isDataAvailable', 'isTriggerActive', 'message'],
      stopped: [false, true],
      sameId: true,
      rate: true,
      anyFailed: true,
      any: true,
      files: [5, [0, 1, 2, 3, 4, 5, 6, 7]],
      batch: [CLICKS, true],
    });
    expect(results['taken']).toEqual(['IllegalArgumentException', expect.stringContaining('already active')]);
    expect(results['errors']).toEqual({
      collect: ['AnalysisException', expect.stringContaining('must be executed with writeStream.start()')],
      write: ['AnalysisException', expect.stringContaining('CALL_ON_STREAMING_DATASET_UNSUPPORTED')],
      batch: ['AnalysisException', expect.stringContaining('WRITE_STREAM_NOT_ALLOWED')],
      append: ['AnalysisException', expect.stringContaining('STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION')],
      complete: ['AnalysisException', expect.stringContaining('STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION')],
      sort: ['AnalysisException', expect.stringContaining('Sorting is not supported')],
      watermark: ['AnalysisException', expect.stringContaining('EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE')],
      schema: ['IllegalArgumentException', expect.stringContaining('Schema must be specified')],
      topic: [expect.any(String), expect.stringContaining('none')],
    });
  });
});
