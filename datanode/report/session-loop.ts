import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { DiskSpace } from '../../common/seams/disk.ts';
import type { Seams } from '../../common/seams/seams.ts';
import type { HeartbeatReply } from '../../proto/gen/quarry/HeartbeatReply.ts';
import type { RegisterReply } from '../../proto/gen/quarry/RegisterReply.ts';
import type { RegisterRequestInput } from '../../proto/gen/quarry/RegisterRequest.ts';
import type { Command } from '../../proto/gen/quarry/Command.ts';
import type { NamenodeClient } from './namenode-client.ts';
import type { Reporter } from './reporter.ts';
import { VitalSigns } from './vital-signs.ts';

const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1_000;
/** Outcomes of orders go to the namenode at once, which has the next orders, but in no more heartbeats than that. */
const HURRIED_MS = 25;
/** Between tries when the namenode refuses this datanode for good: someone has to act, and then it comes back by itself. */
const REFUSED_RETRY_MS = 5_000;

/** What the loop needs of the datanode. */
export interface SessionHost {
  readonly nodeId: string;
  registration(space: DiskSpace): RegisterRequestInput;
  /** The namenode has answered a registration. Errors: WRONG_CLUSTER. */
  registered(reply: RegisterReply): Promise<void>;
  /** False when the namenode is older than one already obeyed: its commands are not for us. */
  observe(epoch: number, txid: number): boolean;
  space(): Promise<DiskSpace>;
  stats(): { readonly usedBytes: number; readonly blockCount: number; readonly activeStreams: number };
  probe(): Promise<void>;
  doneCommands(session: number): number[];
  acceptCommands(commands: readonly Command[], session: number): void;
}

/** Registers, then sends heartbeats and reports, until the session ends; then registers again. */
export class SessionLoop {
  readonly #seams: Pick<Seams, 'clock' | 'random' | 'log'>;
  readonly #host: SessionHost;
  readonly #namenode: NamenodeClient;
  readonly #reporter: Reporter;
  readonly #vitals: VitalSigns;
  session = 0;
  #isUnheard = false;
  #isHurried = false;
  #hurry = () => undefined as void;

  constructor(
    seams: Pick<Seams, 'clock' | 'random' | 'log'>,
    host: SessionHost,
    namenode: NamenodeClient,
    reporter: Reporter,
  ) {
    this.#seams = seams;
    this.#host = host;
    this.#namenode = namenode;
    this.#reporter = reporter;
    this.#vitals = new VitalSigns(seams.clock, () => host.probe());
  }

  /** The next heartbeat has something to say that the namenode waits for. */
  hurry(): void {
    this.#isHurried = true;
    this.#hurry();
  }

  /**
   * `onRegistered` is called after the first registration, `onRefused` when it is refused for good (WRONG_CLUSTER,
   * WRONG_LAYOUT, METADATA_DAMAGED ...); later refusals are logged and tried again. Resolves when `signal` aborts.
   */
  async run(
    signal: AbortSignal,
    onRegistered: () => void,
    onRefused: (error: QuarryError) => void,
  ): Promise<void> {
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      const reply = await this.#register(signal, isFirst ? onRefused : undefined);
      if (reply === undefined) return;
      this.session = reply.session;
      if (isFirst) onRegistered();
      await this.#serve(reply, signal);
    }
  }

  async #register(
    signal: AbortSignal,
    onRefused: ((error: QuarryError) => void) | undefined,
  ): Promise<RegisterReply | undefined> {
    let delayMs = RETRY_MIN_MS;
    while (!signal.aborted) {
      try {
        const space = await this.#host.space();
        const reply = await this.#namenode.register(this.#host.registration(space));
        await this.#host.registered(reply);
        this.#seams.log.info({ session: reply.session, epoch: reply.epoch }, 'datanode.registered');
        return reply;
      } catch (thrown) {
        if (signal.aborted) return undefined;
        const error = QuarryError.from(thrown);
        const isRefusal = error.reaction === 'give-up';
        if (isRefusal && onRefused !== undefined) {
          onRefused(error);
          return undefined;
        }
        this.#seams.log[isRefusal ? 'error' : 'warn'](
          { code: error.code, reason: error.message },
          'datanode.not-registered',
        );
        // Jitter, so that nodes that lost the namenode together do not all come back in one instant.
        const waitMs = isRefusal ? REFUSED_RETRY_MS : delayMs;
        await this.#seams.clock.sleep(waitMs / 2 + this.#seams.random.int(Math.ceil(waitMs / 2) + 1), signal);
        delayMs = Math.min(RETRY_MAX_MS, delayMs * 2);
      }
    }
    return undefined;
  }

  /** Until the namenode no longer knows the session. */
  async #serve(reply: RegisterReply, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const end = () => ended.abort();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    const loops = [
      this.#reporter.run(reply.session, ended.signal),
      this.#heartbeats(reply.session, reply.heartbeatIntervalMs, ended.signal),
    ].map((loop) => loop.finally(end));
    const outcomes = await Promise.allSettled(loops);
    signal.removeEventListener('abort', end);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected' && !hasCode(outcome.reason, 'NOT_REGISTERED')) throw outcome.reason;
    }
  }

  async #heartbeats(session: number, intervalMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startMs = this.#seams.clock.monoMs();
      this.#isHurried = false;
      await this.#heartbeat(session);
      const restOf = (ms: number) => Math.max(0, ms - (this.#seams.clock.monoMs() - startMs));
      await this.#seams.clock.sleep(Math.min(restOf(intervalMs), restOf(HURRIED_MS)), signal);
      await this.#restUnlessHurried(restOf(intervalMs), signal);
    }
  }

  async #restUnlessHurried(restMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isHurried || signal.aborted) return;
    const resting = new AbortController();
    this.#hurry = () => resting.abort();
    signal.addEventListener('abort', this.#hurry, { once: true });
    await this.#vitals.sleep(restMs, resting.signal);
    signal.removeEventListener('abort', this.#hurry);
    this.#hurry = () => undefined;
  }

  async #heartbeat(session: number): Promise<void> {
    this.#vitals.probeDisk();
    try {
      const done = this.#host.doneCommands(session);
      const reply = await this.#namenode.heartbeat({
        nodeId: this.#host.nodeId,
        session,
        ...(await this.#host.space()),
        ...this.#host.stats(),
        eventLoopLagMs: this.#vitals.eventLoopLagMs,
        diskProbeMs: this.#vitals.diskProbeMs,
        doneCommands: done,
      });
      this.#isUnheard = false;
      this.#obey(reply, session);
    } catch (thrown) {
      if (hasCode(thrown, 'NOT_REGISTERED')) throw thrown;
      const { code, message } = QuarryError.from(thrown);
      if (code === 'INTERRUPTED') return;
      // One line for an outage, not one a second.
      this.#seams.log[this.#isUnheard ? 'debug' : 'warn']({ code, reason: message }, 'heartbeat.failed');
      this.#isUnheard = true;
    }
  }

  #obey(reply: HeartbeatReply, session: number): void {
    if (!this.#host.observe(reply.epoch, reply.txid)) {
      this.#seams.log.error({ epoch: reply.epoch }, 'namenode.outdated');
      return;
    }
    if (reply.fullReportWanted) this.#reporter.requestFullReport();
    this.#host.acceptCommands(reply.commands, session);
  }
}
