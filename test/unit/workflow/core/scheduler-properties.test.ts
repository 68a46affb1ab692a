import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type DagModel, type TaskModel, TRIGGER_RULES } from '../../../../workflow/core/dag-model.ts';
import { holdsSlot, isTerminal, type TaskRecord, taskKey } from '../../../../workflow/core/records.ts';
import { step } from '../../../../workflow/core/scheduler.ts';
import { readiness } from '../../../../workflow/core/trigger-rule.ts';
import { model, task, TestScheduler } from './fixture.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const CAPACITY = { slots: 3, pools: new Map([['p', 1]]), runsKept: 1_000 };

const taskFields = fc.record({
  upstream: fc.array(fc.nat(5), { maxLength: 3 }),
  triggerRule: fc.constantFrom(...TRIGGER_RULES),
  retries: fc.nat(2),
  retryDelayMs: fc.nat(3_000),
  exponentialBackoff: fc.boolean(),
  maxRetryDelayMs: fc.constant(4_000),
  retryJitter: fc.constantFrom(0, 0.5),
  timeoutMs: fc.constantFrom(0, 0, 5_000),
  pool: fc.constantFrom('', 'p'),
  waiting: fc.option(
    fc.record({
      mode: fc.constantFrom('poke' as const, 'reschedule' as const),
      intervalMs: fc.integer({ min: 1, max: 3_000 }),
      timeoutMs: fc.integer({ min: 1, max: 20_000 }),
      softFail: fc.boolean(),
    }),
    { nil: undefined, freq: 3 },
  ),
});

const dagModel: fc.Arbitrary<DagModel> = fc
  .record({
    tasks: fc.array(taskFields, { minLength: 1, maxLength: 6 }),
    runTimeoutMs: fc.constantFrom(0, 0, 0, 15_000),
    maxActiveRuns: fc.integer({ min: 1, max: 3 }),
    catchup: fc.boolean(),
  })
  .map(({ tasks, ...fields }) =>
    model(
      tasks.map((each, i): TaskModel => {
        const before = [...new Set(each.upstream.filter((at) => at < i))];
        return task(`t${i}`, { ...each, upstream: before.map((at) => `t${at}`) });
      }),
      {
        ...fields,
        schedule: { expression: '0 2 * * *', timezone: 'UTC', semantics: 'interval' },
        startMs: NOW - 4 * 86_400_000,
      },
    ),
  );

