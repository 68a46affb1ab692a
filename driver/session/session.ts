import { randomUUID } from 'node:crypto';
import { QuarryError } from '../../common/quarry-error.ts';
import type {
  AnalyzerContext,
  FileSource,
  LogSourceOptions,
  ResolvedFiles,
  ResolvedLog,
  TableSource,
} from '../plan/analyzer-context.ts';
import type { LocalRows } from '../plan/analyze/source-table.ts';
import type { StorageLevel } from '../../proto/gen/spark/connect/StorageLevel.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import { ArtifactStore } from './artifact-store.ts';
import { resolveLog } from './resolve-log.ts';
import { SessionRun } from './session-run.ts';
import { SessionStreams } from './session-streams.ts';
import { SparkConf } from './spark-conf.ts';
import { SessionViews, type ViewCatalog } from './view-catalog.ts';

/** Local data that a session may keep in the driver. */
const ARTIFACT_BYTES_MAX = 512 * 1024 * 1024;

/** What a session can interrupt. */
export interface SessionOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly isRunning: boolean;
  interrupt(): void;
  /** Frees everything it keeps; stops it when it runs. */
  close(): void;
}

export interface SessionOptions {
  readonly userId: string;
  readonly sessionId: string;
  readonly globalViews: ViewCatalog;
  readonly resolveFiles: (source: FileSource) => Promise<ResolvedFiles>;
}

/** One client's state: settings, views, cached local data, operations. Ends with the driver. */
export class Session implements AnalyzerContext {
  readonly userId: string;
  readonly sessionId: string;
  /** New with every driver process, so that a client notices that its views are gone. */
  readonly serverSideSessionId = randomUUID();
  readonly settings: SparkConf;
  readonly views: SessionViews;
  readonly artifacts = new ArtifactStore(ARTIFACT_BYTES_MAX);
  /** What `persist` was asked for, by plan id: files are read again all the same. */
  readonly storageLevels = new Map<string, StorageLevel>();
  /** Plans that the server keeps for a client, by the id of a CachedRemoteRelation: batches of streams while their function runs. */
  readonly remoteRelations = new Map<string, LogicalPlan>();
  readonly streams = new SessionStreams();
  readonly operations = new Map<string, SessionOperation>();
  readonly #options: SessionOptions;
  #attributes = 0;

  /** Whose run it is, for writes that must show once. */
  readonly run: SessionRun;

  constructor(options: SessionOptions, settings = new SparkConf(), run = new SessionRun()) {
    this.#options = options;
    this.run = run;
    this.userId = options.userId;
    this.sessionId = options.sessionId;
    this.settings = settings;
    this.views = new SessionViews(options.globalViews);
  }

  /** The same settings, views and data under another id; operations are not taken along. */
  clone(sessionId: string): Session {
    const copy = new Session(
      { ...this.#options, sessionId },
      new SparkConf(this.settings.changed()),
      this.run,
    );
    copy.#attributes = this.#attributes;
    this.views.temporary.copyTo(copy.views.temporary);
    this.artifacts.copyTo(copy.artifacts);
    return copy;
  }

  get timeZone(): string {
    return this.settings.get('spark.sql.session.timeZone');
  }

  conf(key: string): string | undefined {
    return this.settings.find(key);
  }

  tempView(name: string): LogicalPlan | undefined {
    return this.views.find(name);
  }

  resolveFiles(source: FileSource): Promise<ResolvedFiles> {
    return this.#options.resolveFiles(source);
  }

  async resolveLog(source: LogSourceOptions): Promise<ResolvedLog> {
    // A driver that never reads a log does not load its clients.
    const { openLog } = await import('../../log/open-log.ts');
    return resolveLog(source, openLog);
  }

  async resolveTable({ options, predicates }: TableSource): Promise<LocalRows> {
    // Nor one that reads no tables theirs.
    const { readTable } = await import('../tables/read-table.ts');
    return readTable(options, predicates);
  }

  remoteRelation(id: string): LogicalPlan | undefined {
    return this.remoteRelations.get(id);
  }

  nextAttributeId(): number {
    return ++this.#attributes;
  }

  /** Errors: INVALID_ARGUMENT when the client has not sent it, or to another session. */
  cachedLocalRelation(hash: string): Uint8Array {
    const bytes = this.artifacts.get(`cache/${hash}`);
    if (bytes === undefined) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `no local data with hash ${hash} in this session: send it as artifact cache/${hash} first`,
      );
    }
    return bytes;
  }

  /** Ids of the running operations that were asked to stop. */
  interrupt(matches: (operation: SessionOperation) => boolean): string[] {
    const hit = [...this.operations.values()].filter(
      (operation) => operation.isRunning && matches(operation),
    );
    for (const operation of hit) operation.interrupt();
    return hit.map(({ operationId }) => operationId);
  }

  close(): void {
    for (const operation of this.operations.values()) operation.close();
    this.operations.clear();
    this.streams.endListening?.();
    this.remoteRelations.clear();
  }
}
