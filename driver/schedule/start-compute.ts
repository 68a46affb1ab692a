import { FileIndex } from '../files/file-index.ts';
import { SplitPlanner } from '../files/split-planner.ts';
import { PlannedQueryRunner } from '../stages/planned-query-runner.ts';
import type { Compute, ComputeOptions } from './compute.ts';
import { ExecutorRegistry } from './executor-registry.ts';
import { JobRecorder } from './job-recorder.ts';
import { Scheduler } from './scheduler.ts';
import { SchedulerLoop } from './scheduler-loop.ts';

/** A job waits that long for a first executor, for example while a cluster starts. */
const EXECUTOR_WAIT_MS = 10_000;

/** Puts the driver's parts together; `options.server` gets the executors' door. */
export function startCompute(options: ComputeOptions): Compute {
  const { config, seams, fileSystem } = options;
  const recorder = new JobRecorder();
  const scheduler = new Scheduler(
    {
      localityWaitMs: config['driver.localityWaitMs'],
      taskAttemptsMax: config['driver.taskAttemptsMax'],
      speculationMultiplier: config['driver.speculationMultiplier'],
      executorWaitMs: EXECUTOR_WAIT_MS,
    },
    recorder,
  );
  const loop = new SchedulerLoop({
    scheduler,
    recorder,
    client: seams.rpc.client,
    clock: seams.clock,
    log: seams.log,
    onExecutorLost: (executor) => registry.lose(executor, 'its call broke'),
  });
  const registry = new ExecutorRegistry({
    timeoutMs: config['driver.executorTimeoutMs'],
    heartbeatIntervalMs: config['executor.heartbeatIntervalMs'],
    clock: seams.clock,
    log: seams.log,
    onRegistered: (executor) => loop.dispatch({ kind: 'executor-registered', executor }),
    onLost: (executorId, reason) => loop.dispatch({ kind: 'executor-lost', executorId, reason }),
  });
  registry.register(options.server);
  const files = new FileIndex(fileSystem);
  const splits = new SplitPlanner(fileSystem, files, seams.clock);
  const executors = () => registry.list();
  return {
    queries: new PlannedQueryRunner({ jobs: loop, splits, fileSystem, config, executors, log: seams.log }),
    jobs: loop,
    history: recorder,
    notes: recorder,
    files,
    splits,
    executors,
    async close() {
      registry.close();
      loop.close();
    },
  };
}
