import type { LocalRows } from './analyze/source-table.ts';
import type { LogicalPlan, LogScanRange, ScanFile } from './logical-plan.ts';
import type { StructField, StructType } from './spark-type.ts';

export interface FileSource {
  /** As the user wrote them: `/a`, `hdfs://HOST:PORT/a`, `file:///a`; globs and directories are the resolver's to expand. */
  readonly paths: readonly string[];
  /** Lower case: 'parquet', 'csv', 'json', 'text'. */
  readonly format: string;
  readonly options: Readonly<Record<string, string>>;
}

export interface ResolvedFiles {
  readonly files: readonly ScanFile[];
  /** The columns inside the files, without those of directory names. */
  readonly schema: StructType;
  /** Columns given by `key=value` directories, in the order of every file's `partitionValues`. */
  readonly partitionColumns: readonly StructField[];
}

export interface LogSourceOptions {
  /** 'kafka' or 'quarry-log'. */
  readonly format: string;
  readonly options: Readonly<Record<string, string>>;
}

/** The part of a log that a batch query reads: what was there when it was analysed. */
export interface ResolvedLog {
  /** kafka://HOST:PORT,... or quarry-log://HOST:PORT */
  readonly url: string;
  /** Kafka's client settings; passwords are among them. */
  readonly settings: Readonly<Record<string, string>>;
  readonly ranges: readonly LogScanRange[];
}

/** A read with format jdbc. */
export interface TableSource {
  readonly options: Readonly<Record<string, string>>;
  readonly predicates?: readonly string[];
}

/** What the analyzer asks of its session. A session answers from its own state; nothing here reads user data but `resolveFiles`. */
export interface AnalyzerContext {
  /** The session's value of a `spark.*` key, its default when unset, or undefined for an unknown key. */
  conf(key: string): string | undefined;
  /** The plan of a temporary view; `name` is as written, global views come as `global_temp.NAME`. Names compare without case. */
  tempView(name: string): LogicalPlan | undefined;
  /** Expands paths and reads footers. A path that is not there fails with FILE_NOT_FOUND. */
  resolveFiles(source: FileSource): Promise<ResolvedFiles>;
  /** Offsets of a batch read of a log. Errors: TOPIC_NOT_FOUND, LOG_UNAVAILABLE, INVALID_ARGUMENT (an option). */
  resolveLog(source: LogSourceOptions): Promise<ResolvedLog>;
  /** The rows of a read with format jdbc. Errors: those of `readTable`. */
  resolveTable(source: TableSource): Promise<LocalRows>;
  /** What is kept under the id of a CachedRemoteRelation. */
  remoteRelation(id: string): LogicalPlan | undefined;
  /** Unique in the session: views analysed earlier are joined to plans analysed later. */
  nextAttributeId(): number;
  /** Bytes of a `cache/<hash>` artifact that the client has sent. */
  cachedLocalRelation(hash: string): Promise<Uint8Array> | Uint8Array;
}
