import { join } from 'node:path';
import { FileSystem } from '../../../client/fs/file-system.ts';
import { resolveConfig } from '../../../common/config.ts';
import { silentLog } from '../../../common/log.ts';
import { systemSeams } from '../../../common/seams/system.ts';
import { toRecord } from '../../../services/agent/event-parser.ts';
import { ClickTruth, clicks } from '../../../services/clicks/click-generator.ts';
import { END_OF_INPUT, Landing } from '../../../services/landing/landing.ts';
import { readLandingOptions } from '../../../services/landing/landing-options.ts';
import { eventually } from '../../cluster/eventually.ts';
import type { TestCluster } from '../../cluster/test-cluster.ts';
import { MemoryLog } from '../../unit/services/agent/memory-log.ts';

const DIRECTORY = '/data/raw/clicks';
const FIELDS = { topic: 'clicks', deadLetterTopic: 'dead', keyField: 'product', timeField: 'msec' };

/** Lands the clicks of some days, late ones among them, as the pipeline does; answers the truth of each. */
export async function landClicks(
  cluster: TestCluster,
  days: readonly string[],
  count: number,
): Promise<Map<string, ClickTruth>> {
  const seams = systemSeams(cluster.directory, silentLog());
  const fs = await FileSystem.connect({
    namenodeAddress: cluster.file().namenode.grpc,
    config: resolveConfig({}),
    seams,
  });
  const log = new MemoryLog();
  await log.sink.createTopic('clicks', { partitions: 1 });
  const truths = new Map<string, ClickTruth>();
  for (const [index, day] of days.entries()) {
    const fromMs = Date.parse(`${day}T00:00:00Z`);
    const truth = new ClickTruth();
    truths.set(day, truth);
    const span = { seed: 7 + index, fromMs, untilMs: fromMs + 86_400_000, count, lateShare: 0.01 };
    for (const generated of clicks(span)) {
      truth.add(generated);
      await log.sink.append([
        toRecord(Buffer.from(generated.line), FIELDS, { path: 'access.log', nowMs: fromMs }),
      ]);
    }
  }
  const told = { log: 'quarry-log://memory', topic: 'clicks', directory: DIRECTORY, name: 'test' };
  const options = readLandingOptions({ ...told, columns: 'product STRING, user STRING', flushMs: '200' });
  const stageDirectory = join(cluster.directory, 'stage');
  const landing = new Landing(options, { fs, source: log.source, logger: silentLog(), stageDirectory });
  const running = landing.run();
  const end = (await log.source.latest('clicks'))[0]!.offset;
  await fs.writeFile('/end', JSON.stringify({ 0: end }));
  await fs.rename('/end', `${DIRECTORY}/${END_OF_INPUT}`);
  const last = days.at(-1)!.replaceAll('-', '/');
  await eventually(
    () => fs.exists(`${DIRECTORY}/${last}/_SUCCESS`),
    (isThere) => isThere,
    60_000,
  );
  landing.stop();
  await running;
  await fs.close();
  return truths;
}
