import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { StreamingQueryProgress, StreamingQueryStatus } from '../../common/stream/query-progress.ts';
import { progressOf } from './batch-progress.ts';
import type { RanBatch } from './batch-runner.ts';
import { CaughtUp } from './caught-up.ts';
import type { CommitEntry, OffsetEntry } from './checkpoint/checkpoint-codec.ts';
import { commitOf, filesOf, supersededFiles } from './commit-batch.ts';
import { IdleEvents } from './idle-events.ts';
import { IdlePartitions } from './idle-partitions.ts';
import { timed } from './phase-times.ts';
import { isRetryable } from './retryable.ts';
import { retrying } from './retrying.ts';
import type { SinkBatch } from './sinks/stream-sink.ts';
import type { RunStep, StreamRunOptions } from './stream-run-options.ts';
import type { StreamingQuery } from './streaming-query.ts';
import { nextTriggerMs } from './trigger-schedule.ts';

const PROGRESS_KEPT = 100;
/** How often sources are asked for more while there is nothing: a trigger without an interval. */
const IDLE_POLL_MS = 100;

/** One run of a query: batch after batch, until it is stopped, has read all there was, or fails. */
export class StreamRun implements StreamingQuery {
  readonly id: string;
  readonly runId: string;
  readonly name: string;
  readonly sessionId: string;
  readonly ended: Promise<void>;
  readonly #options: StreamRunOptions;
  readonly #abort = new AbortController();
  readonly #progress: StreamingQueryProgress[] = [];
  readonly #idle: IdlePartitions;
  readonly #idleEvents: IdleEvents;
  #status: StreamingQueryStatus = { message: 'Initializing', isDataAvailable: false, isTriggerActive: false };
  #exception: Error | undefined;
  #active = true;
  #stopping = false;
  #commit: CommitEntry | undefined;
  #positions: readonly unknown[] = [];
  #pending: OffsetEntry | undefined;
  #lastTriggerMs: number | undefined;
  readonly #caughtUp = new CaughtUp();
  /** Wakes a sleeping trigger. */
  #wake = new AbortController();

