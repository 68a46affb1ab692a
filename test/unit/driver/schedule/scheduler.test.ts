import { describe, expect, it } from 'vitest';
import type { WireError } from '../../../../common/quarry-error.ts';
import type { ExecutorSpec, JobSpec, StageSpec, TaskSpec } from '../../../../driver/schedule/job-graph.ts';
import { JobRecorder } from '../../../../driver/schedule/job-recorder.ts';
import { Scheduler } from '../../../../driver/schedule/scheduler.ts';
import type {
  SchedulerDecision,
  SchedulerEvent,
  SchedulerOptions,
} from '../../../../driver/schedule/scheduler-protocol.ts';
import type { MapOutput } from '../../../../proto/gen/quarry/MapOutput.ts';
import type { TaskMetrics } from '../../../../proto/gen/quarry/TaskMetrics.ts';

const OPTIONS: SchedulerOptions = {
  localityWaitMs: 300,
  taskAttemptsMax: 3,
  speculationMultiplier: 3,
  executorWaitMs: 1_000,
};

/** A scheduler under a script: each step gives what it decided as text, such as `launch 0.1#0 on ex1`. */
class Script {
  readonly recorder = new JobRecorder();
  readonly scheduler: Scheduler;
  nowMs = 0;
  readonly launches: Extract<SchedulerDecision, { kind: 'launch' }>[] = [];

  constructor(options: Partial<SchedulerOptions> = {}) {
    this.scheduler = new Scheduler({ ...OPTIONS, ...options }, this.recorder);
  }

  apply(event: SchedulerEvent): string[] {
    const decisions = this.scheduler.apply(event, this.nowMs);
    for (const decision of decisions) if (decision.kind === 'launch') this.launches.push(decision);
    return decisions.map(describeDecision);
  }

  executors(...names: string[]): void {
    for (const name of names) this.apply({ kind: 'executor-registered', executor: executor(name) });
  }

  submit(...stages: StageSpec[]): string[] {
    const job: JobSpec = { jobId: 'j', name: 'test', sessionId: 's', operationId: 'o', stages };
    return this.apply({ kind: 'job-submitted', job });
  }

  finish(
    task: string,
    more: { mapOutput?: MapOutput; result?: unknown; metrics?: TaskMetrics } = {},
  ): string[] {
    return this.apply({
      kind: 'task-finished',
      id: idOf(task),
      metrics: more.metrics,
      mapOutput: more.mapOutput,
      result: more.result ?? null,
    });
  }

  /** Finishes a map task whose output is on `executorId`. */
  map(task: string, executorId: string): string[] {
    const id = idOf(task);
    return this.finish(task, { mapOutput: output(id.partition, id.attempt, executorId) });
  }

  fail(task: string, code: WireError['code'], details: WireError['details'] = {}): string[] {
    return this.apply({ kind: 'task-failed', id: idOf(task), error: { code, message: code, details } });
  }

  lose(executorId: string): string[] {
    return this.apply({ kind: 'executor-lost', executorId, reason: 'test' });
  }

  at(nowMs: number): string[] {
    this.nowMs = nowMs;
    return this.apply({ kind: 'tick' });
  }
}

function describeDecision(decision: SchedulerDecision): string {
  switch (decision.kind) {
    case 'launch':
      return `launch ${nameOf(decision.id)} on ${decision.executor.id}`;
    case 'cancel':
    case 'accept':
      return `${decision.kind} ${nameOf(decision.id)}`;
    case 'discard':
      return `discard ${nameOf(decision.id)} ${decision.error.code}`;
    case 'finish-job':
      return `finish ${JSON.stringify(decision.outcome.results)}`;
    case 'fail-job':
      return `fail ${decision.error.code}`;
    case 'remove-job':
      return `remove from ${decision.executors.map(({ id }) => id).join(' ')}`;
  }
}

/** stage.partition#attempt */
function nameOf(id: { stage: number; partition: number; attempt: number }): string {
  return `${id.stage}.${id.partition}#${id.attempt}`;
}

