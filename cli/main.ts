import { QuarryError } from '../common/quarry-error.ts';
import type { Command } from './command.ts';

/** Loaded on use: a command pays for its own code only. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  cluster: async () => (await import('./commands/cluster.ts')).clusterCommand,
  fs: async () => (await import('./commands/fs.ts')).fsCommand,
  ingest: async () => (await import('./commands/ingest.ts')).ingestCommand,
  sql: async () => (await import('./commands/sql.ts')).sqlCommand,
  submit: async () => (await import('./commands/submit.ts')).submitCommand,
  'spark-submit': async () => (await import('./spark-submit/spark-submit.ts')).sparkSubmitCommand,
  jobs: async () => (await import('./commands/jobs.ts')).jobsCommand,
  view: async () => (await import('./commands/view.ts')).viewCommand,
  dag: async () => (await import('./commands/dag.ts')).dagCommand,
  env: async () => (await import('./commands/env.ts')).envCommand,
  bench: async () => (await import('./commands/bench.ts')).benchCommand,
};

async function help(): Promise<string> {
  const lines = await Promise.all(
    Object.values(COMMANDS).map(async (load) => {
      const command = await load();
      return `  ${command.name.padEnd(14)}${command.summary}`;
    }),
  );
  return `quarry COMMAND [ARGUMENTS]\n\n${lines.join('\n')}\n\nquarry COMMAND --help tells the rest. Which cluster: --cluster DIR, else QUARRY_CLUSTER, else ~/.quarry.`;
}

async function run(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    console.log(await help());
    return name === undefined ? 2 : 0;
  }
  const load = COMMANDS[name];
  if (load === undefined) {
    console.error(`no command ${name}: quarry --help lists them`);
    return 2;
  }
  const command = await load();
  // What follows the job's file belongs to the job.
  if (
    rest[0] === '--help' ||
    rest[0] === '-h' ||
    (name !== 'submit' && name !== 'spark-submit' && rest.includes('--help'))
  ) {
    console.log(command.usage);
    return 0;
  }
  return command.run(rest);
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe has seen enough (`quarry fs cat f | head`).
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (thrown) {
  const error = QuarryError.from(thrown);
  const text = error.message.replaceAll(/\s*\n\s*/g, ' ');
  console.error(error.code === 'INTERNAL' ? `quarry: ${text}` : `quarry: ${error.code}: ${text}`);
  if (process.env['QUARRY_DEBUG'] !== undefined) console.error(error.stack, error.cause);
  process.exitCode = 1;
}