  constructor(options: StreamRunOptions) {
    this.#options = options;
    this.#idle = new IdlePartitions(options.sources, options.clock, options.idlePartitionMs);
    this.#idleEvents = new IdleEvents(options.idleEventMs);
    this.id = options.checkpoint.metadata.id;
    this.runId = options.runId;
    this.name = options.spec.name;
    this.sessionId = options.sessionId;
    const start = { go: () => {} };
    this.ended = new Promise<void>((resolve) => (start.go = resolve)).then(() => this.#run());
    this.#go = start.go;
  }

  readonly #go: () => void;

  /** Reads where the query is. Errors: what makes a start fail. */
  async prepare(): Promise<void> {
    const { checkpoint, sources, sink, spec } = this.#options;
    const { offsets, commit } = await checkpoint.latest();
    if (offsets !== undefined && spec.recoverable === false) {
      throw new QuarryError(
        'ANALYSIS',
        `This query does not support recovering from checkpoint location. Delete ${checkpoint.location} to start over.`,
      );
    }
    this.#commit = commit;
    if (offsets === undefined) this.#positions = await Promise.all(sources.map((source) => source.initial()));
    else {
      const isPending = offsets.batchId > (commit?.batchId ?? -1);
      this.#pending = isPending ? offsets : undefined;
      this.#positions = isPending ? offsets.starts : offsets.ends;
      if (sources.some((source) => source.restore !== undefined)) {
        const entries = (await checkpoint.allOffsets()).filter(
          ({ batchId }) => batchId <= (commit?.batchId ?? -1),
        );
        for (const [id, source] of sources.entries())
          await source.restore?.(entries.map(({ ends }) => ends[id]));
      }
    }
    await checkpoint.sweepState(filesOf(commit));
    await sink.open?.();
  }

  start(): void {
    this.#go();
  }

  get isActive(): boolean {
    return this.#active;
  }

  get status(): StreamingQueryStatus {
    return this.#status;
  }

  get recentProgress(): readonly StreamingQueryProgress[] {
    return this.#progress;
  }

  get exception(): Error | undefined {
    return this.#exception;
  }

  async processAllAvailable(): Promise<void> {
    if (this.#exception !== undefined) throw this.#exception;
    if (!this.#active) return;
    const done = this.#caughtUp.wait();
    this.#wake.abort();
    await done;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#abort.abort();
    this.#wake.abort();
    await this.ended;
  }

  async awaitTermination(timeoutMs?: number): Promise<boolean> {
    if (timeoutMs === undefined) await this.ended;
    else {
      const timeout = new AbortController();
      const { clock } = this.#options;
      await Promise.race([this.ended.then(() => timeout.abort()), clock.sleep(timeoutMs, timeout.signal)]);
      timeout.abort();
    }
    if (this.#exception !== undefined) throw this.#exception;
    return !this.#active;
  }

  explain(extended: boolean): string {
    return this.#options.explain(extended);
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    try {
      await this.#batches();
    } catch (thrown) {
      if (!(this.#stopping && (hasCode(thrown, 'INTERRUPTED') || isRetryable(thrown)))) {
        const error = QuarryError.from(thrown);
        this.#exception = error;
        log.warn({ query: this.id, err: thrown }, 'stream.failed');
      }
    }
    await this.#close();
    this.#active = false;
    const message =
      this.#exception === undefined ? 'Stopped' : `Terminated with exception: ${this.#exception.message}`;
    this.#status = { message, isDataAvailable: false, isTriggerActive: false };
    this.#caughtUp.end(this.#exception);
  }

  async #close(): Promise<void> {
    const { sink, sources, log, dispose } = this.#options;
    const settled = await Promise.allSettled([sink.close(), ...sources.map((source) => source.close())]);
    settled.push(...(await Promise.allSettled([dispose?.(this.#exception !== undefined)])));
    for (const outcome of settled) {
      if (outcome.status === 'rejected')
        log.warn({ query: this.id, err: outcome.reason }, 'stream.not-closed');
    }
  }

  async #batches(): Promise<void> {
    const { trigger } = this.#options.spec;
    const { clock } = this.#options;
    if (trigger.kind !== 'processing-time') {
      await this.#untilRead(trigger.kind === 'available-now');
      return;
    }
    while (!this.#stopping) {
      const startMs = clock.nowMs();
      const asked = this.#caughtUp.count;
      const ran = await this.#trigger(undefined, true);
      if (!ran) {
        this.#caughtUp.done(asked);
        this.#status = {
          message: 'Waiting for data to arrive',
          isDataAvailable: false,
          isTriggerActive: false,
        };
        this.#tellIdle();
      }
      const untilMs = nextTriggerMs(startMs, trigger.intervalMs);
      const waitMs = this.#caughtUp.count > 0 ? 0 : Math.max(untilMs - clock.nowMs(), ran ? 0 : IDLE_POLL_MS);
      if (waitMs > 0) await this.#sleep(waitMs);
    }
  }

  #tellIdle(): void {
    const nowMs = this.#options.clock.nowMs();
    if (!this.#idleEvents.isDue(nowMs)) return;
    const { id, runId } = this;
    this.#options.spec.onIdle?.({ id, runId, timestamp: new Date(nowMs).toISOString() });
  }

  async #sleep(delayMs: number): Promise<void> {
    if (this.#stopping) return;
    this.#wake = new AbortController();
    await this.#options.clock.sleep(delayMs, this.#wake.signal);
  }

  /** Everything that was there at the start, then the batch that emits what this has closed. */
  async #untilRead(limited: boolean): Promise<void> {
    const target = await this.#retrying('reading offsets', () => this.#latest());
    while (!this.#stopping && (await this.#trigger(target, limited))) {
      if (!limited && this.#pending === undefined) break;
    }
  }

  #latest(): Promise<unknown[]> {
    return Promise.all(this.#options.sources.map((source, id) => source.latest(this.#positions[id])));
  }

  /** One batch, unless there is nothing to do. */
  async #trigger(target: readonly unknown[] | undefined, limited: boolean): Promise<boolean> {
    const { clock, sources } = this.#options;
    const triggerMs = clock.nowMs();
    const durations: Record<string, number> = {};
    let entry = this.#pending;
    let latest: readonly unknown[] = entry?.ends ?? [];
    if (entry === undefined) {
      latest = await timed(durations, 'latestOffset', () =>
        this.#retrying('reading offsets', () => this.#upTo(target)),
      );
      this.#idle.note(this.#positions, latest);
      const ends = sources.map((source, id) => source.end(this.#positions[id], latest[id], { limited }));
      const hasData = sources.some((source, id) => !source.isEmpty(this.#positions[id], ends[id]));
      if (!hasData && !this.#hasToEmit()) return false;
      entry = this.#newEntry(ends, triggerMs);
      const written = entry;
      await this.#step('planned', entry.batchId);
      await timed(durations, 'walCommit', () =>
        this.#retrying('writing offsets', () => this.#options.checkpoint.writeOffsets(written)),
      );
      this.#pending = entry;
      await this.#step('offsets-written', entry.batchId);
    }
    await this.#runBatch(entry, latest, { triggerMs, durations });
    return true;
  }

  async #upTo(target: readonly unknown[] | undefined): Promise<readonly unknown[]> {
    if (target === undefined) return this.#latest();
    const { sources } = this.#options;
    return Promise.all(
      sources.map((source, id) => source.upTo?.(this.#positions[id], target[id]) ?? target[id]),
    );
  }

  #newEntry(ends: readonly unknown[], timestampMs: number): OffsetEntry {
    return {
      batchId: (this.#commit?.batchId ?? -1) + 1,
      timestampMs,
      starts: this.#positions,
      ends,
      watermarkUs: this.#commit?.watermarkUs ?? null,
      clearedUs: this.#commit?.clearedUs ?? null,
    };
  }

  /** Windows that the last batch has closed leave in a batch without data. */
  #hasToEmit(): boolean {
    const { query } = this.#options;
    const commit = this.#commit;
    if (query.mode !== 'append' || query.operators.length === 0 || commit === undefined) return false;
    return commit.watermarkUs !== null && commit.watermarkUs > (commit.clearedUs ?? Number.NEGATIVE_INFINITY);
  }

  async #runBatch(
    entry: OffsetEntry,
    latest: readonly unknown[],
    trigger: { readonly triggerMs: number; readonly durations: Record<string, number> },
  ): Promise<void> {
    const { checkpoint, sink, sources, spec, query, clock } = this.#options;
    const { durations, triggerMs } = trigger;
    const batch: SinkBatch = { batchId: entry.batchId, epoch: checkpoint.epoch };
    this.#status = { message: 'Processing new data', isDataAvailable: true, isTriggerActive: true };
    const ran = await timed(durations, 'addBatch', () =>
      this.#retrying('running the batch', () => this.#job(entry, batch)),
    );
    durations['getBatch'] = Math.round(ran.bindingMs);
    durations['queryPlanning'] = Math.round(ran.planningMs);
    await this.#step('job-done', entry.batchId);
    const sinkRows = await timed(durations, 'addBatch', () =>
      this.#retrying(`writing to ${sink.description}`, () => sink.add(batch, ran.rows)),
    );
    await this.#step('sink-done', entry.batchId);
    const before = this.#commit;
    const commit = commitOf(entry, ran, {
      query,
      epoch: checkpoint.epoch,
      statePartitions: checkpoint.metadata.statePartitions,
      before,
      partitions: sources.map((source, id) => source.partitions(entry.ends[id], latest[id])),
      isIdle: (sourceId, partition) => this.#idle.isIdle(sourceId, partition),
    });
    await timed(durations, 'commitOffsets', () =>
      this.#retrying('committing the batch', () => checkpoint.writeCommit(commit)),
    );
    this.#commit = commit;
    this.#pending = undefined;
    this.#positions = entry.ends;
    await this.#step('committed', entry.batchId);
    durations['triggerExecution'] = Math.round(clock.nowMs() - triggerMs);
    const progress = progressOf(entry, ran, commit, sinkRows, {
      id: this.id,
      runId: this.runId,
      name: this.name,
      query,
      sources,
      sink,
      statePartitions: checkpoint.metadata.statePartitions,
      triggerMs,
      lastTriggerMs: this.#lastTriggerMs,
      durationMs: durations,
      latest,
    });
    this.#lastTriggerMs = triggerMs;
    this.#idleEvents.batchDone(clock.nowMs());
    this.#progress.push(progress);
    if (this.#progress.length > PROGRESS_KEPT) this.#progress.shift();
    spec.onProgress?.(progress);
    await this.#tidy(entry, before, commit);
  }

  async #job(entry: OffsetEntry, batch: SinkBatch): Promise<RanBatch> {
    const { sink, runner } = this.#options;
    const output = await sink.output(batch);
    try {
      return await runner.run(entry, this.#commit, output, this.#abort.signal);
    } catch (thrown) {
      await this.#abandon(batch);
      throw thrown;
    }
  }

  async #abandon(batch: SinkBatch): Promise<void> {
    try {
      await this.#options.sink.abandon?.(batch);
    } catch (thrown) {
      // What ended the job is what counts; the batch will be written again under another name.
      this.#options.log.warn({ query: this.id, err: thrown }, 'stream.batch-not-abandoned');
    }
  }

  /** The batch stands whether or not this succeeds: what stays is removed later. */
  async #tidy(entry: OffsetEntry, before: CommitEntry | undefined, commit: CommitEntry): Promise<void> {
    const { checkpoint, sources, log } = this.#options;
    try {
      await checkpoint.remove(supersededFiles(before, commit));
      await checkpoint.purge(entry.batchId);
      for (const [id, source] of sources.entries()) {
        if (!source.isEmpty(entry.starts[id], entry.ends[id])) await source.committed(entry.ends[id]);
      }
    } catch (thrown) {
      log.warn({ query: this.id, err: thrown }, 'stream.not-tidied');
    }
  }

  #retrying<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { clock, log } = this.#options;
    return retrying(what, work, {
      query: this.id,
      clock,
      log,
      signal: this.#abort.signal,
      onFailure: (failed, { message }) => {
        const text = `Retrying after a failure of ${failed}: ${message}`;
        this.#status = { message: text, isDataAvailable: true, isTriggerActive: true };
      },
    });
  }

  async #step(step: RunStep, batchId: number): Promise<void> {
    await this.#options.onStep?.(step, batchId);
  }
}
