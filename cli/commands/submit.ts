import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Application, ApplicationStore } from '../../client/applications/application-store.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { type Command, parse, print } from '../command.ts';
import { CLUSTER_OPTION, namedCluster, withFileSystem } from '../connection.ts';
import { runSubmission } from '../spark-submit/run-submission.ts';
import { submitArguments } from '../spark-submit/spark-arguments.ts';
import { type Submission, submission } from '../spark-submit/submission.ts';

/** Options that take the next word. */
const VALUED = ['--cluster', '--status', '--kill'];

export const submitCommand: Command = {
  name: 'submit',
  summary: 'run a job file: TypeScript or JavaScript with the SDK, or PySpark',
  usage: `quarry submit [--cluster DIR] [--supervise] JOB.ts|JOB.js|JOB.py [ARGUMENTS OF THE JOB]
quarry submit --list | --status ID | --kill ID
    --supervise leaves the job in the cluster, which starts it again until it ends with exit code 0, and prints its ID
    a job finds its cluster through QUARRY_CLUSTER and SPARK_REMOTE, which are set for it; its exit code is the command's`,
  async run(words) {
    endWithStarter();
    const at = words.findIndex((word, i) => !word.startsWith('-') && !VALUED.includes(words[i - 1] ?? ''));
    const own = at < 0 ? words : words.slice(0, at);
    const { values } = parse('submit', own, {
      ...CLUSTER_OPTION,
      supervise: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      status: { type: 'string' },
      kill: { type: 'string' },
    });
    if (values.list) return list(values.cluster);
    if (values.status !== undefined) return status(values.cluster, values.status);
    if (values.kill !== undefined) return kill(values.cluster, values.kill);
    const job = at < 0 ? undefined : words[at];
    if (job === undefined)
      throw new QuarryError('INVALID_ARGUMENT', 'name a job file; see quarry submit --help');
    if (!existsSync(job)) throw new QuarryError('FILE_NOT_FOUND', `no job file ${job}`);
    const submitted = submission(
      submitArguments({ cluster: values.cluster, application: job, args: words.slice(at + 1) }),
      process.env,
    );
    return values.supervise ? supervised(values.cluster, submitted) : runSubmission(submitted);
  },
};

/** Who starts this with a channel does not want to be outlived: the system closes the channel also when it was killed with -9. */
function endWithStarter(): void {
  if (process.send === undefined) return;
  const end = () => process.kill(process.pid, 'SIGTERM');
  if (!process.connected) end();
  process.once('disconnect', end);
  process.channel?.unref();
}

/** Errors: CLUSTER_NOT_RUNNING when nobody supervises. */
async function supervised(
  cluster: string | undefined,
  { application: file, args }: Submission,
): Promise<number> {
  const { directory, file: running } = namedCluster(cluster);
  if (!(running.services ?? []).some(({ name }) => name === 'applications')) {
    throw new QuarryError(
      'CLUSTER_NOT_RUNNING',
      `nobody supervises applications in ${directory}: start the cluster with quarry cluster start --supervise`,
    );
  }
  const application = await withFileSystem(cluster, (fs) =>
    new ApplicationStore(fs).add(
      { file, source: readFileSync(file, 'utf8'), args, environment: {} },
      Date.now(),
    ),
  );
  print(application.id);
  return 0;
}

async function list(cluster: string | undefined): Promise<number> {
  const applications = await withFileSystem(cluster, (fs) => new ApplicationStore(fs).list());
  for (const each of applications.toSorted((a, b) => a.submittedMs - b.submittedMs)) print(line(each));
  if (applications.length === 0) print('no applications');
  return 0;
}

async function status(cluster: string | undefined, id: string): Promise<number> {
  print(line(await withFileSystem(cluster, (fs) => new ApplicationStore(fs).get(id))));
  return 0;
}

function line({ id, name, state, attempts, note }: Application): string {
  return `${id} ${name}: ${state}, attempt ${attempts}${note === '' ? '' : ` (last: ${note})`}`;
}

async function kill(cluster: string | undefined, id: string): Promise<number> {
  await withFileSystem(cluster, async (fs) => {
    const store = new ApplicationStore(fs);
    const application = await store.get(id);
    if (application.state === 'finished' || application.state === 'stopped') return;
    await store.put({ ...application, state: 'stopping' });
    while ((await store.get(id)).state === 'stopping') await sleep(100);
  });
  return status(cluster, id);
}
