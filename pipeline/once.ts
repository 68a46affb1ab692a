import { statSync } from 'node:fs';
import type { Log } from '../log/log.ts';
import { openLog } from '../log/open-log.ts';
import { writtenFiles } from './written-files.ts';
import { agentBytes } from './agent-progress.ts';
import { writeClicks } from './click-writer.ts';
import { fileSystemOf, lateRowsOf } from './cluster-files.ts';
import { runNightly } from './nightly-run.ts';
import type { PipelineOptions } from './options.ts';
import { type Counted, countBatch, countedTruth, countRaw, countView } from './results.ts';
import { type Pipeline, RAW_CLICKS, REPLAY_VIEW, SPEED_VIEW } from './start-pipeline.ts';
import { endJob, runJob, streamArgs, superviseJob } from './submit-job.ts';
import { answerOf, waitUntil } from './wait.ts';

/** What --once --json prints: on-time clicks as each layer counts them. */
export interface OnceReport {
  readonly date: string;
  readonly truth: Counted;
  readonly speed: Counted;
  readonly raw: Counted;
  readonly batch: Counted;
  readonly replay: Counted;
  /** As the stream counted them. */
  readonly lateDropped: number;
  readonly seconds: Readonly<Record<string, number>>;
}

const DAY_MS = 86_400_000;
/** Parts may be killed at any moment: what a step may take then, on top of its work. */
const RECOVERY_MS = 300_000;
const STREAM_JOB = 'clicks-per-minute.ts';

/** N clicks of yesterday through every part, to the end: agent, log, landing, stream, nightly DAG, replay. */
export async function runOnce(
  pipeline: Pipeline,
  options: PipelineOptions,
  say: (line: string) => void,
): Promise<OnceReport> {
  const untilMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const date = new Date(untilMs - DAY_MS).toISOString().slice(0, 10);
  const limitMs = RECOVERY_MS + options.clicks;
  const seconds: Record<string, number> = {};
  const timed = async <T>(name: string, step: () => Promise<T>): Promise<T> => {
    const startedMs = performance.now();
    const result = await step();
    seconds[name] = Math.round(performance.now() - startedMs) / 1_000;
    say(`${name}: ${seconds[name]} s`);
    return result;
  };

  const live = await answerOf(
    'the live job starts',
    () => superviseJob(pipeline, STREAM_JOB, streamArgs(pipeline, SPEED_VIEW)),
    limitMs,
  );
  const truth = await timed('clicks written', () =>
    writeClicks(
      pipeline.accessLog,
      { ...options, fromMs: untilMs - DAY_MS, untilMs, count: options.clicks },
      () => undefined,
    ),
  );
  const log = await openLog(pipeline.logUrl, { clientId: 'quarry-pipeline' });
  try {
    await timed('agent', () => awaitAgent(pipeline, log, limitMs));
    await timed('raw landing', () => closeInput(pipeline, log, date, limitMs));
    await timed('stream', async () => {
      await answerOf('the live job ends', () => endJob(pipeline, live), limitMs);
      await runJob(pipeline, STREAM_JOB, streamArgs(pipeline, SPEED_VIEW, ['--available-now']), limitMs);
    });
    await timed('nightly DAG', () => runNightly(pipeline, date, limitMs));
    await timed('replay', () =>
      runJob(pipeline, STREAM_JOB, streamArgs(pipeline, REPLAY_VIEW, ['--available-now']), limitMs),
    );
  } finally {
    await log.close();
  }
  const { late: _, ...raw } = await answerOf('raw', () => countRaw(pipeline, date), limitMs);
  return {
    date,
    truth: countedTruth(truth),
    speed: await answerOf('speed', () => countView(pipeline, SPEED_VIEW), limitMs),
    raw,
    batch: await answerOf('batch', () => countBatch(pipeline, date), limitMs),
    replay: await answerOf('replay', () => countView(pipeline, REPLAY_VIEW), limitMs),
    lateDropped: await answerOf('late rows', () => lateRowsOf(pipeline, SPEED_VIEW), limitMs),
    seconds,
  };
}

/** Every byte that was written is committed. */
async function awaitAgent(pipeline: Pipeline, log: Log, limitMs: number): Promise<void> {
  const written = writtenFiles(pipeline.accessLog).reduce((sum, path) => sum + statSync(path).size, 0);
  await waitUntil(
    'the agent sends all clicks',
    async () => (await agentBytes(log, pipeline.topic)) === written,
    limitMs,
  );
}

/** Tells the landing that nothing follows, and waits for the day's `_SUCCESS`. */
async function closeInput(pipeline: Pipeline, log: Log, date: string, limitMs: number): Promise<void> {
  const latest = await answerOf('the ends of the topic', () => log.source.latest(pipeline.topic), limitMs);
  const ends = Object.fromEntries(latest.map(({ partition, offset }) => [partition, offset]));
  const fs = await fileSystemOf(pipeline);
  try {
    const path = `${RAW_CLICKS}/_END_OF_INPUT`;
    await answerOf(
      'the end of the input',
      async () => {
        // Written aside: the landing reads the whole of it or nothing.
        await fs.writeFile(`${RAW_CLICKS}/_temporary/end`, JSON.stringify(ends), { overwrite: true });
        await fs.rename(`${RAW_CLICKS}/_temporary/end`, path, { overwrite: true });
      },
      limitMs,
    );
    const success = `${RAW_CLICKS}/${date.replaceAll('-', '/')}/_SUCCESS`;
    await waitUntil('the landing closes the day', () => fs.exists(success), limitMs);
  } finally {
    await fs.close();
  }
}
