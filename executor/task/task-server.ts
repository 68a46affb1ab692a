import type { Logger } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { taskService } from '../../common/rpc/services.ts';
import type { RpcServer } from '../../common/seams/rpc.ts';
import type { RunTaskRequest } from '../../proto/gen/quarry/RunTaskRequest.ts';
import type { TaskEventInput } from '../../proto/gen/quarry/TaskEvent.ts';
import type { TaskMetricsInput } from '../../proto/gen/quarry/TaskMetrics.ts';
import { type ExecutorEnvironment, newCounters, type TaskCounters, type TaskRunner } from './task-runner.ts';

const PROGRESS_INTERVAL_MS = 500;

/** The executor's door: runs a task per call and streams what happens. The driver keeps to the number of slots. */
export class TaskServer {
  readonly #environment: ExecutorEnvironment;
  readonly #runners: Readonly<Record<'sql' | 'rdd', TaskRunner>>;
  readonly #log: Logger;
  #running = 0;

  constructor(environment: ExecutorEnvironment, runners: Readonly<Record<'sql' | 'rdd', TaskRunner>>) {
    this.#environment = environment;
    this.#runners = runners;
    this.#log = environment.log;
  }

  get runningTasks(): number {
    return this.#running;
  }

  register(server: RpcServer): void {
    server.handleStream(taskService().RunTask, (request, signal) => this.#run(request, signal));
    server.handle(taskService().RemoveJob, async ({ jobId }) => {
      await this.#environment.shuffle.removeJob(jobId);
      return {};
    });
  }

  async *#run(request: RunTaskRequest, callSignal: AbortSignal): AsyncGenerator<TaskEventInput> {
    const abort = new AbortController();
    const cancel = () => abort.abort();
    callSignal.addEventListener('abort', cancel, { once: true });
    if (callSignal.aborted) cancel();
    const events = new EventQueue();
    const metrics = newCounters();
    const progress = setInterval(
      () => events.offer({ progress: { metrics: toMetrics(metrics) } }),
      PROGRESS_INTERVAL_MS,
    );
    this.#running++;
    const done = this.#attempt(request, events, metrics, abort.signal).finally(() => {
      this.#running--;
      clearInterval(progress);
      events.end();
    });
    try {
      yield { started: { executorId: this.#environment.executorId } };
      yield* events.drain(abort.signal);
    } finally {
      callSignal.removeEventListener('abort', cancel);
      abort.abort();
      await done;
    }
  }

  async #attempt(
    request: RunTaskRequest,
    events: EventQueue,
    metrics: TaskCounters,
    signal: AbortSignal,
  ): Promise<void> {
    const runner = request.sql != null ? this.#runners.sql : this.#runners.rdd;
    try {
      const outcome = await runner.run({
        request,
        signal,
        metrics,
        emit: (data, rowCount) => events.push({ batch: { data, rowCount } }, signal),
      });
      events.offer({
        finished: {
          metrics: toMetrics(metrics),
          ...(outcome.mapOutput === undefined ? {} : { mapOutput: outcome.mapOutput }),
          result: Buffer.from(JSON.stringify(outcome.result ?? null)),
        },
      });
    } catch (thrown) {
      const error = QuarryError.from(thrown);
      if (error.code === 'INTERNAL') this.#log.error({ err: thrown, task: request.id }, 'task.failed');
      else this.#log.info({ code: error.code, message: error.message, task: request.id }, 'task.failed');
      const { code, message, details } = error.toWire();
      events.offer({ failed: { code, message, details: JSON.stringify(details) } });
    }
  }
}

/** Events between a task and its call. `push` waits until its event was taken: that is the task's back-pressure. */
class EventQueue {
  readonly #events: { readonly event: TaskEventInput; readonly taken: () => void }[] = [];
  #wake: (() => void) | undefined;
  #ended = false;

  offer(event: TaskEventInput): void {
    this.#events.push({ event, taken: () => undefined });
    this.#wake?.();
  }

  push(event: TaskEventInput, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(new QuarryError('INTERRUPTED', 'the task was cancelled'));
    return new Promise((resolve) => {
      this.#events.push({ event, taken: resolve });
      signal.addEventListener('abort', () => resolve(), { once: true });
      this.#wake?.();
    });
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *drain(signal: AbortSignal): AsyncGenerator<TaskEventInput> {
    const wake = () => this.#wake?.();
    signal.addEventListener('abort', wake, { once: true });
    while (!signal.aborted) {
      const next = this.#events.shift();
      if (next !== undefined) {
        yield next.event;
        next.taken();
      } else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    }
  }
}

function toMetrics(counters: TaskCounters): TaskMetricsInput {
  return { ...counters, readNodes: [...counters.readNodes] };
}
