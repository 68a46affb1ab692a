import { statSync } from 'node:fs';
import { untilAborted } from '../cluster/until-signal.ts';
import { writeClicks, writeClicksLive } from './click-writer.ts';
import type { PipelineOptions } from './options.ts';
import { runNightly } from './nightly-run.ts';
import { DAG_ID, type Pipeline, SPEED_VIEW } from './start-pipeline.ts';
import { streamArgs, superviseJob } from './submit-job.ts';

const DAY_MS = 86_400_000;
const NIGHTLY_MS = 600_000;

/** 0: nothing was written yet. */
function lastWriteMs(accessLog: string): number {
  const times = [accessLog, `${accessLog}.1`].map(
    (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  return Math.floor(Math.max(...times));
}

/** Yesterday's clicks and those of today so far at once, then as they come; last night's DAG; until the signal. */
export async function runLive(
  pipeline: Pipeline,
  options: PipelineOptions,
  say: (line: string) => void,
  stopped: AbortSignal,
): Promise<void> {
  const nowMs = Date.now();
  const todayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const yesterday = new Date(todayMs - DAY_MS).toISOString().slice(0, 10);
  const shares = { seed: options.seed, lateShare: options.lateShare, malformedShare: options.malformedShare };

  await superviseJob(pipeline, 'clicks-per-minute.ts', streamArgs(pipeline, SPEED_VIEW));
  // A directory that was used before has its clicks up to then.
  const fromMs = Math.min(nowMs - 1, Math.max(todayMs - DAY_MS, lastWriteMs(pipeline.accessLog)));
  const count = Math.max(1, Math.round((options.clicks * (nowMs - fromMs)) / DAY_MS));
  say(
    `writing ${count} clicks since ${new Date(fromMs).toISOString()}, then ${options.rate} a second, to ${pipeline.accessLog}`,
  );
  await writeClicks(pipeline.accessLog, { ...shares, fromMs, untilMs: nowMs, count }, () => undefined);
  const ahead = { ...shares, seed: shares.seed + 1, fromMs: Date.now(), untilMs: Date.now() + 365 * DAY_MS };
  const writing =
    options.rate === 0
      ? Promise.resolve()
      : writeClicksLive(pipeline.accessLog, { ...ahead, count: options.rate * 365 * 86_400 }, stopped);

  say('');
  say(`dashboard        ${pipeline.webUrl}`);
  say(`speed view       ${pipeline.viewUrl} (view ${SPEED_VIEW})`);
  say(`tables           ${pipeline.tables.jdbcUrl}: best_products, clicks_per_minute`);
  say(`raw clicks       quarry fs ls -R /data/raw/clicks --cluster ${pipeline.directory}`);
  say(`last night       quarry dag show ${DAG_ID} --cluster ${pipeline.directory}`);
  say(
    `kill something   quarry cluster kill dn1 --dir ${pipeline.directory}   (it comes back, nothing is lost)`,
  );
  const nightly = runNightly(pipeline, yesterday, NIGHTLY_MS).then(
    () => say(`${DAG_ID} has ranked ${yesterday}: the mail is in ${pipeline.directory}/mail`),
    (thrown: unknown) => say(thrown instanceof Error ? thrown.message : String(thrown)),
  );
  await untilAborted(stopped);
  say('stopping');
  await writing;
  await Promise.race([nightly, Promise.resolve()]);
}
