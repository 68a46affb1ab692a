import type { WireError } from '../../common/quarry-error.ts';
import type { TaskMetrics } from '../../proto/gen/quarry/TaskMetrics.ts';
import type { ExecutorSpec, JobSpec } from './job-graph.ts';
import type {
  JobEvent,
  JobHistory,
  JobNote,
  JobNotes,
  JobRecord,
  StageRecord,
  TaskRecord,
} from './job-history.ts';
import type { JobProgress } from './job-runner.ts';
import type { AttemptId } from './scheduler-protocol.ts';

const JOBS_MAX = 200;
const EVENTS_MAX = 2_000;

/** Writes down what the scheduler decides and learns. */
export class JobRecorder implements JobHistory, JobNotes {
  /** In the order of submission. */
  readonly #jobs = new Map<string, JobRecord>();
  #notes = 0;

  list(): readonly JobRecord[] {
    return [...this.#jobs.values()].toReversed();
  }

  get(jobId: string): JobRecord | undefined {
    return this.#jobs.get(jobId);
  }

  jobSubmitted(job: JobSpec, atMs: number): void {
    this.#jobs.set(job.jobId, {
      jobId: job.jobId,
      name: job.name,
      sessionId: job.sessionId,
      operationId: job.operationId,
      state: 'running',
      submittedMs: atMs,
      locality: { localTasks: 0, remoteTasks: 0, localBytes: 0, remoteBytes: 0 },
      stages: job.stages.map((stage) => ({
        stage: stage.id,
        label: stage.label,
        parents: stage.parents,
        taskCount: stage.tasks.length,
        state: 'waiting',
        tasks: [],
      })),
      events: [{ atMs, event: 'job.submitted', text: job.name }],
    });
    this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const [jobId, record] of this.#jobs) {
      if (this.#jobs.size <= JOBS_MAX) break;
      if (record.state !== 'running') this.#jobs.delete(jobId);
    }
  }

  note({ text, ...job }: JobNote, atMs: number): void {
    const jobId = `note-${++this.#notes}`;
    this.#jobs.set(jobId, {
      ...job,
      jobId,
      state: 'succeeded',
      submittedMs: atMs,
      finishedMs: atMs,
      locality: { localTasks: 0, remoteTasks: 0, localBytes: 0, remoteBytes: 0 },
      stages: [],
      events: [{ atMs, event: 'job.finished', text }],
    });
    this.#forgetOldest();
  }

  jobFinished(jobId: string, error: WireError | undefined, atMs: number): void {
    const job = this.#jobs.get(jobId);
    if (job === undefined) return;
    job.finishedMs = atMs;
    job.state = error === undefined ? 'succeeded' : error.code === 'INTERRUPTED' ? 'cancelled' : 'failed';
    if (error !== undefined) job.error = error;
    this.#event(jobId, { atMs, event: 'job.finished', text: job.state });
  }

  stageStarted(jobId: string, stage: number, atMs: number): void {
    const record = this.#stage(jobId, stage);
    if (record !== undefined) record.state = 'running';
    this.#event(jobId, { atMs, event: 'stage.started', stage });
  }

  stageFinished(jobId: string, stage: number, atMs: number): void {
    const record = this.#stage(jobId, stage);
    if (record !== undefined) record.state = 'done';
    this.#event(jobId, { atMs, event: 'stage.finished', stage });
  }

  taskStarted(id: AttemptId, executor: ExecutorSpec, isScan: boolean, atMs: number): void {
    this.#stage(id.jobId, id.stage)?.tasks.push({
      partition: id.partition,
      attempt: id.attempt,
      executor: executor.id,
      node: executor.node,
      state: 'running',
      startedMs: atMs,
      // Until its metrics say otherwise.
      ...(isScan ? { local: false } : {}),
      localBytes: 0,
      remoteBytes: 0,
      rowsRead: 0,
      rowsWritten: 0,
      shuffleReadBytes: 0,
      shuffleWriteBytes: 0,
    });
    this.#event(id.jobId, { atMs, event: 'task.started', ...placeOf(id), executor: executor.id });
  }

  taskProgress(id: AttemptId, metrics: TaskMetrics): void {
    const task = this.#task(id);
    if (task?.state === 'running') copyMetrics(task, metrics);
  }

  taskFinished(id: AttemptId, metrics: TaskMetrics | undefined, atMs: number): void {
    const task = this.#task(id);
    const job = this.#jobs.get(id.jobId);
    if (task === undefined || job === undefined) return;
    task.state = 'succeeded';
    task.finishedMs = atMs;
    if (metrics !== undefined) copyMetrics(task, metrics);
    if (task.local !== undefined) {
      task.local = task.remoteBytes === 0;
      if (task.local) job.locality.localTasks++;
      else job.locality.remoteTasks++;
    }
    job.locality.localBytes += task.localBytes;
    job.locality.remoteBytes += task.remoteBytes;
    this.#event(id.jobId, { atMs, event: 'task.finished', ...placeOf(id), executor: task.executor });
  }

  taskFailed(id: AttemptId, error: WireError, atMs: number): void {
    const task = this.#task(id);
    if (task === undefined) return;
    task.state = 'failed';
    task.finishedMs = atMs;
    task.error = `${error.code}: ${error.message}`;
    this.#event(id.jobId, {
      atMs,
      event: 'task.failed',
      ...placeOf(id),
      executor: task.executor,
      text: task.error,
    });
  }

  taskCancelled(id: AttemptId, atMs: number): void {
    const task = this.#task(id);
    if (task === undefined) return;
    task.state = 'cancelled';
    task.finishedMs = atMs;
  }

  executorLost(jobId: string, executor: string, atMs: number): void {
    this.#event(jobId, { atMs, event: 'executor.lost', executor });
  }

  shuffleLost(jobId: string, stage: number, partition: number, atMs: number): void {
    this.#event(jobId, { atMs, event: 'shuffle.lost', stage, partition });
  }

  progress(jobId: string): JobProgress {
    const stages = this.#jobs.get(jobId)?.stages ?? [];
    return {
      jobId,
      stages: stages.map((stage) => {
        const count = (state: TaskRecord['state']) =>
          stage.tasks.filter((task) => task.state === state).length;
        return {
          stage: stage.stage,
          label: stage.label,
          tasks: stage.taskCount,
          finished: Math.min(stage.taskCount, count('succeeded')),
          running: count('running'),
          failed: count('failed'),
          rowsRead: stage.tasks.reduce((sum, task) => sum + task.rowsRead, 0),
          bytesRead: stage.tasks.reduce(
            (sum, task) => sum + task.localBytes + task.remoteBytes + task.shuffleReadBytes,
            0,
          ),
        };
      }),
    };
  }

  #stage(jobId: string, stage: number): StageRecord | undefined {
    return this.#jobs.get(jobId)?.stages[stage];
  }

  #task(id: AttemptId): TaskRecord | undefined {
    return this.#stage(id.jobId, id.stage)?.tasks.find(
      (task) => task.partition === id.partition && task.attempt === id.attempt,
    );
  }

  #event(jobId: string, event: JobEvent): void {
    const events = this.#jobs.get(jobId)?.events;
    if (events !== undefined && events.length < EVENTS_MAX) events.push(event);
  }
}

function copyMetrics(task: TaskRecord, metrics: TaskMetrics): void {
  task.localBytes = metrics.localBytes;
  task.remoteBytes = metrics.remoteBytes;
  task.rowsRead = metrics.rowsRead;
  task.rowsWritten = metrics.rowsWritten;
  task.shuffleReadBytes = metrics.shuffleReadBytes;
  task.shuffleWriteBytes = metrics.shuffleWriteBytes;
}

function placeOf(id: AttemptId): { stage: number; partition: number; attempt: number } {
  return { stage: id.stage, partition: id.partition, attempt: id.attempt };
}
