import { QuarryError } from '../../common/quarry-error.ts';
import { type Command, parse, print, printJson } from '../command.ts';
import { CLUSTER_OPTION, namedCluster } from '../connection.ts';

export const jobsCommand: Command = {
  name: 'jobs',
  summary: 'what ran, where, and how long it took',
  usage: 'quarry jobs [ID] [--cluster DIR] [--json]',
  async run(args) {
    const { values, positionals } = parse('jobs', args, {
      ...CLUSTER_OPTION,
      json: { type: 'boolean', default: false },
    });
    const { file } = namedCluster(values.cluster);
    const door = file.driver.http;
    if (door === undefined) throw new QuarryError('UNSUPPORTED', 'this cluster serves no jobs API');
    const id = positionals[0];
    const answer = await fetch(`${door}/api/jobs${id === undefined ? '' : `/${encodeURIComponent(id)}`}`);
    if (!answer.ok) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        answer.status === 404 ? `no job ${id}: quarry jobs lists them` : await answer.text(),
      );
    }
    const body: unknown = await answer.json();
    if (values.json || id !== undefined) printJson(body);
    else for (const job of body as readonly JobLine[]) print(jobLine(job));
    return 0;
  },
};

interface JobLine {
  readonly jobId: string;
  readonly name: string;
  readonly state: string;
  readonly durationMs?: number;
}

function jobLine(job: JobLine): string {
  const duration = job.durationMs === undefined ? '' : `${Math.round(job.durationMs)} ms`;
  return `${job.jobId.padEnd(42)}${job.state.padEnd(12)}${duration.padStart(10)}  ${job.name}`;
}
