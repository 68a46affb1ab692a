// npm run pipeline: from a click in a web server's log to a dashboard in seconds and a ranking by morning.
import { existsSync, rmSync } from 'node:fs';
import { runningCluster } from '../cluster/cluster-files.ts';
import { layout } from '../cluster/layout.ts';
import { abortOnSignal, untilAborted } from '../cluster/until-signal.ts';
import { QuarryError } from '../common/quarry-error.ts';
import { runLive } from './live.ts';
import { runOnce } from './once.ts';
import { type PipelineOptions, readOptions, USAGE } from './options.ts';
import { startPipeline } from './start-pipeline.ts';

function stillRuns(directory: string): string {
  return runningCluster(directory) === undefined
    ? ''
    : ` (it still runs: quarry cluster stop --dir ${directory})`;
}

async function run(options: PipelineOptions): Promise<void> {
  // --json leaves standard output to the one object.
  const say = (line: string) => (options.json ? console.error(line) : console.log(line));
  if (options.once && existsSync(layout.launchFile(options.directory))) {
    throw new QuarryError(
      'FILE_EXISTS',
      `${options.directory} holds an earlier pipeline: --once counts from nothing, name an empty --dir${stillRuns(options.directory)}`,
    );
  }
  say(`starting in ${options.directory}`);
  const interrupted = abortOnSignal();
  const pipeline = await startPipeline(options, say, interrupted);
  try {
    if (!options.once) {
      await runLive(pipeline, options, say, interrupted);
      return;
    }
    const report = await Promise.race([runOnce(pipeline, options, say), failWhen(interrupted)]);
    if (options.json) {
      console.log(JSON.stringify(report));
      return;
    }
    for (const layer of ['truth', 'speed', 'raw', 'batch', 'replay'] as const) {
      say(
        `${layer.padEnd(8)}${report[layer].total} clicks of ${Object.keys(report[layer].products).length} products`,
      );
    }
    say(`late    ${report.lateDropped}`);
  } finally {
    await pipeline.stop();
  }
}

/** However the process ends, short of kill -9. */
function removeAtExit(directory: string): void {
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
}

async function failWhen(interrupted: AbortSignal): Promise<never> {
  await untilAborted(interrupted);
  throw new QuarryError('INTERRUPTED', 'stopped before the end, nothing is left running');
}

let options: PipelineOptions | undefined;
try {
  options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(USAGE);
  else {
    if (options.isTemporary) removeAtExit(options.directory);
    await run(options);
  }
  process.exitCode = 0;
} catch (thrown) {
  const error = QuarryError.from(thrown);
  console.error(error.code === 'INTERNAL' ? error.stack : `${error.code}: ${error.message}`);
  // What a shell says of a program that Ctrl-C has ended.
  process.exitCode = error.code === 'INTERRUPTED' ? 130 : 1;
}
// Connections of clients that were closed while their server was down would keep the process.
process.exit();
