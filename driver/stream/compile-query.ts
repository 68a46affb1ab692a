import { QuarryError } from '../../common/quarry-error.ts';
import { type EventTime, eventTimeOf, eventTimes, isStreaming } from '../plan/event-time.ts';
import type { Attribute, Expression } from '../plan/expression.ts';
import { hasWindow } from '../plan/expression-tree.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import { optimize } from '../plan/optimize.ts';
import { expressionsOf, inputsOf, withInputs } from '../plan/plan-tree.ts';
import { splitAggregate } from '../plan/split-aggregate.ts';
import { simpleString } from '../plan/types/simple-string.ts';
import { pushJson } from './push-json.ts';
import type { OutputMode } from './streaming-query.ts';

type Node<Kind extends LogicalPlan['kind']> = Extract<LogicalPlan, { kind: Kind }>;
export type SourceLeaf = Node<'stream-source'>;

/** One `withWatermark` of a query. */
export interface QueryWatermark {
  readonly sourceId: number;
  readonly delayMs: number;
}

/** A query that can run batch by batch: optimised once, its sources, watermarks and stateful operators counted from the bottom. */
export interface CompiledQuery {
  /** `stream-source` leaves have their `sourceId`; watermark, aggregate and deduplicate are bound by the batch. */
  readonly plan: LogicalPlan;
  readonly output: readonly Attribute[];
  readonly sources: readonly SourceLeaf[];
  readonly watermarks: readonly QueryWatermark[];
  /** Short names, as progress reports show them. */
  readonly operators: readonly string[];
  readonly mode: OutputMode;
  /** What a checkpoint must have been written by: one line each, for people too. */
  readonly fingerprint: readonly string[];
}

/** Errors: ANALYSIS for what streams do not support, in Spark's words where it has some. */
export function compileQuery(plan: LogicalPlan, mode: OutputMode): CompiledQuery {
  const sources: SourceLeaf[] = [];
  const numbered = numberSources(plan, sources);
  if (sources.length === 0) {
    throw new QuarryError('ANALYSIS', 'writeStream can be called only on a streaming Dataset/DataFrame');
  }
  const optimized = pushJson(optimize(numbered));
  const checker = new Checker(mode);
  checker.visit(optimized);
  checker.finish();
  return {
    plan: optimized,
    output: plan.output,
    sources: leavesOf(optimized),
    watermarks: checker.watermarks,
    operators: checker.operators,
    mode,
    fingerprint: [...sources.map(describeSource), ...checker.described],
  };
}

function numberSources(plan: LogicalPlan, into: SourceLeaf[]): LogicalPlan {
  if (plan.kind === 'stream-source') {
    const leaf = { ...plan, sourceId: into.length };
    into.push(leaf);
    return leaf;
  }
  // Equal rows of a stream are told as duplicates in all columns are.
  if (plan.kind === 'distinct' && isStreaming(plan)) {
    const input = numberSources(plan.input, into);
    const keyIds = plan.output.map(({ id }) => id);
    return { kind: 'deduplicate', output: plan.output, input, keyIds, withinWatermark: false };
  }
  const numbered = withInputs(
    plan,
    inputsOf(plan).map((input) => numberSources(input, into)),
  );
  return numbered.kind === 'watermark' ? belowUnion(numbered) : numbered;
}

/** Each input of a union has the watermark for itself: a row is late or not by its own place. */
function belowUnion(plan: Node<'watermark'>): LogicalPlan {
  const union = plan.input;
  if (union.kind !== 'set-operation' || union.operation !== 'union' || !union.all) return plan;
  const at = union.output.findIndex(({ id }) => id === plan.columnId);
  const inputs = union.inputs.map((input) => {
    const columnId = input.output[at]!.id;
    return belowUnion({ ...plan, output: input.output, input, columnId });
  });
  return { ...union, inputs };
}

