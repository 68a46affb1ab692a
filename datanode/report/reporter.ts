import type { Config } from '../../common/config.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { Seams } from '../../common/seams/seams.ts';
import type { Replica } from '../store/block-store.ts';
import { fullReportParts } from './full-report.ts';
import type { NamenodeClient } from './namenode-client.ts';
import { type ReplicaChange, replicaEvent } from './replica-info.ts';
import { ReportQueue } from './report-queue.ts';
import { WakeUp } from './wake-up.ts';

const RETRY_MS = 200;

export interface ReportSource {
  replicas(): Iterable<Replica>;
}

/**
 * Tells the namenode about replicas in one session: all of them at its start and when it asks, and what changes
 * meanwhile. Changes collect for a moment; a received replica, for which a client waits, goes at once.
 */
export class Reporter {
  readonly #seams: Pick<Seams, 'clock' | 'log'>;
  readonly #config: Config;
  readonly #nodeId: string;
  readonly #source: ReportSource;
  readonly #namenode: NamenodeClient;
  readonly #queue = new ReportQueue();
  readonly #wake: WakeUp;
  #isUrgent = false;
  #isFullWanted = false;
  #nextReportId = 1;

  constructor(
    seams: Pick<Seams, 'clock' | 'log'>,
    config: Config,
    nodeId: string,
    source: ReportSource,
    namenode: NamenodeClient,
  ) {
    this.#seams = seams;
    this.#config = config;
    this.#nodeId = nodeId;
    this.#source = source;
    this.#namenode = namenode;
    this.#wake = new WakeUp(seams.clock);
  }

  push(change: ReplicaChange): void {
    this.#queue.push(change);
    if (change.kind === 'RECEIVED' || change.kind === 'CORRUPT') this.#isUrgent = true;
    this.#wake.wake();
  }

  requestFullReport(): void {
    this.#isFullWanted = true;
    this.#wake.wake();
  }

  /** Runs until `signal` aborts. Errors: NOT_REGISTERED when the session has ended at the namenode. */
  async run(session: number, signal: AbortSignal): Promise<void> {
    this.#queue.restart();
    this.#isFullWanted = true;
    const intervalMs = this.#config['datanode.fullReportIntervalMs'];
    let fullDueMs = 0;
    while (!signal.aborted) {
      const nowMs = this.#seams.clock.monoMs();
      if (this.#isFullWanted || nowMs >= fullDueMs) {
        await this.#sendFull(session, signal);
        fullDueMs = nowMs + intervalMs;
        // A namenode that asks again with every answer gets a report at a time, not a flood.
        if (this.#isFullWanted) await this.#seams.clock.sleep(RETRY_MS, signal);
      }
      await this.#sendChanges(session, signal);
      if (!this.#queue.isEmpty || this.#isFullWanted) continue;
      await this.#wake.wait(Math.max(0, fullDueMs - this.#seams.clock.monoMs()), signal);
      if (!this.#isUrgent && !this.#queue.isEmpty) await this.#collect(signal);
    }
  }

  /** Lets more changes come, but for an urgent one. */
  async #collect(signal: AbortSignal): Promise<void> {
    const untilMs = this.#seams.clock.monoMs() + this.#config['datanode.reportDelayMs'];
    while (!this.#isUrgent && !signal.aborted) {
      const restMs = untilMs - this.#seams.clock.monoMs();
      if (restMs <= 0) return;
      await this.#wake.wait(restMs, signal);
    }
  }

  async #sendChanges(session: number, signal: AbortSignal): Promise<void> {
    for (let batch = this.#queue.next(); batch !== undefined && !signal.aborted; batch = this.#queue.next()) {
      this.#isUrgent = false;
      const events = batch.changes.map(replicaEvent);
      const request = { nodeId: this.#nodeId, session, sequence: batch.sequence, events };
      const reply = await this.#patiently(signal, () => this.#namenode.incrementalReport(request));
      if (reply === undefined) return;
      this.#queue.acknowledge(batch);
      if (reply.fullReportWanted) this.#isFullWanted = true;
    }
  }

  async #sendFull(session: number, signal: AbortSignal): Promise<void> {
    this.#isFullWanted = false;
    const parts = fullReportParts(this.#source.replicas());
    const reportId = this.#nextReportId++;
    for (const [part, replicas] of parts.entries()) {
      const request = {
        nodeId: this.#nodeId,
        session,
        reportId,
        part,
        parts: parts.length,
        replicas: [...replicas],
      };
      const reply = await this.#patiently(signal, () => this.#namenode.blockReport(request));
      if (reply === undefined) return;
      if (reply.fullReportWanted) this.#isFullWanted = true;
    }
    this.#seams.log.info({ reportId, parts: parts.length }, 'report.sent');
  }

  /** Repeats a call until the namenode answers. Undefined when `signal` aborts. Errors: NOT_REGISTERED. */
  async #patiently<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T | undefined> {
    while (!signal.aborted) {
      try {
        return await call();
      } catch (thrown) {
        if (hasCode(thrown, 'NOT_REGISTERED')) throw thrown;
        if (signal.aborted) return undefined;
        const { code, message } = QuarryError.from(thrown);
        this.#seams.log.warn({ code, reason: message }, 'report.failed');
        await this.#seams.clock.sleep(RETRY_MS, signal);
      }
    }
    return undefined;
  }
}
