import { randomUUID } from 'node:crypto';
import type { FileSystem } from '../../client/fs/file-system.ts';
import type { Config } from '../../common/config.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Seams } from '../../common/seams/seams.ts';
import { optionOf } from '../plan/log-options.ts';
import type { Compute } from '../schedule/compute.ts';
import { BatchRunner } from './batch-runner.ts';
import { Checkpoint } from './checkpoint/checkpoint.ts';
import { type CompiledQuery, compileQuery } from './compile-query.ts';
import { openSink } from './sinks/open-sink.ts';
import type { StreamSink } from './sinks/stream-sink.ts';
import { openSource } from './sources/open-source.ts';
import type { StreamSource } from './sources/stream-source.ts';
import { StreamRun } from './stream-run.ts';
import type { StreamRunOptions } from './stream-run-options.ts';
import type { StreamContext, StreamingQueries, StreamingQuery, StreamSpec } from './streaming-query.ts';

export interface StreamEngineOptions {
  readonly compute: Compute;
  readonly fileSystem: FileSystem;
  readonly config: Config;
  readonly seams: Pick<Seams, 'clock' | 'log'>;
  /** Text of a query's plan; without it a short one is given. */
  readonly explain?: (query: CompiledQuery, extended: boolean) => string;
  readonly onStep?: StreamRunOptions['onStep'];
}

/** Sinks that keep nothing outside the driver: a checkpoint of theirs may be forgotten with them. */
const TEMPORARY_CHECKPOINT = new Set(['memory', 'console', 'noop', 'foreach-batch']);
const TEMPORARY_ROOT = '/tmp/quarry-streams/';
const IDLE_EVENT_MS = 10_000;
const STATE_PARTITIONS_DEFAULT = 2;
const ENDED_KEPT = 100;

/** The streaming queries of a driver. */
export class StreamEngine implements StreamingQueries {
  readonly #options: StreamEngineOptions;
  readonly #runs = new Map<string, StreamRun>();
  readonly #starting = new Set<string>();
  /** Runs that have ended since `resetTerminated`, by session. */
  readonly #terminated = new Map<string, StreamRun[]>();

  constructor(options: StreamEngineOptions) {
    this.#options = options;
  }

