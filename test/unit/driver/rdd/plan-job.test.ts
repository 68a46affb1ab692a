import { describe, expect, it } from 'vitest';
import type { RddTask } from '../../../../common/rdd/rdd-task.ts';
import { decodeRddPlan, encodeRddPlan } from '../../../../common/rdd/rdd-plan.ts';
import { pipeline } from '../../../../driver/rdd/pipeline.ts';
import { planStages } from '../../../../driver/rdd/plan-job.ts';
import { valuePipelines } from '../../../../driver/rdd/source-pipelines.ts';
import { textSplits } from '../../../../driver/rdd/text-splits.ts';
import type { StageSpec } from '../../../../driver/schedule/job-graph.ts';
import type { LocatedBlock } from '../../../../proto/gen/quarry/LocatedBlock.ts';
import type { RddActionInput } from '../../../../proto/gen/quarry/RddAction.ts';
import type { RddNodeInput } from '../../../../proto/gen/quarry/RddNode.ts';

const fn = { source: '(x) => x', label: 'f' };

/** Plans as the driver does what a client sends; every source has three partitions. */
function stagesOf(nodes: RddNodeInput[], action: RddActionInput): readonly StageSpec[] {
  const plan = decodeRddPlan(encodeRddPlan({ nodes, action }));
  const sources = new Map(
    plan.nodes.flatMap(({ values }, index) =>
      values
        ? [[index, ['1', '2', '3'].map((value) => pipeline({ kind: 'values', values: [value] }))] as const]
        : [],
    ),
  );
  return planStages({
    nodes: plan.nodes,
    action: plan.action!,
    sources,
    shufflePartitions: 2,
    temporaryDirectory: '/out/_temporary/job',
  });
}

const tasksOf = (stage: StageSpec): RddTask[] =>
  stage.tasks.map(({ work }) => JSON.parse(work.kind === 'rdd' ? work.rdd : '') as RddTask);
const outline = (stages: readonly StageSpec[]) =>
  stages.map(({ id, parents, label, tasks, output }) => ({
    id,
    parents,
    label,
    tasks: tasks.length,
    output,
  }));

const source: RddNodeInput = { values: { values: [], partitions: 0 } };
const map: RddNodeInput = { inputs: [0], narrow: { kind: 'MAP', function: fn } };