function idOf(name: string) {
  const [stage, partition, attempt] = name.split(/[.#]/).map(Number);
  return { jobId: 'j', stage: stage!, partition: partition!, attempt: attempt! };
}

function executor(id: string, slots = 1, incarnation = 'first'): ExecutorSpec {
  return {
    id,
    incarnation,
    node: id.replace('ex', 'dn'),
    taskAddress: `${id}:1`,
    shuffleAddress: `${id}:2`,
    slots,
  };
}

function task(partition: number, more: Partial<TaskSpec> = {}): TaskSpec {
  return { partition, preferredNodes: [], work: { kind: 'rdd', rdd: '' }, inputs: [], scanBytes: 0, ...more };
}

function stage(id: number, tasks: TaskSpec[], more: Partial<StageSpec> = {}): StageSpec {
  return { id, parents: [], label: `stage ${id}`, tasks, output: { kind: 'result' }, ...more };
}

function output(mapPartition: number, attempt: number, executorId: string): MapOutput {
  const segment = { offsetBytes: 4, lengthBytes: 10, rowCount: 5 };
  return {
    mapPartition,
    attempt,
    executorId,
    address: `${executorId}:2`,
    file: 'f',
    lengthBytes: 100,
    rowCount: 10,
    tailOffsetBytes: 90,
    segments: [segment, segment],
  };
}

const shuffle = { output: { kind: 'shuffle', partitions: 2 } } as const;
/** Two map tasks, two reduce tasks. */
const mapReduce = (): StageSpec[] => [
  stage(0, [task(0), task(1)], shuffle),
  stage(
    1,
    [0, 1].map((partition) => task(partition, { inputs: [{ stage: 0, partitions: [partition] }] })),
    { parents: [0] },
  ),
];

describe('Scheduler', () => {
  it("spreads tasks, runs a stage after its parents, and ends with the tasks' results", () => {
    const script = new Script();
    script.executors('ex1', 'ex2');
    expect(script.submit(...mapReduce())).toEqual(['launch 0.0#0 on ex1', 'launch 0.1#0 on ex2']);
    expect(script.map('0.0#0', 'ex1')).toEqual(['accept 0.0#0']);
    expect(script.map('0.1#0', 'ex2')).toEqual([
      'accept 0.1#0',
      'launch 1.0#0 on ex1',
      'launch 1.1#0 on ex2',
    ]);
    expect(script.launches.at(-1)!.shuffles).toMatchObject([
      { stage: 0, partitions: [1], outputs: [{ executorId: 'ex1' }, { executorId: 'ex2' }] },
    ]);
    // A reducer of partition 1 is told nothing about partition 0.
    expect(script.launches.at(-1)!.shuffles[0]!.outputs![0]!.segments).toEqual([
      {},
      { offsetBytes: 4, lengthBytes: 10, rowCount: 5 },
    ]);
    expect(script.finish('1.1#0', { result: 'b' })).toEqual(['accept 1.1#0']);
    expect(script.finish('1.0#0', { result: 'a' })).toEqual([
      'accept 1.0#0',
      'finish ["a","b"]',
      'remove from ex1 ex2',
    ]);
    expect(script.recorder.get('j')).toMatchObject({
      state: 'succeeded',
      stages: [{ state: 'done' }, { state: 'done' }],
    });
  });

  it('waits for a node that holds the data, then runs anywhere', () => {
    const script = new Script();
    script.executors('ex1', 'ex2');
    const local = { preferredNodes: ['dn1'], scanBytes: 1 };
    expect(script.submit(stage(0, [task(0, local), task(1, local)]))).toEqual(['launch 0.0#0 on ex1']);
    expect(script.scheduler.wakeAtMs).toBe(300);
    expect(script.at(299)).toEqual([]);
    expect(script.at(300)).toEqual(['launch 0.1#0 on ex2']);
  });

  it('does not wait for a node without an executor', () => {
    const script = new Script();
    script.executors('ex1');
    expect(script.submit(stage(0, [task(0, { preferredNodes: ['dn9'] })]))).toEqual(['launch 0.0#0 on ex1']);
  });

  it('tries a failed task elsewhere and gives up after its attempts', () => {
    const script = new Script();
    script.executors('ex1', 'ex2');
    script.submit(stage(0, [task(0, { preferredNodes: ['dn1'] })]));
    expect(script.fail('0.0#0', 'DEADLINE')).toEqual(['discard 0.0#0 DEADLINE', 'launch 0.0#1 on ex2']);
    expect(script.fail('0.0#1', 'DEADLINE')).toEqual(['discard 0.0#1 DEADLINE', 'launch 0.0#2 on ex1']);
    expect(script.fail('0.0#2', 'DEADLINE')).toEqual(['fail DEADLINE']);
    expect(script.recorder.get('j')).toMatchObject({ state: 'failed', error: { code: 'DEADLINE' } });
  });

  it('fails at once for an error that every attempt would have', () => {
    const script = new Script();
    script.executors('ex1', 'ex2');
    script.submit(stage(0, [task(0), task(1)]));
    expect(script.fail('0.0#0', 'ARITHMETIC')).toEqual(['fail ARITHMETIC', 'cancel 0.1#0']);
    expect(script.finish('0.1#0')).toEqual([]);
  });

  it('recomputes the map outputs of a lost executor while somebody needs them', () => {
    const script = new Script();
    script.executors('ex1', 'ex2', 'ex3');
    script.submit(...mapReduce());
    script.map('0.0#0', 'ex1');
    script.map('0.1#0', 'ex2');
    // Reducers run on ex3 and ex1; ex2 goes, and with it the output of map 1.
    expect(script.launches.slice(2).map((launch) => launch.executor.id)).toEqual(['ex3', 'ex1']);
    expect(script.lose('ex2')).toEqual([]);
    expect(
      script.fail('1.0#0', 'SHUFFLE_LOST', { executor: 'ex2', stage: 0, mapPartition: 1, attempt: 0 }),
    ).toEqual(['discard 1.0#0 SHUFFLE_LOST', 'launch 0.1#1 on ex3']);
    expect(script.finish('1.1#0', { result: 1 })).toEqual(['accept 1.1#0']);
    expect(script.map('0.1#1', 'ex3')).toEqual(['accept 0.1#1', 'launch 1.0#1 on ex1']);
    expect(script.finish('1.0#1', { result: 0 })).toEqual([
      'accept 1.0#1',
      'finish [0,1]',
      'remove from ex1 ex3',
    ]);
  });

  it('runs the tasks of a lost executor again', () => {
    const script = new Script();
    script.executors('ex1', 'ex2');
    script.submit(stage(0, [task(0), task(1)]));
    expect(script.lose('ex1')).toEqual(['discard 0.0#0 EXECUTOR_LOST']);
    expect(script.finish('0.1#0', { result: 1 })).toEqual(['accept 0.1#0', 'launch 0.0#1 on ex2']);
    // The lost one may still say something.
    expect(script.finish('0.0#0')).toEqual([]);
    expect(script.finish('0.0#1', { result: 0 })).toEqual(['accept 0.0#1', 'finish [0,1]']);
  });

  it('takes a new process of an executor for the loss of the old one', () => {
    const script = new Script();
    script.executors('ex1');
    script.submit(stage(0, [task(0)]));
    expect(script.apply({ kind: 'executor-registered', executor: executor('ex1', 1, 'second') })).toEqual([
      'discard 0.0#0 EXECUTOR_LOST',
      'launch 0.0#1 on ex1',
    ]);
    expect(script.apply({ kind: 'executor-registered', executor: executor('ex1', 1, 'second') })).toEqual([]);
  });

  it('recomputes a lost shuffle output once, whoever reports it, without blaming the reader', () => {
    const script = new Script();
    script.executors('ex1', 'ex2');
    script.submit(...mapReduce());
    script.map('0.0#0', 'ex1');
    script.map('0.1#0', 'ex2');
    const lost = { executor: 'ex1', stage: 0, mapPartition: 0, attempt: 0 };
    // Another executor than the one that lost it, as soon as one is free.
    expect(script.fail('1.0#0', 'SHUFFLE_LOST', lost)).toEqual(['discard 1.0#0 SHUFFLE_LOST']);
    expect(script.fail('1.1#0', 'SHUFFLE_LOST', lost)).toEqual([
      'discard 1.1#0 SHUFFLE_LOST',
      'launch 0.0#1 on ex2',
    ]);
    expect(script.map('0.0#1', 'ex2')).toEqual([
      'accept 0.0#1',
      'launch 1.0#1 on ex1',
      'launch 1.1#1 on ex2',
    ]);
    const events = script.recorder.get('j')!.events.filter(({ event }) => event === 'shuffle.lost');
    expect(events).toHaveLength(2);
  });

  it('ends a job whose map output vanishes again and again', () => {
    const script = new Script();
    script.executors('ex1');
    script.submit(
      stage(0, [task(0)], shuffle),
      stage(1, [task(0, { inputs: [{ stage: 0, partitions: [] }] })], { parents: [0] }),
    );
    const lost = { executor: 'ex1', stage: 0, mapPartition: 0 };
    for (const attempt of [0, 1]) {
      script.map(`0.0#${attempt}`, 'ex1');
      script.fail(`1.0#${attempt}`, 'SHUFFLE_LOST', lost);
    }
    script.map('0.0#2', 'ex1');
    expect(script.fail('1.0#2', 'SHUFFLE_LOST', lost)[0]).toBe('fail SHUFFLE_LOST');
  });

  it('gives a straggler a second attempt; the first to finish counts', () => {
    const script = new Script();
    script.executors('ex1', 'ex2');
    script.submit(stage(0, [task(0), task(1)], { output: { kind: 'file' } }));
    script.nowMs = 100;
    expect(script.finish('0.0#0', { result: 'a' })).toEqual(['accept 0.0#0']);
    expect(script.at(999)).toEqual([]);
    expect(script.at(1_000)).toEqual(['launch 0.1#1 on ex1']);
    expect(script.finish('0.1#1', { result: 'b' })).toEqual([
      'accept 0.1#1',
      'cancel 0.1#0',
      'finish ["a","b"]',
    ]);
  });

  it('cancels what runs, and fails a job that no executor ever takes', () => {
    const script = new Script();
    script.submit(stage(0, [task(0)]));
    expect(script.scheduler.wakeAtMs).toBe(1_000);
    expect(script.at(1_000)).toEqual(['fail NO_EXECUTORS']);
    script.executors('ex1');
    script.submit(stage(0, [task(0)]));
    const error = { code: 'INTERRUPTED', message: '', details: {} } as const;
    expect(script.apply({ kind: 'job-cancelled', jobId: 'j', error })).toEqual([
      'fail INTERRUPTED',
      'cancel 0.0#0',
    ]);
    expect(script.recorder.get('j')!.state).toBe('cancelled');
  });

  it('lets a small job in beside a large one', () => {
    const script = new Script();
    script.executors('ex1', 'ex2');
    script.submit(
      stage(
        0,
        [0, 1, 2, 3].map((partition) => task(partition)),
      ),
    );
    const small: JobSpec = {
      jobId: 'k',
      name: '',
      sessionId: '',
      operationId: '',
      stages: [stage(0, [task(0)])],
    };
    expect(script.apply({ kind: 'job-submitted', job: small })).toEqual([]);
    script.finish('0.0#0');
    expect(script.launches.at(-1)!.id.jobId).toBe('k');
  });

  it('records where tasks ran and what they read there', () => {
    const script = new Script();
    script.executors('ex1', 'ex2');
    script.submit(stage(0, [task(0, { scanBytes: 10 }), task(1, { scanBytes: 10 })]));
    const metrics = (localBytes: number, remoteBytes: number): TaskMetrics => ({
      localBytes,
      remoteBytes,
      cachedBytes: 0,
      shuffleReadBytes: 0,
      shuffleWriteBytes: 0,
      rowsRead: 7,
      rowsWritten: 1,
      readNodes: [],
    });
    script.finish('0.0#0', { metrics: metrics(10, 0) });
    script.finish('0.1#0', { metrics: metrics(4, 6) });
    expect(script.recorder.get('j')!.locality).toEqual({
      localTasks: 1,
      remoteTasks: 1,
      localBytes: 14,
      remoteBytes: 6,
    });
    expect(script.recorder.get('j')!.stages[0]!.tasks).toMatchObject([
      { executor: 'ex1', node: 'dn1', local: true, rowsRead: 7 },
      { executor: 'ex2', node: 'dn2', local: false },
    ]);
  });

  it('is deterministic', () => {
    const trace = () => {
      const script = new Script();
      script.executors('ex1', 'ex2', 'ex3');
      const seen = [
        script.submit(...mapReduce()),
        script.fail('0.0#0', 'DEADLINE'),
        script.lose('ex2'),
        script.at(500),
      ];
      return JSON.stringify(seen);
    };
    expect(trace()).toBe(trace());
  });
});
