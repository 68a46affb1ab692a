import type { FileSystem } from '../../../client/fs/file-system.ts';
import { QuarryError } from '../../../common/quarry-error.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { StreamSpec } from '../streaming-query.ts';
import { ForeachBatchSink, ParquetSink } from './file-sinks.ts';
import { LogStreamSink } from './log-sink.ts';
import { ConsoleSink, MemorySink, NoopSink } from './simple-sinks.ts';
import type { StreamSink } from './stream-sink.ts';
import { TableSink } from './table-sink.ts';
import { ViewSink } from './view-sink.ts';

export interface SinkParts {
  readonly fileSystem: FileSystem;
  readonly checkpoint: Checkpoint;
  readonly timeZone: string;
  readonly nowMs: () => number;
}

/** Errors: INVALID_ARGUMENT and ANALYSIS for what the sink cannot take. */
export async function openSink(spec: StreamSpec, parts: SinkParts): Promise<StreamSink> {
  const { format, options, plan } = spec;
  const { checkpoint, fileSystem } = parts;
  const columns = plan.output;
  const queryId = checkpoint.metadata.id;
  switch (format) {
    case 'noop':
      return new NoopSink(columns);
    case 'console':
      return new ConsoleSink({
        columns,
        options,
        timeZone: parts.timeZone,
        print: spec.print ?? (() => undefined),
      });
    case 'memory':
      return new MemorySink(columns, spec.foreachBatch ?? (async () => undefined));
    case 'foreach-batch':
      if (spec.foreachBatch === undefined) break;
      return new ForeachBatchSink({
        fileSystem,
        columns,
        plan,
        directory: `${checkpoint.location}/outputs`,
        take: spec.foreachBatch,
      });
    case 'parquet':
      return new ParquetSink({ fileSystem, spec, plan, queryId });
    case 'redis':
    case 'quarry-view':
      return ViewSink.open({ format, options, columns, checkpoint });
    case 'jdbc':
      return TableSink.open({ options, columns, queryId, mode: spec.outputMode });
    case 'kafka':
    case 'quarry-log':
      return LogStreamSink.open({ format, options, columns, queryId, nowMs: parts.nowMs });
    default:
      break;
  }
  throw new QuarryError('ANALYSIS', `a stream cannot be written to ${format}`);
}
