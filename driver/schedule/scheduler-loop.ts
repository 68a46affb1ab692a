import type { Logger } from '../../common/log.ts';
import { QuarryError, type WireError } from '../../common/quarry-error.ts';
import { taskService } from '../../common/rpc/services.ts';
import type { Clock, Timer } from '../../common/seams/clock.ts';
import type { RpcClient } from '../../common/seams/rpc.ts';
import type { ExecutorSpec, JobSpec } from './job-graph.ts';
import type { JobRecorder } from './job-recorder.ts';
import type { JobBatch, JobOutcome, JobRunner, RunJobOptions } from './job-runner.ts';
import { ResultSink } from './result-sink.ts';
import type { Scheduler } from './scheduler.ts';
import type { AttemptId, SchedulerDecision, SchedulerEvent } from './scheduler-protocol.ts';
import { callTask, type Launch } from './task-call.ts';

const REMOVE_TIMEOUT_MS = 2_000;

export interface SchedulerLoopOptions {
  readonly scheduler: Scheduler;
  readonly recorder: JobRecorder;
  readonly client: RpcClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told when a call to an executor broke: it is not to be relied on before it registers again. */
  readonly onExecutorLost: (executor: ExecutorSpec) => void;
}

interface RunningJob {
  readonly sink: ResultSink;
  readonly onProgress: RunJobOptions['onProgress'];
}