function leavesOf(plan: LogicalPlan): SourceLeaf[] {
  if (plan.kind === 'stream-source') return [plan];
  return inputsOf(plan)
    .flatMap(leavesOf)
    .toSorted((a, b) => (a.sourceId ?? 0) - (b.sourceId ?? 0));
}

function describeSource({ format, options }: SourceLeaf, index: number): string {
  const what = ['subscribe', 'subscribePattern', 'assign', 'path', 'rowsPerSecond'];
  const named = Object.entries(options)
    .filter(([name]) => what.some((each) => each.toLowerCase() === name.toLowerCase()))
    .map(([name, value]) => `${name.toLowerCase()}=${value}`);
  return `source ${index}: ${format} ${named.toSorted().join(' ')}`.trim();
}

class Checker {
  readonly watermarks: QueryWatermark[] = [];
  readonly operators: string[] = [];
  readonly described: string[] = [];
  readonly #mode: OutputMode;
  #aggregates = 0;

  constructor(mode: OutputMode) {
    this.#mode = mode;
  }

  visit(plan: LogicalPlan): void {
    if (!isStreaming(plan)) return;
    for (const input of inputsOf(plan)) this.visit(input);
    this.#checkExpressions(plan);
    switch (plan.kind) {
      case 'watermark':
        this.#watermark(plan);
        break;
      case 'aggregate':
        this.#aggregate(plan);
        break;
      case 'deduplicate':
        this.#deduplicate(plan);
        break;
      case 'join':
        checkJoin(plan);
        break;
      case 'sort':
        if (this.#mode !== 'complete' || this.#aggregates === 0) {
          throw unsupported(
            'Sorting is not supported on streaming DataFrames/Datasets, unless it is on aggregated DataFrame/Dataset in Complete output mode',
          );
        }
        break;
      case 'limit':
      case 'tail':
        if (this.#mode !== 'complete' || this.#aggregates === 0) {
          throw unsupported(
            'Limits are not supported on streaming DataFrames/Datasets, except in Complete output mode',
          );
        }
        break;
      case 'set-operation':
        if (plan.operation !== 'union' || !plan.all) {
          throw unsupported(`${plan.operation} on streaming DataFrames/Datasets is not supported`);
        }
        if (!plan.inputs.every(isStreaming)) {
          throw unsupported('Union between streaming and batch DataFrames/Datasets is not supported');
        }
        break;
      default:
        break;
    }
  }

  finish(): void {
    if (this.#mode === 'complete' && this.#aggregates === 0) {
      throw unsupported(
        'Complete output mode not supported when there are no streaming aggregations on streaming DataFrames/Datasets',
      );
    }
    if (this.#aggregates > 1 && this.#mode !== 'append') {
      throw unsupported(
        'Multiple streaming aggregations are supported in append output mode alone: the first must be final before the next counts it',
      );
    }
    for (const [index, { delayMs }] of this.watermarks.entries()) {
      this.described.push(`watermark ${index}: ${delayMs} ms`);
    }
  }