describe('a plan of RDDs', () => {
  it('without a shuffle is one stage, its steps together', () => {
    const stages = stagesOf([source, map, { inputs: [1], narrow: { kind: 'FILTER', function: fn } }], {
      kind: 'COLLECT',
    });
    expect(outline(stages)).toEqual([
      { id: 0, parents: [], label: 'values, map, filter, collect', tasks: 3, output: { kind: 'result' } },
    ]);
    expect(tasksOf(stages[0]!)[1]).toMatchObject({
      source: { kind: 'values', values: ['2'] },
      steps: [{ kind: 'map' }, { kind: 'filter' }],
      sink: { kind: 'rows' },
    });
  });

  it('is cut at a shuffle, which combines on both sides', () => {
    const stages = stagesOf(
      [source, map, { inputs: [1], shuffle: { kind: 'REDUCE_BY_KEY', function: fn } }],
      {
        kind: 'COUNT',
      },
    );
    expect(outline(stages)).toEqual([
      {
        id: 0,
        parents: [],
        label: 'values, map, reduceByKey',
        tasks: 3,
        output: { kind: 'shuffle', partitions: 2 },
      },
      { id: 1, parents: [0], label: 'shuffle, count', tasks: 2, output: { kind: 'result' } },
    ]);
    expect(tasksOf(stages[0]!)[0]!.sink).toMatchObject({
      by: 'pair',
      partitions: 2,
      combine: { kind: 'reduce' },
    });
    expect(stages[1]!.tasks.map(({ inputs }) => inputs)).toEqual([
      [{ stage: 0, partitions: [0] }],
      [{ stage: 0, partitions: [1] }],
    ]);
    expect(tasksOf(stages[1]!)[0]).toMatchObject({
      source: { kind: 'shuffle', stage: 0, merge: { kind: 'reduce' } },
      sink: { kind: 'count' },
    });
  });

  it('shares a branch that is read twice, and joins two', () => {
    const stages = stagesOf(
      [
        source,
        { inputs: [0], shuffle: { kind: 'GROUP_BY_KEY', partitions: 4 } },
        { inputs: [1, 1], union: {} },
        { inputs: [2, 1], shuffle: { kind: 'JOIN', joinType: 'left' } },
      ],
      { kind: 'TAKE', limit: 5 },
    );
    expect(outline(stages).map(({ parents, tasks }) => ({ parents, tasks }))).toEqual([
      { parents: [], tasks: 3 },
      { parents: [0], tasks: 8 },
      { parents: [0], tasks: 4 },
      { parents: [1, 2], tasks: 2 },
    ]);
    expect(tasksOf(stages[3]!)[0]).toMatchObject({
      source: { kind: 'join', left: 1, right: 2, type: 'left' },
      sink: { kind: 'rows', limit: 5 },
    });
  });

  it('reduces in every partition and then once more, in an executor', () => {
    const stages = stagesOf([source], { kind: 'REDUCE', function: fn });
    expect(outline(stages).map(({ label, tasks }) => ({ label, tasks }))).toEqual([
      { label: 'values, reduce, gather', tasks: 3 },
      { label: 'shuffle, reduce, collect', tasks: 1 },
    ]);
  });

  it('gathers to sort, and saves a file for each partition', () => {
    const stages = stagesOf(
      [source, { inputs: [0], shuffle: { kind: 'SORT_BY', function: fn, descending: true } }],
      {
        kind: 'SAVE_TEXT',
        path: '/out',
      },
    );
    expect(outline(stages).map(({ tasks, output }) => ({ tasks, output }))).toEqual([
      { tasks: 3, output: { kind: 'shuffle', partitions: 1 } },
      { tasks: 1, output: { kind: 'file' } },
    ]);
    expect(tasksOf(stages[1]!)[0]!.sink).toEqual({
      kind: 'file',
      format: 'text',
      path: '/out/_temporary/job/part-00000',
    });
  });

  it('that is malformed is refused', () => {
    const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
    expect(() => stagesOf([], { kind: 'COLLECT' })).toThrow(invalid);
    expect(() => stagesOf([source, { inputs: [1], union: {} }], { kind: 'COLLECT' })).toThrow(invalid);
    expect(() => stagesOf([source, { inputs: [0], narrow: { kind: 'MAP' } }], { kind: 'COLLECT' })).toThrow(
      invalid,
    );
    expect(() => stagesOf([source, {}], { kind: 'COLLECT' })).toThrow(invalid);
    expect(() => stagesOf([source, { inputs: [0], shuffle: { kind: 'JOIN' } }], { kind: 'COLLECT' })).toThrow(
      invalid,
    );
    expect(() => decodeRddPlan(Buffer.from([0xff, 0xff]))).toThrow(invalid);
    expect(() => decodeRddPlan(Buffer.from([8, 9]))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
  });
});

describe('sources', () => {
  it('share values out evenly, in order', () => {
    const parts = valuePipelines({ values: ['1', '2', '3', '4', '5'], partitions: 3 }, 9);
    expect(parts.map(({ source }) => source)).toEqual([
      { kind: 'values', values: ['1'] },
      { kind: 'values', values: ['2', '3'] },
      { kind: 'values', values: ['4', '5'] },
    ]);
    expect(valuePipelines({ values: [], partitions: 3 }, 9)).toHaveLength(1);
  });

  it('split text at blocks, near their replicas, and further where more partitions are wanted', () => {
    const block = (offsetBytes: number, lengthBytes: number, ...labels: string[]) =>
      ({
        offsetBytes,
        block: { lengthBytes },
        locations: labels.map((hostLabel) => ({ hostLabel })),
      }) as LocatedBlock;
    const blocks = [block(0, 10_000, 'dn1', 'dn2'), block(10_000, 6_000, 'dn3'), block(16_000, 0)];
    expect(textSplits(blocks, Number.POSITIVE_INFINITY)).toEqual([
      { offsetBytes: 0, lengthBytes: 10_000, nodes: ['dn1', 'dn2'] },
      { offsetBytes: 10_000, lengthBytes: 6_000, nodes: ['dn3'] },
    ]);
    expect(
      textSplits(blocks, 5_000).map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes]),
    ).toEqual([
      [0, 5_000],
      [5_000, 5_000],
      [10_000, 3_000],
      [13_000, 3_000],
    ]);
    // A piece is not made so small that starting it would cost more than reading it.
    expect(textSplits(blocks, 1)).toHaveLength(5);
  });
});
