// npm run pipeline: from a click in a web server's log to a dashboard in seconds and a ranking by morning.
import { existsSync, rmSync } from 'node:fs';
import { layout } from '../cluster/layout.ts';
import { QuarryError } from '../common/quarry-error.ts';
import { runLive } from './live.ts';
import { runOnce } from './once.ts';
import { type PipelineOptions, readOptions, USAGE } from './options.ts';
import { startPipeline } from './start-pipeline.ts';

async function run(options: PipelineOptions): Promise<void> {
  // --json leaves standard output to the one object.
  const say = (line: string) => (options.json ? console.error(line) : console.log(line));
  if (options.once && existsSync(layout.launchFile(options.directory))) {
    throw new QuarryError(
      'FILE_EXISTS',
      `${options.directory} holds an earlier pipeline: --once counts from nothing, name an empty --dir`,
    );
  }
  say(`starting in ${options.directory}`);
  const pipeline = await startPipeline(options, say);
  const interrupted = () => void pipeline.stop().finally(() => process.exit(130));
  if (options.once) {
    process.once('SIGINT', interrupted);
    process.once('SIGTERM', interrupted);
  }
  try {
    if (!options.once) {
      await runLive(pipeline, options, say);
      return;
    }
    const report = await runOnce(pipeline, options, say);
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

let options: PipelineOptions | undefined;
try {
  options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(USAGE);
  else await run(options);
  process.exitCode = 0;
} catch (thrown) {
  const error = QuarryError.from(thrown);
  console.error(error.code === 'INTERNAL' ? error.stack : `${error.code}: ${error.message}`);
  process.exitCode = 1;
} finally {
  if (options?.isTemporary === true) rmSync(options.directory, { recursive: true, force: true });
}
// Connections of clients that were closed while their server was down would keep the process.
process.exit();
