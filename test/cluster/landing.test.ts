import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileSystem } from '../../client/fs/file-system.ts';
import { resolveConfig } from '../../common/config.ts';
import { silentLog } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { systemSeams } from '../../common/seams/system.ts';
import { toRecord } from '../../services/agent/event-parser.ts';
import { clicks, ClickTruth } from '../../services/clicks/click-generator.ts';
import { END_OF_INPUT, Landing } from '../../services/landing/landing.ts';
import { readLandingOptions } from '../../services/landing/landing-options.ts';
import { MemoryLog } from '../unit/services/agent/memory-log.ts';
import { eventually } from './eventually.ts';
import { quarry } from './quarry.ts';
import { startTestCluster, type TestCluster } from './test-cluster.ts';

const DIRECTORY = '/data/raw/clicks';
const DAY = Date.UTC(2026, 10, 20);
const COUNT = 6_000;
const FIELDS = { topic: 'clicks', deadLetterTopic: 'dead', keyField: 'product', timeField: 'msec' };

describe('the raw landing', () => {
  let cluster: TestCluster;
  let fs: FileSystem;
  const log = new MemoryLog();
  const truth = new ClickTruth();

  beforeAll(async () => {
    cluster = await startTestCluster();
    fs = await FileSystem.connect({
      namenodeAddress: cluster.file().namenode.grpc,
      config: resolveConfig({}),
      seams: systemSeams(cluster.directory, silentLog()),
    });
    await log.sink.createTopic('clicks', { partitions: 1 });
    const span = { fromMs: DAY, untilMs: DAY + 86_400_000 };
    for (const generated of clicks({
      seed: 3,
      ...span,
      count: COUNT,
      lateShare: 0.01,
      malformedShare: 0.002,
    })) {
      truth.add(generated);
      const record = toRecord(Buffer.from(generated.line), FIELDS, { path: 'access.log', nowMs: DAY });
      await log.sink.append([record.topic === 'clicks' ? record : { ...record, topic: 'clicks' }]);
    }
  });
  afterAll(async () => {
    await fs?.close();
    await cluster?.stop();
  });

  /** A file system whose publish fails now and then: before it happened, or after, as a crash in between would. */
  function unsteady(failures: ('before' | 'after')[]): FileSystem {
    return new Proxy(fs, {
      get(target, key) {
        const member = Reflect.get(target, key, target) as unknown;
        if (typeof member !== 'function') return member;
        if (key !== 'publish') return member.bind(target) as unknown;
        return async (plan: Parameters<FileSystem['publish']>[0]) => {
          const failure = failures.shift();
          const moved = failure === 'before' ? 0 : await target.publish(plan);
          if (failure !== undefined)
            throw new QuarryError('PEER_UNREACHABLE', `killed ${failure} the publish`);
          return moved;
        };
      },
    });
  }

  function landing(name: string, withFs: FileSystem, topic = 'clicks'): Landing {
    const told = {
      log: 'quarry-log://x',
      topic,
      directory: `/data/raw/${topic}`,
      columns: 'product STRING',
      name,
    };
    const options = readLandingOptions({ ...told, flushRows: '700', flushMs: '200' });
    return new Landing(options, {
      fs: withFs,
      source: log.source,
      logger: silentLog(),
      stageDirectory: join(cluster.directory, `stage-${name}`),
    });
  }

  it('lands every record once, whatever fails around its commits and however many land at once', async () => {
    const failing = landing('a', unsteady(['after', 'before', 'before', 'after', 'after']));
    const rival = landing('b', fs);
    const runs = [failing.run(), rival.run()];
    const end = (await log.source.latest('clicks'))[0]!.offset;
    await fs.writeFile('/end', JSON.stringify({ 0: end }));
    await fs.rename('/end', `${DIRECTORY}/${END_OF_INPUT}`);
    await eventually(
      () => fs.exists(`${DIRECTORY}/2026/11/20/_SUCCESS`),
      (isThere) => isThere,
      60_000,
    );
    failing.stop();
    rival.stop();
    await Promise.all(runs);

    const sql = `SELECT product, count(*) AS n FROM parquet.\`${DIRECTORY}/2026/11/20\` WHERE NOT late GROUP BY product`;
    const counted = JSON.parse(
      (await quarry(['sql', sql, '--json'], { QUARRY_CLUSTER: cluster.directory })).stdout,
    ) as {
      product: string;
      n: number;
    }[];
    expect(new Map(counted.map(({ product, n }) => [product, Number(n)]))).toEqual(truth.products);
    const all = `SELECT count(*) AS n, count(DISTINCT log_offset) AS offsets, sum(CASE WHEN late THEN 1 ELSE 0 END) AS late FROM parquet.\`${DIRECTORY}/2026/11/20\``;
    const [totals] = JSON.parse(
      (await quarry(['sql', all, '--json'], { QUARRY_CLUSTER: cluster.directory })).stdout,
    ) as Record<string, number>[];
    expect(totals).toEqual({ n: COUNT, offsets: COUNT, late: truth.late });
    const names = (await fs.glob(`${DIRECTORY}/2026/11/20/*.parquet`)).map(({ path }) => path);
    expect(names.every((name) => /\/clicks\+0\+\d{10}\+\d{10}\.parquet$/.test(name))).toBe(true);
    expect(names.length).toBeGreaterThan(5);
  });

  it('lands a partition that the topic is given later', async () => {
    const growing = landing('c', fs, 'growing');
    log.addPartitions('growing', 1);
    const value = Buffer.from(JSON.stringify({ product: '1', msec: DAY / 1_000 }));
    const add = (partition: number) =>
      log.sink.append([{ topic: 'growing', partition, key: null, value, timestampMs: DAY }]);
    const landed = (partition: number) =>
      eventually(
        () => fs.glob(`/data/raw/growing/2026/11/20/growing+${partition}+*.parquet`),
        (files) => files.length > 0,
        30_000,
      );
    const run = growing.run();
    await add(0);
    await landed(0);
    log.addPartitions('growing', 1);
    await add(1);
    await landed(1);
    growing.stop();
    await run;
  });
});
