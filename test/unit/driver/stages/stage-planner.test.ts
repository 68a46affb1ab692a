import { describe, expect, it } from 'vitest';
import type { SplitGroup, SplitPlanner } from '../../../../driver/files/split-planner.ts';
import type { Attribute, Expression } from '../../../../driver/plan/expression.ts';
import type { LogicalPlan, ScanFile } from '../../../../driver/plan/logical-plan.ts';
import type { SparkType } from '../../../../driver/plan/spark-type.ts';
import type { StageSpec } from '../../../../driver/schedule/job-graph.ts';
import { StagePlanner, type StagePlannerOptions } from '../../../../driver/stages/stage-planner.ts';

const MiB = 1024 * 1024;
const LONG: SparkType = { kind: 'long' };

/** Three groups a scan, one on each node. */
const splits = {
  async groups(files: readonly ScanFile[]): Promise<SplitGroup[]> {
    return ['dn1', 'dn2', 'dn3'].map((node, index) => groupOf(files, [index], [node]));
  },
  async together(files: readonly ScanFile[]): Promise<SplitGroup> {
    return groupOf(files, [], ['dn2']);
  },
} as unknown as SplitPlanner;

function groupOf(files: readonly ScanFile[], rowGroups: number[], nodes: string[]): SplitGroup {
  return {
    splits: files.map((file) => ({ file, rowGroups, lengthBytes: file.lengthBytes, nodes })),
    lengthBytes: files.reduce((sum, file) => sum + file.lengthBytes, 0),
    preferredNodes: nodes,
  };
}

function attribute(id: number, name: string, type: SparkType = LONG): Attribute {
  return { id, name, type, nullable: true, planIds: [], qualifiers: [] };
}

function column(id: number, type: SparkType = LONG): Expression {
  return { kind: 'column', id, type, nullable: true };
}

function scan(name: string, ids: readonly number[], lengthBytes = 100 * MiB): LogicalPlan {
  const output = ids.map((id) => attribute(id, `${name}${id}`));
  return {
    kind: 'scan',
    output,
    format: 'parquet',
    files: [{ path: `/${name}`, inodeId: ids[0]!, generation: 1, lengthBytes, partitionValues: [] }],
    partitionColumnCount: 0,
    fileSchema: {
      kind: 'struct',
      fields: output.map((each) => ({ name: each.name, type: LONG, nullable: true })),
    },
  };
}

const sales = scan('sales', [1, 2]);

async function stagesOf(plan: LogicalPlan, options: Partial<StagePlannerOptions> = {}): Promise<StageSpec[]> {
  return new StagePlanner({
    splits,
    singleTaskMaxBytes: 0,
    shufflePartitions: 4,
    broadcastMaxBytes: 10 * MiB,
    slots: 6,
    timeZone: 'UTC',
    ...options,
  }).plan(plan, {
    output: { kind: 'result' },
    label: 'result',
    wrap: (fragment) => fragment,
    task: () => ({ result: { columns: [] } }),
  });
}

/** `0: 3 tasks -> shuffle 4`, with parents in brackets. */
function shape(stages: readonly StageSpec[]): string[] {
  return stages.map(({ id, parents, tasks, output }) => {
    const target = output.kind === 'shuffle' ? `shuffle ${output.partitions}` : output.kind;
    return `${id}[${parents.join(',')}]: ${tasks.length} tasks -> ${target}`;
  });
}

const sqlOf = (stage: StageSpec, task = 0) => {
  const { work } = stage.tasks[task]!;
  return work.kind === 'sql' ? work.sql : {};
};

const sumByKey = (input: LogicalPlan): LogicalPlan => ({
  kind: 'aggregate',
  output: [attribute(1, 'k'), attribute(10, 'total')],
  input,
  groupBy: [column(1)],
  columns: [
    { attribute: attribute(1, 'k'), value: column(1) },
    {
      attribute: attribute(10, 'total'),
      value: {
        kind: 'aggregate',
        name: 'sum',
        args: [column(2)],
        distinct: false,
        filter: undefined,
        type: LONG,
        nullable: true,
      },
    },
  ],
});

const sorted = (input: LogicalPlan): LogicalPlan => ({
  kind: 'sort',
  output: input.output,
  input,
  orders: [{ input: column(input.output.at(-1)!.id), ascending: false, nullsFirst: false }],
  global: true,
});

const join = (
  left: LogicalPlan,
  right: LogicalPlan,
  type: 'inner' | 'left' | 'full' = 'inner',
): LogicalPlan => ({
  kind: 'join',
  output: [...left.output, ...right.output],
  left,
  right,
  type,
  condition: {
    kind: 'call',
    name: '==',
    args: [column(left.output[0]!.id), column(right.output[0]!.id)],
    type: { kind: 'boolean' },
    nullable: true,
  },
});

