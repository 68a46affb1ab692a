import { ERROR_CODES, type ErrorCode } from '../../common/error-codes.ts';
import type { WireError } from '../../common/quarry-error.ts';
import type { JobRecorder } from './job-recorder.ts';
import { JobState, type StageState, type TaskState } from './job-state.ts';
import { type ExecutorState, place } from './placement.ts';
import type { AttemptId, SchedulerDecision, SchedulerEvent, SchedulerOptions } from './scheduler-protocol.ts';

/** A straggler is at least that slow: below it a second attempt costs more than it can win. */
const STRAGGLER_MS_MIN = 1_000;

/** Failures that another attempt may not have although their code says that a caller gives up. */
const WORTH_ANOTHER_TRY: readonly ErrorCode[] = ['INTERRUPTED', 'BLOCK_UNAVAILABLE', 'PIPELINE_FAILED'];

/**
 * Decides which task runs where. Pure: events in, decisions out, the same ones for the same history. Nothing here knows what
 * a task does.
 *
 * - A stage runs when all its parents are done. A lost map output makes that one task pending again, and its readers wait.
 * - Each failed attempt counts; a task that failed `taskAttemptsMax` times fails its job. An error that every attempt
 *   would have (a division by zero, a missing file) fails it at once.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #recorder: JobRecorder;
  readonly #executors = new Map<string, ExecutorState>();
  readonly #jobs = new Map<string, JobState>();
  #decisions: SchedulerDecision[] = [];
  #wakeAtMs: number | undefined;
  #executorlessSinceMs: number | undefined;

  constructor(options: SchedulerOptions, recorder: JobRecorder) {
    this.#options = options;
    this.#recorder = recorder;
  }

  /** When a `tick` is due, if nothing happens before. */
  get wakeAtMs(): number | undefined {
    return this.#wakeAtMs;
  }

  apply(event: SchedulerEvent, nowMs: number): SchedulerDecision[] {
    this.#decisions = [];
    this.#handle(event, nowMs);
    this.#wakeAtMs = undefined;
    this.#failWithoutExecutors(nowMs);
    this.#launchAll(nowMs);
    this.#speculate(nowMs);
    return this.#decisions;
  }

  #handle(event: SchedulerEvent, nowMs: number): void {
    switch (event.kind) {
      case 'executor-registered':
        this.#register(event.executor, nowMs);
        break;
      case 'executor-lost':
        this.#lose(event.executorId, event.reason, nowMs);
        break;
      case 'job-submitted':
        this.#jobs.set(event.job.jobId, new JobState(event.job, nowMs));
        this.#recorder.jobSubmitted(event.job, nowMs);
        break;
      case 'job-cancelled': {
        const job = this.#jobs.get(event.jobId);
        if (job !== undefined) this.#failJob(job, event.error, nowMs);
        break;
      }
      case 'task-finished':
        this.#finished(event, nowMs);
        break;
      case 'task-failed':
        this.#failed(event.id, event.error, nowMs);
        break;
      case 'tick':
        break;
    }
  }

  #register(spec: ExecutorState['spec'], nowMs: number): void {
    const known = this.#executors.get(spec.id);
    if (known?.spec.incarnation === spec.incarnation) return;
    if (known !== undefined) this.#lose(spec.id, 'its process was replaced', nowMs);
    this.#executors.set(spec.id, { spec, running: 0, started: 0 });
  }

  #lose(executorId: string, reason: string, nowMs: number): void {
    if (!this.#executors.delete(executorId)) return;
    const error: WireError = {
      code: 'EXECUTOR_LOST',
      message: `executor ${executorId} was lost: ${reason}`,
      details: { executor: executorId },
    };
    for (const job of this.#jobs.values()) {
      if (!job.touched.has(executorId)) continue;
      this.#recorder.executorLost(job.spec.jobId, executorId, nowMs);
      for (const stage of job.stages) this.#loseOutputs(job, stage, executorId, nowMs);
      for (const { id } of attemptsOn(job, executorId)) this.#failed(id, error, nowMs);
    }
  }

  /** Map outputs that nobody will read again are not worth recomputing. */
  #loseOutputs(job: JobState, stage: StageState, executorId: string, nowMs: number): void {
    if (stage.spec.output.kind !== 'shuffle' || !job.isNeeded(stage)) return;
    for (const task of stage.tasks) {
      if (task.done && task.output?.executorId === executorId) this.#recompute(stage, task, nowMs);
    }
  }

  #recompute(stage: StageState, task: TaskState, nowMs: number): void {
    task.done = false;
    task.output = undefined;
    task.pendingSinceMs = nowMs;
    stage.finished = false;
  }

  #finished(event: Extract<SchedulerEvent, { kind: 'task-finished' }>, nowMs: number): void {
    const found = this.#endAttempt(event.id);
    if (found === undefined) return;
    const { job, stage, task, startedMs } = found;
    task.done = true;
    task.durationMs = nowMs - startedMs;
    task.output = event.mapOutput;
    task.result = event.result;
    this.#recorder.taskFinished(event.id, event.metrics, nowMs);
    this.#decisions.push({ kind: 'accept', id: event.id });
    for (const { attempt } of task.running.slice()) this.#cancel({ ...event.id, attempt }, nowMs);
    if (!stage.isDone) return;
    stage.finished = true;
    this.#recorder.stageFinished(job.spec.jobId, stage.spec.id, nowMs);
    if (stage === job.resultStage) this.#finishJob(job, nowMs);
  }

  #failed(id: AttemptId, error: WireError, nowMs: number): void {
    const found = this.#endAttempt(id);
    if (found === undefined) return;
    const { job, task, executorId } = found;
    this.#recorder.taskFailed(id, error, nowMs);
    if (ERROR_CODES[error.code].reaction === 'recompute-input') {
      // The task is not to blame, but a map output that keeps vanishing must end somewhere: it counts there.
      if (!this.#shuffleLost(job, error, nowMs)) return;
    } else {
      task.failures++;
      if (executorId !== '') task.blamed.add(executorId);
      if (isFinal(error) || task.failures >= this.#options.taskAttemptsMax) {
        this.#failJob(job, error, nowMs);
        return;
      }
    }
    this.#decisions.push({ kind: 'discard', id, error });
    if (task.running.length === 0) task.pendingSinceMs = nowMs;
  }

  /** False when the job failed over it. */
  #shuffleLost(job: JobState, error: WireError, nowMs: number): boolean {
    const { stage: stageId, mapPartition, attempt, executor } = error.details;
    const stage = job.stages[Number(stageId)];
    const map = stage?.tasks[Number(mapPartition)];
    if (stage === undefined || map === undefined) {
      this.#failJob(job, error, nowMs);
      return false;
    }
    this.#recorder.shuffleLost(job.spec.jobId, Number(stageId), Number(mapPartition), nowMs);
    // Another reader may have said so before, and the output have been made again meanwhile.
    if (!map.done || (attempt !== undefined && map.output?.attempt !== attempt)) return true;
    map.failures++;
    if (map.failures >= this.#options.taskAttemptsMax) {
      this.#failJob(job, error, nowMs);
      return false;
    }
    if (typeof executor === 'string') map.blamed.add(executor);
    this.#recompute(stage, map, nowMs);
    return true;
  }

  /** Takes the attempt off its executor; undefined when it is not one that counts. */
  #endAttempt(id: AttemptId) {
    const job = this.#jobs.get(id.jobId);
    const stage = job?.stages[id.stage];
    const task = stage?.tasks[id.partition];
    if (job === undefined || stage === undefined || task === undefined) return undefined;
    const at = task.running.findIndex(({ attempt }) => attempt === id.attempt);
    if (at < 0) return undefined;
    const [attempt] = task.running.splice(at, 1);
    const executor = this.#executors.get(attempt!.executorId);
    if (executor !== undefined) executor.running--;
    return { job, stage, task, startedMs: attempt!.startedMs, executorId: attempt!.executorId };
  }

  #cancel(id: AttemptId, nowMs: number): void {
    if (this.#endAttempt(id) === undefined) return;
    this.#recorder.taskCancelled(id, nowMs);
    this.#decisions.push({ kind: 'cancel', id });
  }

  #finishJob(job: JobState, nowMs: number): void {
    const { jobId } = job.spec;
    const stages = job.stages.map((stage) => stage.tasks.map((task) => task.result));
    const outcome = { results: stages.at(-1) ?? [], stages };
    this.#recorder.jobFinished(jobId, undefined, nowMs);
    this.#decisions.push({ kind: 'finish-job', jobId, outcome });
    this.#remove(job, nowMs);
  }

  #failJob(job: JobState, error: WireError, nowMs: number): void {
    const { jobId } = job.spec;
    this.#decisions.push({ kind: 'fail-job', jobId, error });
    this.#remove(job, nowMs);
    this.#recorder.jobFinished(jobId, error, nowMs);
  }

  #remove(job: JobState, nowMs: number): void {
    for (const id of attemptsOf(job)) this.#cancel(id, nowMs);
    this.#jobs.delete(job.spec.jobId);
    const executors = [...job.touched].flatMap((id) => this.#executors.get(id)?.spec ?? []);
    if (job.stages.some((stage) => stage.spec.output.kind === 'shuffle') && executors.length > 0) {
      this.#decisions.push({ kind: 'remove-job', jobId: job.spec.jobId, executors });
    }
  }

  #failWithoutExecutors(nowMs: number): void {
    if (this.#executors.size > 0 || this.#jobs.size === 0) {
      this.#executorlessSinceMs = undefined;
      return;
    }
    this.#executorlessSinceMs ??= nowMs;
    const untilMs = this.#executorlessSinceMs + this.#options.executorWaitMs;
    if (nowMs < untilMs) {
      this.#wake(untilMs);
      return;
    }
    for (const job of this.#jobs.values()) {
      this.#failJob(
        job,
        {
          code: 'NO_EXECUTORS',
          message:
            'no executor is registered with the driver: start one (quarry cluster status shows which are down)',
          details: {},
        },
        nowMs,
      );
    }
  }

  /** The job with the fewest running tasks goes first, so that a small one is not kept waiting by a large one. */
  #launchAll(nowMs: number): void {
    const waiting = new Set(this.#jobs.values());
    while (waiting.size > 0) {
      const [job] = [...waiting].toSorted((a, b) => a.runningCount - b.runningCount);
      if (!this.#launchOne(job!, nowMs)) waiting.delete(job!);
    }
  }

  #launchOne(job: JobState, nowMs: number): boolean {
    if (![...this.#executors.values()].some(({ spec, running }) => running < spec.slots)) return false;
    for (const stage of job.stages) {
      if (stage.finished || !job.isReady(stage)) continue;
      for (const task of stage.tasks) {
        if (!task.isPending) continue;
        task.pendingSinceMs ??= nowMs;
        const placement = place(task, [...this.#executors.values()], nowMs, this.#options.localityWaitMs);
        if (placement.kind === 'wait') this.#wake(placement.untilMs);
        if (placement.kind === 'run') {
          this.#launch({ job, stage, task, executor: placement.executor }, nowMs);
          return true;
        }
      }
    }
    return false;
  }

  #launch(
    what: { job: JobState; stage: StageState; task: TaskState; executor: ExecutorState },
    nowMs: number,
  ): void {
    const { job, stage, task, executor } = what;
    const id = {
      jobId: job.spec.jobId,
      stage: stage.spec.id,
      partition: task.spec.partition,
      attempt: task.attemptsStarted++,
    };
    if (!stage.started) {
      stage.started = true;
      this.#recorder.stageStarted(id.jobId, id.stage, nowMs);
    }
    executor.running++;
    executor.started++;
    task.running.push({ attempt: id.attempt, executorId: executor.spec.id, startedMs: nowMs });
    task.pendingSinceMs = undefined;
    job.touched.add(executor.spec.id);
    this.#recorder.taskStarted(id, executor.spec, task.spec.scanBytes > 0, nowMs);
    const { output } = stage.spec;
    this.#decisions.push({
      kind: 'launch',
      id,
      executor: executor.spec,
      task: task.spec,
      shuffles: job.shufflesOf(task.spec),
      outputPartitions: output.kind === 'shuffle' ? output.partitions : 0,
      isResult: stage === job.resultStage,
    });
  }

  /** A second attempt for stragglers. Not for results: part of the first attempt's may have left already. */
  #speculate(nowMs: number): void {
    const { speculationMultiplier } = this.#options;
    if (speculationMultiplier <= 0) return;
    for (const job of this.#jobs.values()) {
      for (const stage of job.stages) {
        if (stage.spec.output.kind === 'result' || stage.isDone) continue;
        const medianMs = stage.medianMs;
        if (medianMs === undefined) continue;
        const slowMs = Math.max(STRAGGLER_MS_MIN, medianMs * speculationMultiplier);
        for (const task of stage.tasks) {
          const [only] = task.running;
          if (task.running.length !== 1 || only === undefined) continue;
          if (nowMs < only.startedMs + slowMs) {
            this.#wake(only.startedMs + slowMs);
            continue;
          }
          const others = [...this.#executors.values()].filter(({ spec }) => spec.id !== only.executorId);
          const placement = place(task, others, nowMs, 0);
          if (placement.kind === 'run')
            this.#launch({ job, stage, task, executor: placement.executor }, nowMs);
        }
      }
    }
  }

  #wake(atMs: number): void {
    this.#wakeAtMs = Math.min(this.#wakeAtMs ?? Number.POSITIVE_INFINITY, atMs);
  }
}

function isFinal(error: WireError): boolean {
  return ERROR_CODES[error.code].reaction === 'give-up' && !WORTH_ANOTHER_TRY.includes(error.code);
}

function* attemptsOf(job: JobState): Generator<AttemptId> {
  for (const { id } of allAttempts(job)) yield id;
}

function attemptsOn(job: JobState, executorId: string): { readonly id: AttemptId }[] {
  return allAttempts(job).filter((attempt) => attempt.executorId === executorId);
}

function allAttempts(job: JobState): { readonly id: AttemptId; readonly executorId: string }[] {
  return job.stages.flatMap((stage) =>
    stage.tasks.flatMap((task) =>
      task.running.map(({ attempt, executorId }) => ({
        id: { jobId: job.spec.jobId, stage: stage.spec.id, partition: task.spec.partition, attempt },
        executorId,
      })),
    ),
  );
}
