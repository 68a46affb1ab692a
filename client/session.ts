import { tmpdir } from 'node:os';
import { resolveConfig } from '../common/config.ts';
import { silentLog } from '../common/log.ts';
import { QuarryError } from '../common/quarry-error.ts';
import type { Seams } from '../common/seams/seams.ts';
import { systemSeams } from '../common/seams/system.ts';
import type { RelationInput } from '../proto/gen/spark/connect/Relation.ts';
import { ConnectClient } from './connect/connect-client.ts';
import { type ConnectTarget, resolveTarget } from './connect/connect-target.ts';
import type { Row } from '../common/compute/arrow-rows.ts';
import { type StructType, typeFromMessage } from './dataframe/data-type.ts';
import { DataFrame } from './dataframe/dataframe.ts';
import { DataFrameReader } from './dataframe/dataframe-reader.ts';
import { DataStreamReader } from './dataframe/data-stream-reader.ts';
import { toColumn } from './dataframe/column.ts';
import type { LiteralValue } from './dataframe/literal.ts';
import { inferSchema, localRelation } from './dataframe/local-relation.ts';
import { StreamingQueryManager } from './dataframe/streaming-query-manager.ts';
import { FileSystem } from './fs/file-system.ts';
import type { IngestOptions, IngestReport } from './ingest/ingest.ts';
import { sessionClosed, sessionOpened } from './open-sessions.ts';
import { RddContext } from './rdd/rdd-context.ts';
import { SessionConf } from './session-conf.ts';

export interface SessionOptions {
  /** A cluster's directory, or `sc://host:port` of any Spark Connect server. Default: QUARRY_CLUSTER, then ~/.quarry. */
  readonly cluster?: string;
  /** Seen in the server's job list. */
  readonly appName?: string;
  /** host:port of the namenode's gRPC door, where `cluster` does not tell it. */
  readonly namenode?: string;
  /** Keys of docs/config.md that this client reads: `client.*`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * A program's connection to a cluster: queries over Spark Connect, files over the namenode. One server session with its own
 * views and settings, until `stop`.
 *
 * @example
 * await using session = await QuarrySession.connect();
 * await session.read.parquet('/data/sales').groupBy('store').count().show();
 */
export class QuarrySession {
  readonly #client: ConnectClient;
  readonly #target: ConnectTarget;
  readonly #seams: Seams;
  readonly #settings: Readonly<Record<string, string>>;
  #fileSystem: Promise<FileSystem> | undefined;

  /** `spark.*` settings of this session. */
  readonly conf: SessionConf;
  /** The session's streaming queries. */
  readonly streams: StreamingQueryManager;

