import { highestSql, lateSql } from '../../common/stream/lateness.ts';
import type { SqlStepInput } from '../../proto/gen/quarry/SqlStep.ts';
import type { LogicalPlan, LogScanRange, ScanFile } from '../plan/logical-plan.ts';
import { columnName } from '../plan/render/render-expression.ts';
import { quoteText } from '../plan/types/duckdb-type.ts';
import { type FragmentInput, renderPlan, stateSql } from './task-sql.ts';

type Node<Kind extends LogicalPlan['kind']> = Extract<LogicalPlan, { kind: Kind }>;

/** What a batch of a streaming query adds to the planning of its stages. */
export interface StreamStages {
  /** Partitions of every state: fixed for the life of a checkpoint. */
  readonly statePartitions: number;
  /** The files that make an operator's state before the batch. */
  stateFiles(operator: number, partition: number): readonly ScanFile[];
  /** Where the batch's files of that state go; the attempt adds an end of its own. */
  statePath(operator: number, partition: number): string;
  /** The whole state is written as well. */
  readonly snapshot: boolean;
  /** The highest event time before the batch, in microseconds, of a watermark's `LogScanRange` (`rangeKey`) or whole source (''). */
  highestUs(watermark: number, range: string): number | undefined;
}

export function rangeKey({ topic, partition }: Pick<LogScanRange, 'topic' | 'partition'>): string {
  return `${topic}/${partition}`;
}

/** What a task knows when its steps get their text. */
export interface TaskPlace {
  readonly partition: number;
  /** `rangeKey` of the one range that the task reads; '' where it reads something else. */
  readonly range: string;
}

/** Something that every task of a stage does before its statement. */
export interface StageStep {
  readonly inputs: readonly FragmentInput[];
  of(place: TaskPlace): SqlStepInput;
}

export const OBSERVE_WATERMARK = 'watermark-';
export const OBSERVE_STATE = 'state-';
export const FILE_DELTA = 'delta-';
export const FILE_SNAPSHOT = 'snapshot-';

function tableStep(plan: LogicalPlan, table: string): StageStep {
  const { sql, inputs } = renderPlan(plan, table);
  return { inputs, of: () => ({ sql, table }) };
}

function stepRead(plan: LogicalPlan, table: string): LogicalPlan {
  return { kind: 'step-read', output: plan.output, table };
}

/**
 * Rows without the late ones. They are kept in a table with the mark of each, so that what the batch says about its watermark
 * (range, highest event time, late rows, rows) costs no second reading.
 */
export function onTimeSteps(
  plan: Node<'on-time'>,
  input: LogicalPlan,
  stream: StreamStages,
): { readonly plan: LogicalPlan; readonly steps: readonly StageStep[] } {
  const all = `quarry_timed_${plan.watermark}`;
  const { sql, inputs } = renderPlan(input, all);
  const time = columnName(plan.columnId);
  const rule = ({ range }: TaskPlace) => ({
    time,
    highestUs: stream.highestUs(plan.watermark, range),
    delayMs: plan.delayMs,
  });
  const columns = input.output.map(({ id }) => columnName(id)).join(', ');
  const steps: StageStep[] = [
    {
      inputs,
      of: (place) => ({
        sql: `SELECT ${columns}, ${lateSql(rule(place))} AS late_ FROM (${sql}) AS t`,
        table: all,
      }),
    },
    {
      inputs: [],
      of: (place) => ({
        sql: `SELECT ${quoteText(place.range)}, CAST(${highestSql(rule(place))} AS VARCHAR), CAST(count(*) FILTER (WHERE late_) AS VARCHAR), CAST(count(*) AS VARCHAR), CAST(min(epoch_us(${time})) AS VARCHAR), CAST(avg(epoch_us(${time})) AS VARCHAR), CAST(max(epoch_us(${time})) AS VARCHAR) FROM ${all}`,
        observe: `${OBSERVE_WATERMARK}${plan.watermark}`,
      }),
    },
  ];
  if (!plan.drop) return { plan: stepRead(input, all), steps };
  return { plan: stepRead(input, `(SELECT ${columns} FROM ${all} WHERE NOT late_)`), steps };
}

/** One partition of a stateful operator, over what an exchange has brought it. */
export function statefulSteps(
  plan: Node<'stateful'>,
  input: LogicalPlan,
  stream: StreamStages,
): { readonly plan: LogicalPlan; readonly steps: readonly StageStep[] } {
  const { operator } = plan;
  const { number } = operator;
  const state: LogicalPlan = { kind: 'state-read', output: operator.stored, operator: number };
  const fresh = operator.fresh(input, state);
  const freshRead = stepRead(fresh, `quarry_fresh_${number}`);
  const merged = operator.merged(freshRead, state);
  const mergedRead = stepRead(merged, `quarry_merged_${number}`);
  const file = (rows: LogicalPlan, name: string): StageStep => {
    const { sql, inputs } = renderPlan(rows, name);
    return {
      inputs,
      of: ({ partition }) => ({
        sql: stateSql(sql, operator.stored),
        file: { name, path: `${stream.statePath(number, partition)}` },
      }),
    };
  };
  const keptSql = renderPlan(operator.kept(mergedRead)).sql;
  return {
    plan: operator.result(freshRead, mergedRead),
    steps: [
      tableStep(fresh, `quarry_fresh_${number}`),
      tableStep(merged, `quarry_merged_${number}`),
      stream.snapshot
        ? file(operator.kept(mergedRead), `${FILE_SNAPSHOT}${number}`)
        : file(operator.delta(freshRead), `${FILE_DELTA}${number}`),
      {
        inputs: [],
        of: () => ({
          sql: `SELECT CAST((SELECT count(*) FROM quarry_fresh_${number}) AS VARCHAR), CAST((SELECT count(*) FROM quarry_merged_${number}) AS VARCHAR), CAST((SELECT count(*) FROM (${keptSql})) AS VARCHAR)`,
          observe: `${OBSERVE_STATE}${number}`,
        }),
      },
    ],
  };
}