  async start(spec: StreamSpec, context: StreamContext): Promise<StreamingQuery> {
    const query = compileQuery(spec.plan, spec.outputMode);
    this.#checkName(spec.name, context.sessionId);
    const location = this.#location(spec, context);
    const active = this.#activeAt(location);
    if (this.#starting.has(location) || (active.length > 0 && !stopsActiveRun(context))) {
      throw new QuarryError(
        'STREAM_ACTIVE',
        `the checkpoint ${location} is in use by an active query of this driver: stop it first`,
      );
    }
    this.#starting.add(location);
    try {
      // Its program may be gone while its session lives on: the one that starts the query again takes it over.
      await Promise.all(active.map((run) => run.stop()));
      const run = await this.#open(spec, context, query, location);
      this.#runs.set(run.runId, run);
      this.#locations.set(run.runId, location);
      run.start();
      void run.ended.then(() => this.#ended(run));
      return run;
    } finally {
      this.#starting.delete(location);
    }
  }

  find(id: string, runId?: string): StreamingQuery | undefined {
    const known = [...this.#runs.values()].filter(
      (run) => run.id === id && (runId === undefined || run.runId === runId),
    );
    return known.find(({ isActive }) => isActive) ?? known.at(-1);
  }

  active(sessionId?: string): readonly StreamingQuery[] {
    return [...this.#runs.values()].filter(
      (run) => run.isActive && (sessionId === undefined || run.sessionId === sessionId),
    );
  }

  /** Every query that is remembered, the newest last. */
  all(): readonly StreamingQuery[] {
    return [...this.#runs.values()];
  }

  async awaitAny(sessionId: string, timeoutMs?: number): Promise<boolean> {
    const ended = (): StreamRun | undefined => this.#terminated.get(sessionId)?.at(-1);
    if (ended() === undefined) {
      const timeout = new AbortController();
      const runs = [...this.#runs.values()].filter((run) => run.sessionId === sessionId && run.isActive);
      const first = Promise.race(runs.map((run) => run.ended));
      if (timeoutMs === undefined) await (runs.length === 0 ? new Promise<void>(() => {}) : first);
      else
        await Promise.race([
          this.#options.seams.clock.sleep(timeoutMs, timeout.signal),
          ...(runs.length === 0 ? [] : [first]),
        ]);
      timeout.abort();
      // The run's own handler comes after this one in the queue.
      await Promise.resolve();
    }
    const failed = this.#terminated.get(sessionId)?.find(({ exception }) => exception !== undefined);
    if (failed?.exception !== undefined) throw failed.exception;
    return ended() !== undefined;
  }

  resetTerminated(sessionId: string): void {
    this.#terminated.delete(sessionId);
  }

  async closeSession(sessionId: string): Promise<void> {
    const runs = [...this.#runs.values()].filter((run) => run.sessionId === sessionId);
    await Promise.all(runs.map((run) => run.stop()));
    for (const run of runs) this.#forget(run);
    this.#terminated.delete(sessionId);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#runs.values()].map((run) => run.stop()));
  }

  readonly #locations = new Map<string, string>();

  async #open(
    spec: StreamSpec,
    context: StreamContext,
    query: CompiledQuery,
    location: string,
  ): Promise<StreamRun> {
    const { compute, config, fileSystem, seams } = this.#options;
    const checkpoint = await Checkpoint.open(fileSystem, location, {
      statePartitions: await this.#statePartitions(location, context),
      fingerprint: [...query.fingerprint, `output mode: ${spec.outputMode}`],
    });
    const opened: (StreamSource | StreamSink)[] = [];
    try {
      const sources: StreamSource[] = [];
      for (const [id, leaf] of query.sources.entries()) {
        const directory = `${checkpoint.location}/sources/${id}`;
        const source = await openSource(leaf, {
          fileSystem,
          files: compute.files,
          clock: seams.clock,
          directory,
        });
        sources.push(source);
        opened.push(source);
      }
      const sink = await openSink(spec, {
        fileSystem,
        checkpoint,
        timeZone: context.timeZone,
        nowMs: () => seams.clock.nowMs(),
      });
      opened.push(sink);
      const { jobs, splits } = compute;
      const name = spec.name === '' ? `stream ${checkpoint.metadata.id.slice(0, 8)}` : `stream ${spec.name}`;
      const executors = () => compute.executors();
      const runner = new BatchRunner({
        jobs,
        splits,
        config,
        executors,
        query,
        sources,
        checkpoint,
        context,
        name,
      });
      const { onStep } = this.#options;
      const run = new StreamRun({
        runId: randomUUID(),
        spec,
        sessionId: context.sessionId,
        query,
        sources,
        sink,
        checkpoint,
        runner,
        clock: seams.clock,
        log: seams.log,
        idlePartitionMs: idleMs(spec, context),
        idleEventMs: idleEventMs(context),
        dispose: (failed) => this.#dispose(location, failed, context),
        explain: (extended) => this.#options.explain?.(query, extended) ?? query.fingerprint.join('\n'),
        ...(onStep === undefined ? {} : { onStep }),
      });
      await run.prepare();
      return run;
    } catch (thrown) {
      await Promise.allSettled([
        ...opened.map((each) => each.close()),
        this.#dispose(location, false, context),
      ]);
      throw thrown;
    }
  }

  /** As Spark does: the temporary checkpoint of a query that failed stays to be looked at, unless the user wants it gone. */
  async #dispose(location: string, failed: boolean, { conf }: StreamContext): Promise<void> {
    if (!location.startsWith(TEMPORARY_ROOT)) return;
    if (failed && conf.get('spark.sql.streaming.forceDeleteTempCheckpointLocation') !== 'true') return;
    await this.#options.fileSystem.delete(location, { recursive: true });
  }

  /** How many there are is part of what a checkpoint is: the first start decides. */
  async #statePartitions(location: string, context: StreamContext): Promise<number> {
    const kept = await Checkpoint.keptMetadata(this.#options.fileSystem, location);
    if (kept !== undefined) return kept.statePartitions;
    const asked = Number(context.conf.get('spark.sql.shuffle.partitions'));
    return asked >= 1 ? Math.min(asked, 200) : STATE_PARTITIONS_DEFAULT;
  }

  #location(spec: StreamSpec, { conf }: StreamContext): string {
    const given = optionOf(spec.options, 'checkpointLocation');
    if (given !== undefined && given !== '') return given.replace(/\/+$/, '') || '/';
    const root = conf.get('spark.sql.streaming.checkpointLocation');
    if (root !== undefined && root !== '') {
      return `${root.replace(/\/+$/, '')}/${spec.name === '' ? randomUUID() : spec.name}`;
    }
    if (TEMPORARY_CHECKPOINT.has(spec.format)) return `${TEMPORARY_ROOT}${randomUUID()}`;
    throw new QuarryError(
      'INVALID_ARGUMENT',
      'checkpointLocation must be specified either through option("checkpointLocation", ...) or SparkSession.conf.set("spark.sql.streaming.checkpointLocation", ...)',
    );
  }

  #checkName(name: string, sessionId: string): void {
    if (name === '' || !this.active(sessionId).some((run) => run.name === name)) return;
    throw new QuarryError(
      'STREAM_ACTIVE',
      `Cannot start query with name ${name} as a query with that name is already active in this SparkSession`,
    );
  }

  #activeAt(location: string): StreamRun[] {
    return [...this.#runs.values()].filter(
      (run) => run.isActive && this.#locations.get(run.runId) === location,
    );
  }

  #ended(run: StreamRun): void {
    const ended = this.#terminated.get(run.sessionId) ?? [];
    this.#terminated.set(run.sessionId, [...ended, run]);
    const old = [...this.#runs.values()].filter(({ isActive }) => !isActive);
    for (const each of old.slice(0, Math.max(0, old.length - ENDED_KEPT))) this.#forget(each);
  }

  #forget(run: StreamRun): void {
    this.#runs.delete(run.runId);
    this.#locations.delete(run.runId);
  }
}

function idleMs({ options }: StreamSpec, { conf }: StreamContext): number {
  const text =
    optionOf(options, 'idlePartitionMs') ?? conf.get('spark.quarry.streaming.idlePartitionMs') ?? '0';
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new QuarryError('INVALID_ARGUMENT', `idlePartitionMs is a number of milliseconds, not ${text}`);
}

/** As Spark's setting of this name: true unless it was turned off. */
function stopsActiveRun({ conf }: StreamContext): boolean {
  return conf.get('spark.sql.streaming.stopActiveRunOnRestart') !== 'false';
}

function idleEventMs({ conf }: StreamContext): number {
  const name = 'spark.sql.streaming.noDataProgressEventInterval';
  const value = Number(conf.get(name) ?? IDLE_EVENT_MS);
  if (value >= 0) return value;
  throw new QuarryError('INVALID_ARGUMENT', `${name} is a number of milliseconds, not ${conf.get(name)}`);
}
