import type { OutputMode } from '../stream/streaming-query.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { analysisError } from './errors.ts';
import { eventTimeOf, eventTimes, isStreaming } from './event-time.ts';
import { hasWindow } from './expression-tree.ts';
import type { LogicalPlan } from './logical-plan.ts';
import { expressionsOf, inputsOf } from './plan-tree.ts';

type Aggregate = Extract<LogicalPlan, { kind: 'aggregate' }>;

/** As Spark says it: these of its errors have no class. */
function refused(text: string): QuarryError {
  return new QuarryError('ANALYSIS', text);
}

function unsupportedMode(mode: OutputMode, operation: string): QuarryError {
  return analysisError(
    'STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION',
    `Invalid streaming output mode: ${mode}. This output mode is not supported for ${operation}.`,
  );
}

/** A query that is collected, shown or written has an end; a streaming one has none. Errors: ANALYSIS. */
export function checkBatch(plan: LogicalPlan): void {
  if (isStreaming(plan)) {
    throw refused('Queries with streaming sources must be executed with writeStream.start()');
  }
}

/** `df.write` of a streaming data frame. Errors: ANALYSIS. */
export function checkBatchWrite(plan: LogicalPlan): void {
  if (!isStreaming(plan)) return;
  throw analysisError(
    'CALL_ON_STREAMING_DATASET_UNSUPPORTED',
    'The method `write` can not be called on streaming Dataset/DataFrame.',
  );
}

/** `df.writeStream` of a batch. Errors: ANALYSIS. */
export function checkIsStream(plan: LogicalPlan): void {
  if (isStreaming(plan)) return;
  throw analysisError(
    'WRITE_STREAM_NOT_ALLOWED',
    '`writeStream` can be called only on streaming Dataset/DataFrame.',
  );
}

/** What a stream cannot do in an output mode, in Spark's words. Errors: ANALYSIS. */
export function checkStreaming(plan: LogicalPlan, mode: OutputMode): void {
  const nodes = [...nodesOf(plan)].filter(isStreaming);
  const aggregates = nodes.filter((node): node is Aggregate => node.kind === 'aggregate');
  checkMode(nodes, aggregates, mode);
  const complete = mode === 'complete' && aggregates.length > 0;
  for (const node of nodes) checkNode(node, mode, complete);
}

function* nodesOf(plan: LogicalPlan): Generator<LogicalPlan> {
  yield plan;
  for (const input of inputsOf(plan)) yield* nodesOf(input);
}

function checkMode(nodes: readonly LogicalPlan[], aggregates: readonly Aggregate[], mode: OutputMode): void {
  if (mode === 'complete' && aggregates.length === 0) {
    throw unsupportedMode(mode, 'no streaming aggregations on streaming DataFrames/Datasets');
  }
  if (aggregates.length > 1 && mode !== 'append') {
    throw unsupportedMode(mode, 'multiple stateful operators in one streaming query');
  }
  if (mode === 'append' && !aggregates.every(closes)) {
    throw unsupportedMode(mode, 'streaming aggregations without watermark on streaming DataFrames/DataSets');
  }
  const joined = nodes.some(
    (node) => node.kind === 'join' && isStreaming(node.left) && isStreaming(node.right),
  );
  if (joined && mode !== 'append') {
    throw unsupportedMode(mode, 'joins of two streaming DataFrames/Datasets');
  }
}

/** True where the watermark ends every group one day: a key of event time. */
function closes(aggregate: Aggregate): boolean {
  const known = eventTimes(aggregate.input);
  return aggregate.groupBy.some((key) => eventTimeOf(key, known) !== undefined);
}

function checkNode(node: LogicalPlan, mode: OutputMode, complete: boolean): void {
  switch (node.kind) {
    case 'sort':
      if (complete) return;
      throw refused(
        'Sorting is not supported on streaming DataFrames/Datasets, unless it is on aggregated DataFrame/Dataset in Complete output mode',
      );
    case 'limit':
    case 'tail':
      if (complete) return;
      throw refused(
        'Limits are not supported on streaming DataFrames/Datasets, except on aggregated DataFrame/Dataset in Complete output mode',
      );
    case 'sample':
      throw refused('Sampling is not supported on streaming DataFrames/Datasets');
    case 'distinct':
      throw refused('Distinct over several streams is not supported: use dropDuplicates on one');
    case 'aggregate':
      return checkAggregate(node);
    case 'deduplicate':
      return checkDeduplicate(node, mode);
    case 'join':
      return checkJoin(node);
    case 'set-operation':
      return checkSetOperation(node);
    default:
      if (expressionsOf(node).some(hasWindow)) {
        throw analysisError(
          'NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING',
          'Window function is not supported on streaming DataFrames/Datasets. Structured Streaming only supports time-window aggregation using the WINDOW function.',
        );
      }
  }
}

function checkAggregate(node: Aggregate): void {
  for (const { value } of node.columns) {
    if (value.kind === 'aggregate' && value.distinct) {
      throw refused(
        'Distinct aggregations are not supported on streaming DataFrames/Datasets. Consider using approx_count_distinct() instead.',
      );
    }
  }
  if (nodesBelow(node).some(({ kind }) => kind === 'aggregate') && !closes(node)) {
    throw refused('Multiple streaming aggregations need an event-time window each, of one watermark');
  }
}

function nodesBelow(node: Aggregate): LogicalPlan[] {
  return [...nodesOf(node.input)].filter(isStreaming);
}

function checkDeduplicate(node: Extract<LogicalPlan, { kind: 'deduplicate' }>, mode: OutputMode): void {
  if (node.withinWatermark && eventTimes(node.input).size === 0) {
    throw refused(
      'dropDuplicatesWithinWatermark is not supported on streaming DataFrames/DataSets without watermark',
    );
  }
  if (
    [...nodesOf(node.input)].some((each) => each.kind === 'aggregate' && isStreaming(each)) &&
    mode !== 'append'
  ) {
    throw refused('dropDuplicates is not supported after aggregation on a streaming DataFrame/Dataset');
  }
}

function checkJoin(node: Extract<LogicalPlan, { kind: 'join' }>): void {
  const [left, right] = [isStreaming(node.left), isStreaming(node.right)];
  const words = {
    semi: 'Left semi',
    anti: 'Left anti',
    left: 'Left outer',
    right: 'Right outer',
    full: 'Full outer',
  };
  if (node.type === 'inner' || node.type === 'cross') return;
  if (left && right) return;
  const keepsStream = node.type === 'right' ? right : node.type === 'full' ? false : left;
  if (keepsStream) return;
  throw refused(
    `${words[node.type]} join with a streaming DataFrame/Dataset on the ${right ? 'right' : 'left'} and a static DataFrame/Dataset on the ${right ? 'left' : 'right'} is not supported`,
  );
}

function checkSetOperation(node: Extract<LogicalPlan, { kind: 'set-operation' }>): void {
  if (node.operation === 'except') {
    throw refused('Except on a streaming DataFrame/Dataset is not supported');
  }
  if (node.operation === 'intersect') {
    throw refused('Intersect of streaming DataFrames/Datasets is not supported');
  }
  if (!node.inputs.every(isStreaming)) {
    throw refused('Union between streaming and batch DataFrames/Datasets is not supported');
  }
}