const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('finish' as const), which: fc.nat(), outcome: fc.nat(9) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(6_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('trigger' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('backfill' as const),
      rerun: fc.constantFrom('none' as const, 'failed' as const, 'all' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('clear' as const), which: fc.nat(), downstream: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: fc.nat() }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

function act(s: TestScheduler, choice: Action): void {
  const runs = [...s.state.runs.values()];
  switch (choice.kind) {
    case 'finish':
      return finishOne(s, choice.which, choice.outcome);
    case 'wait':
      return s.advance(choice.ms);
    case 'restart':
      return s.restart();
    case 'trigger':
      s.nowMs++;
      s.send({
        kind: 'request',
        request: { kind: 'trigger', dagId: 'd', dateMs: undefined, runId: undefined, params: {} },
      });
      return;
    case 'backfill':
      s.send({
        kind: 'request',
        request: {
          kind: 'backfill',
          dagId: 'd',
          fromMs: NOW - 3 * 86_400_000,
          toMs: NOW,
          maxActiveRuns: 2,
          isReversed: false,
          rerun: choice.rerun,
          params: {},
        },
      });
      return;
    case 'clear':
    case 'cancel': {
      const run = runs[choice.which % Math.max(1, runs.length)];
      if (run === undefined) return;
      const about = { dagId: 'd', runId: run.runId };
      s.send({
        kind: 'request',
        request:
          choice.kind === 'cancel'
            ? { kind: 'cancel', ...about }
            : {
                kind: 'clear',
                ...about,
                taskIds: [`t${choice.which % s.state.models.get('d')!.tasks.length}`],
                withDownstream: choice.downstream,
                onlyFailed: false,
              },
      });
    }
  }
}

function finishOne(s: TestScheduler, which: number, outcome: number): void {
  const attempts = [...s.live.values()];
  const attempt = attempts[which % Math.max(1, attempts.length)];
  if (attempt === undefined) return;
  const waiting = s.state.models.get('d')!.tasks.find(({ taskId }) => taskId === attempt.taskId)!.waiting;
  const error = { code: 'TASK_FAILED' as const, message: '', details: {} };
  if (outcome < 4) s.finish(attempt.taskId, { kind: 'success', output: which }, attempt.runId);
  else if (outcome < 5) s.finish(attempt.taskId, { kind: 'skipped', reason: '' }, attempt.runId);
  else if (outcome < 6) s.finish(attempt.taskId, { kind: 'lost', reason: '' }, attempt.runId);
  else if (outcome < 7) s.finish(attempt.taskId, { kind: 'not-started' }, attempt.runId);
  else if (outcome < 8 && waiting?.mode === 'reschedule')
    s.finish(attempt.taskId, { kind: 'reschedule' }, attempt.runId);
  else s.finish(attempt.taskId, { kind: 'failed', error, isFinal: false }, attempt.runId);
}

function check(s: TestScheduler, before: ReadonlyMap<string, TaskRecord>): void {
  const spec = s.state.models.get('d')!;
  const tasks = [...s.state.tasks.values()];
  const holders = tasks.filter(holdsSlot);
  expect(holders.length).toBeLessThanOrEqual(CAPACITY.slots);
  const poolOf = (record: TaskRecord) => spec.tasks.find(({ taskId }) => taskId === record.taskId)!.pool;
  expect(holders.filter((record) => poolOf(record) === 'p').length).toBeLessThanOrEqual(1);
  // Exactly the attempts that hold a slot live: the fixture throws at a second one of a task.
  expect(new Set(holders.map((each) => taskKey('d', each.runId, each.taskId)))).toEqual(
    new Set(s.live.keys()),
  );
  const running = [...s.state.runs.values()].filter(({ state }) => state === 'running');
  expect(running.filter((run) => run.backfill === undefined).length).toBeLessThanOrEqual(spec.maxActiveRuns);
  for (const run of s.state.runs.values()) {
    if (run.state !== 'success' && run.state !== 'failed') continue;
    for (const { taskId } of spec.tasks) expect(isTerminal(s.task(taskId, run.runId)!.state)).toBe(true);
  }
  for (const record of tasks) {
    const { retries, upstream, triggerRule } = spec.tasks.find(({ taskId }) => taskId === record.taskId)!;
    expect(record.tryNumber - record.triesBefore).toBeLessThanOrEqual(retries + 1);
    const was = before.get(taskKey('d', record.runId, record.taskId));
    // A task that has succeeded begins again only when it was cleared.
    if (was?.state === 'success' && record.state !== 'success') expect(record.clears).toBe(was.clears + 1);
    if (record.state === 'scheduled' && (was?.state ?? 'none') === 'none') {
      const states = upstream.map((id) => s.task(id, record.runId)?.state ?? 'none');
      expect(readiness(triggerRule, states)).toBe('start');
    }
  }
  // Nothing is left to do at this moment.
  expect(step(s.state, { kind: 'tick' }, s.nowMs).changes).toEqual([]);
}

it('keeps its promises whatever happens, and every run ends', () => {
  fc.assert(
    fc.property(dagModel, fc.array(action, { maxLength: 60 }), (spec, actions) => {
      const s = new TestScheduler([spec], NOW, CAPACITY);
      for (const choice of actions) {
        const before = new Map(s.state.tasks);
        act(s, choice);
        check(s, before);
      }
      // From here on all goes well: everything comes to its end.
      for (let i = 0; i < 3_000 && s.activeRunIds().length > 0; i++) {
        const attempt = [...s.live.values()][0];
        if (attempt === undefined) s.advance(1_000);
        else s.finish(attempt.taskId, { kind: 'success', output: undefined }, attempt.runId);
      }
      expect(s.activeRunIds()).toEqual([]);
      expect(s.live.size).toBe(0);
    }),
    { numRuns: 300 },
  );
});