describe('StagePlanner', () => {
  it('runs a small input as one task near its data', async () => {
    const stages = await stagesOf(sorted(sumByKey(sales)), { singleTaskMaxBytes: 256 * MiB });
    expect(shape(stages)).toEqual(['0[]: 1 tasks -> result']);
    expect(stages[0]!.tasks[0]).toMatchObject({ preferredNodes: ['dn2'], scanBytes: 100 * MiB, inputs: [] });
  });

  it('reads, filters and projects where the splits are, in one stage', async () => {
    const plan: LogicalPlan = {
      kind: 'filter',
      output: sales.output,
      input: sales,
      condition: { kind: 'literal', value: true, type: { kind: 'boolean' }, nullable: false },
    };
    const stages = await stagesOf(plan);
    expect(shape(stages)).toEqual(['0[]: 3 tasks -> result']);
    expect(stages[0]!.tasks.map(({ preferredNodes }) => preferredNodes)).toEqual([['dn1'], ['dn2'], ['dn3']]);
    expect(
      stages[0]!.tasks.map((_, task) => sqlOf(stages[0]!, task).inputs![0]!.scan!.splits![0]!.rowGroups),
    ).toEqual([[0], [1], [2]]);
  });

  it('aggregates in two steps around a shuffle and sorts what is left in one task', async () => {
    const stages = await stagesOf(sorted(sumByKey(sales)));
    expect(shape(stages)).toEqual([
      '0[]: 3 tasks -> shuffle 4',
      '1[0]: 4 tasks -> shuffle 1',
      '2[1]: 1 tasks -> result',
    ]);
    expect(stages[1]!.tasks.map(({ inputs }) => inputs)).toEqual(
      [0, 1, 2, 3].map((partition) => [{ stage: 0, partitions: [partition] }]),
    );
    expect(stages[2]!.tasks[0]!.inputs).toEqual([{ stage: 1, partitions: [] }]);
    expect(sqlOf(stages[0]!)).toMatchObject({ shuffle: { partitionColumn: 'quarry_p' } });
    expect(sqlOf(stages[0]!).sql).toMatch(/GROUP BY .*\) AS t$/);
  });

  it('takes the first rows of each task before it gathers', async () => {
    const input = sorted(sumByKey(sales));
    const stages = await stagesOf({ kind: 'limit', output: input.output, input, limit: 5, offset: 2 });
    expect(sqlOf(stages[1]!).sql).toMatch(/ORDER BY .* LIMIT 7\)/);
    expect(sqlOf(stages[2]!).sql).toMatch(/ORDER BY .* LIMIT 5 OFFSET 2$/);
  });

  it('sends a small side of a join to every task', async () => {
    const stages = await stagesOf(join(sales, scan('products', [5], MiB)));
    expect(shape(stages)).toEqual(['0[]: 3 tasks -> shuffle 1', '1[0]: 3 tasks -> result']);
    expect(stages[1]!.tasks.map(({ inputs }) => inputs)).toEqual(
      [0, 1, 2].map(() => [{ stage: 0, partitions: [] }]),
    );
  });

  it('divides both sides of a large or a full join by their keys', async () => {
    for (const plan of [join(sales, scan('other', [5])), join(sales, scan('products', [5], MiB), 'full')]) {
      const stages = await stagesOf(plan);
      expect(shape(stages)).toEqual([
        '0[]: 3 tasks -> shuffle 4',
        '1[]: 3 tasks -> shuffle 4',
        '2[0,1]: 4 tasks -> result',
      ]);
      expect(stages[2]!.tasks[1]!.inputs).toEqual([
        { stage: 0, partitions: [1] },
        { stage: 1, partitions: [1] },
      ]);
    }
  });

  it('gathers what cannot be divided', async () => {
    const windowed: LogicalPlan = {
      kind: 'project',
      output: [attribute(20, 'n')],
      input: sales,
      columns: [
        {
          attribute: attribute(20, 'n'),
          value: {
            kind: 'window',
            input: { kind: 'call', name: 'row_number', args: [], type: { kind: 'integer' }, nullable: false },
            partitionBy: [],
            orderBy: [],
            frame: undefined,
            type: { kind: 'integer' },
            nullable: false,
          },
        },
      ],
    };
    expect(shape(await stagesOf(windowed))).toEqual(['0[]: 3 tasks -> shuffle 1', '1[0]: 1 tasks -> result']);
    const union: LogicalPlan = {
      kind: 'set-operation',
      output: sales.output,
      inputs: [sales, scan('more', [7, 8])],
      operation: 'union',
      all: true,
    };
    expect(shape(await stagesOf(union)).at(-1)).toBe('2[0,1]: 1 tasks -> result');
  });

  it('marks inputs with words that no text of the user holds', async () => {
    const [stage] = await stagesOf(sales);
    const { sql, inputs } = sqlOf(stage!);
    expect(sql!.split(inputs![0]!.view!)).toHaveLength(2);
  });
});