/** Feeds the scheduler with what happens and carries out what it decides. */
export class SchedulerLoop implements JobRunner {
  readonly #options: SchedulerLoopOptions;
  readonly #jobs = new Map<string, RunningJob>();
  readonly #calls = new Map<string, AbortController>();
  readonly #resultStages = new Map<string, number>();
  readonly #queue: SchedulerEvent[] = [];
  #busy = false;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: SchedulerLoopOptions) {
    this.#options = options;
  }

  async *run(job: JobSpec, options: RunJobOptions): AsyncGenerator<JobBatch, JobOutcome, undefined> {
    const { jobId } = job;
    if (options.signal?.aborted) throw interrupted(job);
    const sink = new ResultSink(job.stages.at(-1)?.tasks.length ?? 0);
    this.#jobs.set(jobId, { sink, onProgress: options.onProgress });
    const cancel = () => this.dispatch({ kind: 'job-cancelled', jobId, error: interrupted(job).toWire() });
    options.signal?.addEventListener('abort', cancel, { once: true });
    try {
      this.dispatch({ kind: 'job-submitted', job });
      return yield* sink.drain();
    } finally {
      options.signal?.removeEventListener('abort', cancel);
      // Leaving early cancels; for a job that has ended this is nothing.
      cancel();
      this.#jobs.delete(jobId);
      this.#resultStages.delete(jobId);
    }
  }

  dispatch(event: SchedulerEvent): void {
    if (this.#closed) return;
    this.#queue.push(event);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const decisions = this.#options.scheduler.apply(next, this.#options.clock.nowMs());
        for (const decision of decisions) this.#carryOut(decision);
        this.#tellProgress(next, decisions);
      }
    } finally {
      this.#busy = false;
    }
    this.#setTimer();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const call of this.#calls.values()) call.abort();
    for (const { sink } of this.#jobs.values()) {
      sink.fail({ code: 'INTERRUPTED', message: 'the driver stops', details: {} });
    }
  }

  #carryOut(decision: SchedulerDecision): void {
    switch (decision.kind) {
      case 'launch':
        this.#launch(decision);
        break;
      case 'cancel':
        this.#calls.get(keyOf(decision.id))?.abort();
        break;
      case 'accept':
        if (this.#isResult(decision.id)) this.#jobs.get(decision.id.jobId)?.sink.accept(decision.id);
        break;
      case 'discard':
        this.#discard(decision.id, decision.error);
        break;
      case 'finish-job':
        this.#jobs.get(decision.jobId)?.sink.finish(decision.outcome);
        break;
      case 'fail-job':
        this.#jobs.get(decision.jobId)?.sink.fail(decision.error);
        break;
      case 'remove-job':
        for (const executor of decision.executors) this.#removeJob(decision.jobId, executor);
        break;
    }
  }

  #isResult(id: AttemptId): boolean {
    return this.#resultStages.get(id.jobId) === id.stage;
  }

  #launch(launch: Launch): void {
    const job = this.#jobs.get(launch.id.jobId);
    if (job === undefined) return;
    if (launch.isResult) {
      this.#resultStages.set(launch.id.jobId, launch.id.stage);
      job.sink.launched(launch.id);
    }
    const call = new AbortController();
    const key = keyOf(launch.id);
    this.#calls.set(key, call);
    void this.#follow(launch, job, call.signal).finally(() => this.#calls.delete(key));
  }

  async #follow(launch: Launch, job: RunningJob, signal: AbortSignal): Promise<void> {
    const { id, executor } = launch;
    const end = await callTask(
      this.#options.client,
      launch,
      {
        batch: (data, rowCount) => job.sink.push(id, { partition: id.partition, data, rowCount }),
        progress: (metrics) => this.#options.recorder.taskProgress(id, metrics),
      },
      signal,
    );
    switch (end.kind) {
      case 'finished':
        this.dispatch({
          kind: 'task-finished',
          id,
          metrics: end.finished.metrics ?? undefined,
          mapOutput: end.finished.mapOutput ?? undefined,
          result: end.finished.result.length === 0 ? null : JSON.parse(end.finished.result.toString()),
        });
        break;
      case 'failed':
        this.dispatch({ kind: 'task-failed', id, error: end.error });
        break;
      case 'lost':
        this.#options.log.warn({ executor: executor.id, reason: end.error.message }, 'executor.call-broken');
        this.#options.onExecutorLost(executor);
        this.dispatch({
          kind: 'task-failed',
          id,
          error: { ...end.error, code: 'EXECUTOR_LOST', details: { executor: executor.id } },
        });
        break;
      case 'cancelled':
        break;
    }
  }

  #discard(id: AttemptId, error: WireError): void {
    if (!this.#isResult(id)) return;
    const fatal = this.#jobs.get(id.jobId)?.sink.discard(id, error);
    if (fatal !== undefined) this.dispatch({ kind: 'job-cancelled', jobId: id.jobId, error: fatal });
  }

  #removeJob(jobId: string, executor: ExecutorSpec): void {
    const { client, log } = this.#options;
    client
      .call(executor.taskAddress, taskService().RemoveJob, { jobId }, { timeoutMs: REMOVE_TIMEOUT_MS })
      .catch((thrown: unknown) => {
        // Its files go with its process at the latest.
        log.debug({ jobId, executor: executor.id, err: QuarryError.from(thrown) }, 'job.not-removed');
      });
  }

  #tellProgress(event: SchedulerEvent, decisions: readonly SchedulerDecision[]): void {
    const jobIds = new Set<string>();
    if ('id' in event) jobIds.add(event.id.jobId);
    for (const decision of decisions) if ('id' in decision) jobIds.add(decision.id.jobId);
    for (const jobId of jobIds) {
      const onProgress = this.#jobs.get(jobId)?.onProgress;
      if (onProgress !== undefined) onProgress(this.#options.recorder.progress(jobId));
    }
  }

  #setTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { scheduler, clock } = this.#options;
    const atMs = scheduler.wakeAtMs;
    if (atMs === undefined) return;
    this.#timer = clock.setTimer(Math.max(0, atMs - clock.nowMs()) + 1, () =>
      this.dispatch({ kind: 'tick' }),
    );
  }
}

function keyOf(id: AttemptId): string {
  return `${id.jobId}/${id.stage}/${id.partition}/${id.attempt}`;
}

function interrupted(job: JobSpec): QuarryError {
  return new QuarryError('INTERRUPTED', `the job ${job.jobId} was cancelled`, {
    details: { jobId: job.jobId },
  });
}