  private constructor(target: ConnectTarget, seams: Seams, options: SessionOptions) {
    this.#target = target;
    this.#seams = seams;
    this.#settings = options.settings ?? {};
    this.#client = new ConnectClient(target, seams.rpc.client, options.appName ?? 'quarry');
    this.conf = new SessionConf(this.#client);
    this.streams = new StreamingQueryManager(this.#client);
  }

  /** Errors: CLUSTER_NOT_RUNNING, PEER_UNREACHABLE, INVALID_ARGUMENT (a malformed URL). */
  static async connect(options: SessionOptions = {}): Promise<QuarrySession> {
    const target = resolveTarget(options.cluster, options.namenode);
    const session = new QuarrySession(target, systemSeams(tmpdir(), silentLog()), options);
    try {
      // The first call tells a wrong address now rather than at the first query.
      await session.version();
      sessionOpened(session);
    } catch (thrown) {
      await session.#seams.rpc.client.close();
      throw thrown;
    }
    return session;
  }

  get sessionId(): string {
    return this.#client.sessionId;
  }

  /** The Spark version that the server speaks. */
  async version(): Promise<string> {
    const { sparkVersion } = await this.#client.analyze({ sparkVersion: {} });
    return sparkVersion?.version ?? '';
  }

  get read(): DataFrameReader {
    return new DataFrameReader((relation) => this.#dataFrame(relation));
  }

  /** A DataFrame over a source that grows; `writeStream` runs it. */
  get readStream(): DataStreamReader {
    return new DataStreamReader({
      make: (relation) => this.#dataFrame(relation),
      format: 'parquet',
      options: {},
    });
  }

  table(name: string): DataFrame {
    return this.read.table(name);
  }

  /**
   * A query in Spark's SQL; it runs when its rows are asked for, as every DataFrame. `args` fill `:name` markers.
   *
   * @example session.sql('SELECT * FROM parquet.`/data/sales` WHERE store = :store', { store: 'A' })
   */
  sql(text: string, args: Readonly<Record<string, LiteralValue>> = {}): DataFrame {
    const namedArguments = Object.fromEntries(
      Object.entries(args).map(([name, value]) => [name, toColumn(value).expression]),
    );
    return this.#dataFrame({ sql: { query: text, namedArguments } });
  }

  /** One column `id` from `start` (0 when only an end is given) to before `end`. */
  range(end: number | bigint): DataFrame;
  range(start: number | bigint, end: number | bigint, step?: number | bigint): DataFrame;
  range(first: number | bigint, end?: number | bigint, step: number | bigint = 1): DataFrame {
    const [from, to] = end === undefined ? [0, first] : [first, end];
    return this.#dataFrame({ range: { start: String(from), end: String(to), step: String(step) } });
  }

  /**
   * Rows that the program has itself. Without `schema` (DDL text such as 'id BIGINT, name STRING', or a StructType) the
   * values decide: whole numbers become BIGINT, others DOUBLE, Date TIMESTAMP. Errors: INVALID_ARGUMENT.
   */
  async createDataFrame(rows: readonly Row[], schema?: string | StructType): Promise<DataFrame> {
    const type = typeof schema === 'string' ? await this.#parseDdl(schema) : (schema ?? inferSchema(rows));
    return this.#dataFrame({ localRelation: localRelation(rows, type) });
  }

  /** Where RDDs start: records and functions of JavaScript, on a Quarry cluster. */
  get rdd(): RddContext {
    return new RddContext(this.#client);
  }

  /** Local files into the cluster as Parquet that jobs read block by block. Errors: those of `ingest`. */
  async ingest(options: Omit<IngestOptions, 'fs'>): Promise<IngestReport> {
    // The kernel that reads the files is loaded with the first ingest: most programs only ask.
    const { ingest } = await import('./ingest/ingest.ts');
    return ingest({ ...options, fs: await this.fs });
  }

  /** The cluster's files. Errors at first use: INVALID_ARGUMENT when the session knows no namenode. */
  get fs(): Promise<FileSystem> {
    this.#fileSystem ??= this.#connectFileSystem();
    return this.#fileSystem;
  }

  /** Ends running operations of this session, all of them or those with a tag; answers their ids. */
  async interrupt(which: { readonly tag: string } | 'all' = 'all'): Promise<readonly string[]> {
    return this.#client.interrupt(which);
  }

  /** Ends the session, at the server too. */
  async stop(): Promise<void> {
    sessionClosed(this);
    try {
      await this.#client.close();
      await (await this.#fileSystem)?.close();
    } finally {
      await this.#seams.rpc.client.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #dataFrame(relation: RelationInput): DataFrame {
    return new DataFrame(this.#client, relation);
  }

  async #parseDdl(ddl: string): Promise<StructType> {
    const { ddlParse } = await this.#client.analyze({ ddlParse: { ddlString: ddl } });
    const type = typeFromMessage(ddlParse?.parsed);
    if (type.kind === 'struct') return type;
    throw new QuarryError('INVALID_ARGUMENT', `${ddl} is no list of columns: write 'name TYPE, name TYPE'`);
  }

  async #connectFileSystem(): Promise<FileSystem> {
    const { namenode, connect } = this.#target;
    if (namenode === undefined) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `the session knows sc://${connect} alone: pass { namenode: 'host:port' } or the cluster's directory to use files`,
      );
    }
    return FileSystem.connect({
      namenodeAddress: namenode,
      config: resolveConfig(this.#settings),
      seams: this.#seams,
    });
  }
}
