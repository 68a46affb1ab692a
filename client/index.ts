// The public API of Quarry: what `import { ... } from 'quarry'` sees. The only barrel.
export { type ErrorCode, type Reaction } from '../common/error-codes.ts';
export { hasCode, QuarryError } from '../common/quarry-error.ts';
export type { ExecuteOptions } from './connect/plan-runner.ts';
export { type Row, toNumber } from '../common/compute/arrow-rows.ts';
export { Column, type ColumnOrName, type ColumnOrValue } from './dataframe/column.ts';
export { type DataType, simpleString, type StructField, type StructType } from './dataframe/data-type.ts';
export { DataFrame, type ExplainMode, type ShowOptions } from './dataframe/dataframe.ts';
export type { DataFrameReader } from './dataframe/dataframe-reader.ts';
export type { DataFrameWriter, SaveMode, TableWriteOutcome } from './dataframe/dataframe-writer.ts';
export type { DataStreamReader } from './dataframe/data-stream-reader.ts';
export type { DataStreamWriter, OutputMode, Trigger } from './dataframe/data-stream-writer.ts';
export type { ForeachBatchFunction } from './dataframe/foreach-batch.ts';
export * from './dataframe/functions.ts';
export type { GroupedData } from './dataframe/grouped-data.ts';
export type { JoinType } from './dataframe/join.ts';
export type { LiteralValue } from './dataframe/literal.ts';
export type { NullFunctions } from './dataframe/null-functions.ts';
export type {
  SourceProgress,
  StateOperatorProgress,
  StreamingQueryProgress,
  StreamingQueryStatus,
} from '../common/stream/query-progress.ts';
export { StreamingQuery, type StreamingQueryIds } from './dataframe/streaming-query.ts';
export type {
  QueryStartedEvent,
  QueryTerminatedEvent,
  StreamingQueryListener,
  StreamingQueryManager,
} from './dataframe/streaming-query-manager.ts';
export { Window, type WindowSpec } from './dataframe/window.ts';
export {
  type ConnectOptions,
  type CreateOptions,
  FileSystem,
  type PublishPlan,
  type ReadRange,
} from './fs/file-system.ts';
export type { IngestOptions, IngestProgress, IngestReport } from './ingest/ingest.ts';
export {
  type FunctionOptions,
  type JoinKind,
  RDD,
  type SaveOptions,
  type ShuffleOptions,
} from './rdd/rdd.ts';
export type { RddContext } from './rdd/rdd-context.ts';
export { QuarrySession, type SessionOptions } from './session.ts';
export type { SessionConf } from './session-conf.ts';
