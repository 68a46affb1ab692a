import { QuarryError } from '../../common/quarry-error.ts';
import type { WriteStreamOperationStart } from '../../proto/gen/spark/connect/WriteStreamOperationStart.ts';
import { analysisError, unsupported } from '../plan/errors.ts';
import { optionOf } from '../plan/log-options.ts';
import { intervalUs } from '../plan/types/interval-text.ts';
import type { OutputMode, StreamSpec, Trigger } from '../stream/streaming-query.ts';

export type SinkSpec = Omit<
  StreamSpec,
  'plan' | 'foreachBatch' | 'print' | 'recoverable' | 'onProgress' | 'onIdle'
>;

const MODES: ReadonlySet<string> = new Set<OutputMode>(['append', 'update', 'complete']);
/** Sinks whose rows cannot be taken back or replaced. */
const APPEND_ONLY: ReadonlySet<string> = new Set(['parquet']);
const FORMATS: ReadonlySet<string> = new Set(
  'parquet redis quarry-view jdbc kafka quarry-log console memory noop foreach-batch'.split(' '),
);

/** What `writeStream` asked for, but its plan and functions. Errors: ANALYSIS, INVALID_ARGUMENT, UNSUPPORTED. */
export function sinkSpec(operation: WriteStreamOperationStart, defaultFormat: string): SinkSpec {
  if (operation.clusteringColumnNames.length > 0) throw unsupported('clusterBy');
  const hasFunction = operation.foreachBatch !== null || operation.foreachWriter !== null;
  const format = hasFunction ? 'foreach-batch' : sinkFormat(operation, defaultFormat);
  const outputMode = modeOf(operation.outputMode);
  if (outputMode !== 'append' && APPEND_ONLY.has(format)) {
    throw analysisError(
      'STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE',
      `Invalid streaming output mode: ${outputMode}. This output mode is not supported in Data Source ${format}.`,
    );
  }
  const name = operation.queryName.trim();
  if (format === 'memory' && name === '') {
    throw new QuarryError('ANALYSIS', 'queryName must be specified for memory sink');
  }
  const path = operation.path || optionOf(operation.options, 'path') || '';
  if (format === 'parquet' && path === '') {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      "'path' is not specified: use start(path) or option('path', ...)",
    );
  }
  return {
    name,
    format,
    path,
    table: operation.tableName ?? '',
    options: operation.options,
    partitionBy: operation.partitioningColumnNames,
    outputMode,
    trigger: triggerOf(operation),
  };
}

function sinkFormat(operation: WriteStreamOperationStart, defaultFormat: string): string {
  const format = (operation.format || defaultFormat).toLowerCase();
  if (operation.tableName && format === 'parquet') {
    throw unsupported('toTable of files: there are no tables, use start(path). It');
  }
  if (FORMATS.has(format) && format !== 'foreach-batch') return format;
  throw analysisError(
    'DATA_SOURCE_NOT_FOUND',
    `Failed to find the data source: ${format}. Streams write parquet, redis, quarry-view, jdbc, kafka, quarry-log, console, memory and noop.`,
  );
}

function modeOf(text: string): OutputMode {
  const mode = text === '' ? 'append' : text.toLowerCase();
  if (MODES.has(mode)) return mode as OutputMode;
  throw analysisError(
    'STREAMING_OUTPUT_MODE.INVALID',
    `Invalid streaming output mode: ${text}. Accepted output modes are 'Append', 'Complete', 'Update'.`,
  );
}

function triggerOf(operation: WriteStreamOperationStart): Trigger {
  switch (operation.trigger) {
    case 'availableNow':
      return { kind: 'available-now' };
    case 'once':
      return { kind: 'once' };
    case 'continuousCheckpointInterval':
      throw unsupported('The continuous trigger: use trigger(processingTime="100 milliseconds"). It');
    case 'processingTimeInterval': {
      const intervalMs = Math.round(intervalUs(operation.processingTimeInterval ?? '') / 1_000);
      if (intervalMs < 0) {
        throw new QuarryError(
          'INVALID_ARGUMENT',
          `requirement failed: the interval of trigger should not be negative: ${operation.processingTimeInterval}`,
        );
      }
      return { kind: 'processing-time', intervalMs };
    }
    default:
      return { kind: 'processing-time', intervalMs: 0 };
  }
}
