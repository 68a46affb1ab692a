import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processesOf, runningCluster } from '../../cluster/cluster-files.ts';
import { col, QuarrySession, window } from '../../client/index.ts';
import { readClusterFile } from '../../common/cluster-file.ts';
import { resolveConfig } from '../../common/config.ts';
import { silentLog } from '../../common/log.ts';
import type { RoleOptions, RunningRole } from '../../common/role.ts';
import { systemSeams } from '../../common/seams/system.ts';
import type { Log, RecordInput } from '../../log/log.ts';
import { openLog } from '../../log/open-log.ts';
import { start as startLog } from '../../services/log/start.ts';
import { start as startViews } from '../../services/views/start.ts';
import { openView } from '../../sinks/open-view.ts';
import { quarry } from './quarry.ts';

const START = ['cluster', 'start', '--supervise', '--detach', '--ports', 'auto', '--dir'];
const CLICKS = 40_000;
const FIRST_SECOND = 1_763_719_200;

/** Counts by window and product of what is not late, as the rule has it: partition by partition, in the order of the log. */
class Truth {
  readonly counts = new Map<string, number>();
  late = 0;
  readonly #highest = [0, 0, 0];

  add(partition: number, seconds: number, product: string): void {
    const highest = this.#highest[partition]!;
    this.#highest[partition] = Math.max(highest, seconds);
    if (seconds < highest - 600) {
      this.late++;
      return;
    }
    const window = new Date(Math.floor(seconds / 60) * 60_000).toISOString().replace('.000Z', 'Z');
    const key = `${window} ${product}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }
}

describe('a streaming query whose processes are killed', () => {
  const directory = mkdtempSync(join(tmpdir(), 'quarry-streaming-'));
  const services: RunningRole[] = [];
  let log: Log;
  let logUrl: string;
  let viewUrl: string;

  beforeAll(async () => {
    const started = await quarry(START.concat(directory));
    expect(started).toMatchObject({ code: 0 });
    const seams = systemSeams(join(directory, 'log'), silentLog());
    const logService = await startLog({} as RoleOptions, resolveConfig({ 'log.port': '0' }), seams);
    logUrl = `quarry-log://${logService.addresses['log']!}`;
    const viewDirectory = join(directory, 'views');
    const viewService = await startViews(
      { directory: viewDirectory } as RoleOptions,
      resolveConfig({ 'views.port': '0' }),
      systemSeams(viewDirectory, silentLog()),
    );
    viewUrl = `quarry-views://${viewService.addresses['views']!}`;
    services.push(logService, viewService);
    log = await openLog(logUrl);
    await log.sink.createTopic('clicks', { partitions: 3 });
  });

  afterAll(async () => {
    await log?.close();
    await Promise.all(services.map((service) => service.close()));
    if (runningCluster(directory) !== undefined) await quarry(['cluster', 'stop', '--dir', directory]);
    rmSync(directory, { recursive: true });
  });

  async function feed(truth: Truth): Promise<void> {
    for (let from = 0; from < CLICKS; from += 1_000) {
      const records: RecordInput[] = [];
      for (let index = from; index < from + 1_000; index++) {
        const partition = index % 3;
        const late = index % 500 === 499 ? 1_000 : 0;
        const seconds = FIRST_SECOND + Math.floor(index / 20) - ((index * 7) % 6) - late;
        const product = `p${index % 7}`;
        truth.add(partition, seconds, product);
        const value = Buffer.from(JSON.stringify({ msec: seconds + 0.25, product, user: `u${index}` }));
        records.push({ topic: 'clicks', partition, key: null, value, timestampMs: seconds * 1_000 });
      }
      await log.sink.append(records);
      await sleep(200);
    }
  }

  /** An application under supervision: a new session and the same query after whatever ended the last one. */
  async function run(signal: AbortSignal): Promise<number | undefined> {
    for (;;) {
      try {
        await using session = await QuarrySession.connect({ cluster: directory });
        const clicks = session.readStream
          .format('quarry-log')
          .options({
            url: logUrl,
            subscribe: 'clicks',
            startingOffsets: 'earliest',
            maxOffsetsPerTrigger: 3_000,
          })
          .load()
          .selectExpr(`from_json(CAST(value AS STRING), 'msec DOUBLE, product STRING') AS j`)
          .selectExpr('j.product AS product', 'timestamp_seconds(j.msec) AS t')
          .withWatermark('t', '10 minutes');
        const query = await clicks
          .groupBy(window(col('t'), '1 minute'), col('product'))
          .count()
          .writeStream.format('quarry-view')
          .options({
            url: viewUrl,
            view: 'clicks',
            keyColumns: 'window',
            fieldColumn: 'product',
            valueColumn: 'count',
          })
          .option('checkpointLocation', '/checkpoints/clicks')
          .outputMode('update')
          .trigger({ processingTime: '300 milliseconds' })
          .start();
        while (!signal.aborted && (await query.isActive())) await sleep(100);
        if (signal.aborted) {
          await query.processAllAvailable();
          const progress = (await query.recentProgress()).at(-1);
          await query.stop();
          return progress?.stateOperators[0]?.customMetrics['lateRowsTotal'];
        }
      } catch {
        // The driver is being replaced: what is there after it goes on from the checkpoint.
        await sleep(200);
      }
    }
  }

  it('counts every click on time once, and every late one as late', async () => {
    const truth = new Truth();
    const done = new AbortController();
    const running = run(done.signal);
    const feeding = feed(truth);
    for (const name of ['ex1', 'driver', 'ex2', 'driver', 'dn3']) {
      await sleep(1_300);
      const found = processesOf(readClusterFile(directory)).find((process) => process.name === name);
      expect(found, name).toBeDefined();
      process.kill(found!.pid, 'SIGKILL');
    }
    await feeding;
    done.abort();
    const late = await running;
    const view = await openView(viewUrl);
    const keys = await view.keys('clicks', '', '9');
    const read = await view.read('clicks', keys);
    const counts = [...read].flatMap(([window, fields]) =>
      [...fields].map(([product, count]) => [`${window} ${product}`, Number(count)] as const),
    );
    await view.close();
    expect(new Map(counts)).toEqual(truth.counts);
    expect(truth.late).toBeGreaterThan(50);
    expect(late).toBe(truth.late);
  }, 120_000);
});