  #checkExpressions(plan: LogicalPlan): void {
    if (expressionsOf(plan).some(hasWindow)) {
      throw unsupported('Non-time-based windows are not supported on streaming DataFrames/Datasets');
    }
  }

  #watermark(plan: Node<'watermark'>): void {
    const source = onlySource(plan.input);
    if (source === undefined) {
      throw unsupported(
        'withWatermark must come before joins, unions, aggregations and dropDuplicates: lateness is a matter of a row and its place in its source',
      );
    }
    this.watermarks.push({ sourceId: source, delayMs: plan.delayMs });
  }

  #aggregate(plan: Node<'aggregate'>): void {
    this.#aggregates++;
    if (this.#mode === 'append' && groupEventTime(plan) === undefined) {
      throw unsupported(
        'Append output mode not supported when there are streaming aggregations on streaming DataFrames/DataSets without watermark',
      );
    }
    let id = 1;
    const split = splitAggregate(plan, () => id++, { kept: true });
    if (split?.combine === undefined) {
      throw unsupported(
        'Aggregates whose parts cannot be joined are not supported on streaming DataFrames/Datasets: use count, sum, avg, min, max, min_by, max_by, stddev, variance, approx_count_distinct, first, last, collect_list, collect_set, bool_and, bool_or or bit_and, bit_or, bit_xor, or write the rows and aggregate them in foreachBatch',
      );
    }
    const stored = split.partial.output.map(({ type }) => simpleString(type)).join(', ');
    const columns = plan.groupBy.length;
    this.described.push(
      `state ${this.operators.length}: aggregate by ${columns} keys over (${stored}) of ${plan.columns.map(({ attribute }) => attribute.name).join(', ')}`,
    );
    this.operators.push('stateStoreSave');
  }

  #deduplicate(plan: Node<'deduplicate'>): void {
    if (this.#mode === 'complete' && this.#aggregates === 0) {
      throw unsupported('dropDuplicates is not supported in Complete output mode');
    }
    if (this.#aggregates > 0) {
      throw unsupported('dropDuplicates after aggregation on a streaming DataFrame/Dataset is not supported');
    }
    if (plan.withinWatermark && dedupEventTime(plan) === undefined) {
      throw unsupported(
        'dropDuplicatesWithinWatermark is not supported on streaming DataFrames/DataSets without watermark',
      );
    }
    const keys = plan.output.filter(({ id }) => plan.keyIds.includes(id));
    this.described.push(
      `state ${this.operators.length}: ${plan.withinWatermark ? 'duplicates within the watermark' : 'duplicates'} by ${keys.map(({ name, type }) => `${name} ${simpleString(type)}`).join(', ')}`,
    );
    this.operators.push(plan.withinWatermark ? 'dedupeWithinWatermark' : 'dedupe');
  }
}

/** The source that rows come from one by one, through projections and filters alone. */
function onlySource(plan: LogicalPlan): number | undefined {
  if (plan.kind === 'stream-source') return plan.sourceId;
  return plan.kind === 'project' || plan.kind === 'filter' ? onlySource(plan.input) : undefined;
}

function checkJoin(plan: Node<'join'>): void {
  const left = isStreaming(plan.left);
  const right = isStreaming(plan.right);
  if (left && right)
    throw unsupported('Stream-stream joins are not supported: join a stream with a static DataFrame');
  const streamSide = left ? 'left' : 'right';
  const fits =
    plan.type === 'inner' ||
    plan.type === 'cross' ||
    plan.type === streamSide ||
    (left && (plan.type === 'semi' || plan.type === 'anti'));
  if (!fits) {
    throw unsupported(
      `${plan.type} outer join with a streaming DataFrame/Dataset on the ${streamSide} and a static DataFrame/DataSet on the other side is not supported`,
    );
  }
}

export interface GroupTime {
  /** Which of the grouping keys. */
  readonly index: number;
  readonly key: Expression;
  readonly time: EventTime;
}

/** The grouping key that tells when a group closes. */
export function groupEventTime(plan: Node<'aggregate'>): GroupTime | undefined {
  const known = eventTimes(plan.input);
  for (const [index, key] of plan.groupBy.entries()) {
    const time = eventTimeOf(key, known);
    if (time !== undefined) return { index, key, time };
  }
  return undefined;
}

/** The column whose time decides when a key is forgotten: any event time within a watermark, else one among the keys. */
export function dedupEventTime(
  plan: Node<'deduplicate'>,
): { readonly attribute: Attribute; readonly time: EventTime } | undefined {
  const known = eventTimes(plan.input);
  for (const attribute of plan.input.output) {
    const time = known.get(attribute.id);
    if (time === undefined) continue;
    if (plan.withinWatermark ? time.of === 'time' : plan.keyIds.includes(attribute.id))
      return { attribute, time };
  }
  return undefined;
}

function unsupported(text: string): QuarryError {
  return new QuarryError('ANALYSIS', `[STREAMING] ${text}`, {
    details: { errorClass: 'UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK', sqlState: '0A000' },
  });
}
