import { QuarryError } from '../../../common/quarry-error.ts';
import type { ResolvedLog } from '../analyzer-context.ts';
import { analysisError, unsupported } from '../errors.ts';
import { isStreaming } from '../event-time.ts';
import type { Attribute } from '../expression.ts';
import { isLogFormat, logUrl, offsetChoice, optionOf, topicChoice } from '../log-options.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import type { SparkType, StructType } from '../spark-type.ts';
import { BINARY, INTEGER, LONG, STRING, TIMESTAMP, isTimestamp } from '../types/coercion.ts';
import { intervalUs } from '../types/interval-text.ts';
import { sqlTypeName } from '../types/simple-string.ts';
import { nameParts, type UnresolvedNode } from '../unresolved.ts';
import type { PlanBuilder } from './plan-builder.ts';
import type { RelationResolver } from './relation-resolver.ts';
import { findAttribute, unresolvedColumn } from './scope.ts';

export { isLogFormat } from '../log-options.ts';

type Read = Extract<UnresolvedNode, { kind: 'read' }>;
type Watermark = Extract<UnresolvedNode, { kind: 'watermark' }>;

/** A record of a log as Kafka's source has it. */
const RECORD: readonly (readonly [name: string, type: SparkType])[] = [
  ['key', BINARY],
  ['value', BINARY],
  ['topic', STRING],
  ['partition', INTEGER],
  ['offset', LONG],
  ['timestamp', TIMESTAMP],
  ['timestampType', INTEGER],
];
const RATE: typeof RECORD = [
  ['timestamp', TIMESTAMP],
  ['value', LONG],
];
const FILE_FORMATS: ReadonlySet<string> = new Set(['parquet', 'json', 'csv', 'text']);

function attributesOf(builder: PlanBuilder, columns: typeof RECORD): Attribute[] {
  return columns.map(([name, type]) => builder.attribute(name, type, true));
}

/** `readStream`. Errors: ANALYSIS and INVALID_ARGUMENT for options that cannot be right, before anything starts. */
export function makeStreamSource(
  builder: PlanBuilder,
  read: Read,
  userSchema: StructType | undefined,
): LogicalPlan {
  const { format } = read;
  const options = read.paths.length === 0 ? read.options : { ...read.options, path: read.paths.join(',') };
  if (read.paths.length > 1) throw unsupported('A stream over several paths: name one, with a glob. More');
  const output = streamOutput(builder, { ...read, options }, userSchema);
  return { kind: 'stream-source', output, format, options, userSchema };
}

function streamOutput(builder: PlanBuilder, read: Read, userSchema: StructType | undefined): Attribute[] {
  const { format, options } = read;
  if (isLogFormat(format)) {
    checkLog(read, userSchema);
    for (const name of ['endingOffsets', 'endingTimestamp', 'endingOffsetsByTimestamp']) {
      if (optionOf(options, name) === undefined) continue;
      throw new QuarryError('INVALID_ARGUMENT', `ending offset not valid in streaming queries: ${name}`);
    }
    return attributesOf(builder, RECORD);
  }
  if (format === 'rate') {
    checkRate(options, userSchema);
    return attributesOf(builder, RATE);
  }
  if (!FILE_FORMATS.has(format)) {
    throw analysisError(
      'DATA_SOURCE_NOT_FOUND',
      `Failed to find the data source: ${format}. Streams read kafka, quarry-log, rate, parquet, json, csv and text.`,
    );
  }
  if (optionOf(options, 'path') === undefined) {
    throw new QuarryError('INVALID_ARGUMENT', "'path' is not specified: name the directory with load(path)");
  }
  if (userSchema !== undefined) {
    return userSchema.fields.map(({ name, type }) => builder.attribute(name, type, true));
  }
  if (format === 'text') return [builder.attribute('value', STRING, true)];
  throw new QuarryError(
    'INVALID_ARGUMENT',
    "Schema must be specified when creating a streaming source DataFrame. If some files already exist in the directory, then depending on the file format you may be able to create a static DataFrame on that directory with 'spark.read.load(directory)' and infer schema from it.",
  );
}

function checkLog({ format, options }: Read, userSchema: StructType | undefined): void {
  if (userSchema !== undefined) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${format} source has a fixed schema and cannot be set with a custom one`,
    );
  }
  if (optionOf(options, 'includeHeaders')?.toLowerCase() === 'true')
    throw unsupported('The option includeHeaders');
  logUrl(format, options);
  topicChoice(options);
  offsetChoice(options, 'starting', 'latest');
}

function checkRate(options: Read['options'], userSchema: StructType | undefined): void {
  if (userSchema !== undefined) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      'the rate source has a fixed schema and cannot be set with a custom one',
    );
  }
  for (const name of ['rowsPerSecond', 'numPartitions']) {
    const value = optionOf(options, name);
    if (value !== undefined && !(Number.isSafeInteger(Number(value)) && Number(value) > 0)) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `Invalid value '${value}'. The option '${name}' must be positive`,
      );
    }
  }
}

/** `spark.read.format("kafka")`: the records between two offsets of each partition, decided at analysis. */
export function makeLogScan(
  builder: PlanBuilder,
  resolved: ResolvedLog,
  read: Read,
  userSchema: StructType | undefined,
): LogicalPlan {
  checkLog(read, userSchema);
  return { kind: 'log-scan', output: attributesOf(builder, RECORD), ...resolved };
}

/** `withWatermark(column, delay)`. A batch has no watermark; the column and the delay are checked all the same. */
export function makeWatermark(node: Watermark, input: LogicalPlan, resolver: RelationResolver): LogicalPlan {
  const parts = nameParts(node.column);
  const found = findAttribute(input.output, parts, undefined, resolver.rule);
  if (found === undefined) throw unresolvedColumn(parts, input.output);
  const { attribute, nested } = found;
  if (nested.length > 0)
    throw unsupported('withWatermark on a field of a struct: give it a column of its own. A field');
  if (!isTimestamp(attribute.type)) {
    throw analysisError(
      'EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE',
      `The event time \`${attribute.name}\` has the invalid type "${sqlTypeName(attribute.type)}", but expected "TIMESTAMP".`,
    );
  }
  const delayUs = intervalUs(node.delay);
  if (delayUs < 0) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `requirement failed: delay threshold (${node.delay}) should not be negative.`,
    );
  }
  const delayMs = Math.floor(delayUs / 1_000);
  if (!isStreaming(input)) return input;
  return { kind: 'watermark', output: input.output, input, columnId: attribute.id, delayMs };
}
