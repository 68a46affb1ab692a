import { assert } from '../common/assert.ts';
import { QuarryError } from '../common/quarry-error.ts';
import type { Clock, Timer } from '../common/seams/clock.ts';
import type { Proc } from '../common/seams/proc.ts';
import type { Command, CommandKind, ReplyOf, RequestOf } from './commands.ts';
import { REAP_STEP } from './files/remove.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Namenode } from './namenode.ts';
import type { Time } from './namespace/transaction.ts';
import { OpCounters } from './op-counters.ts';
import { childrenOf } from './queries.ts';
import type { State } from './state.ts';

/** Nodes are judged within a fraction of their timeouts. */
const TICK_MS = 250;

/**
 * The shell around the core: executes commands in order of arrival and lets each answer go when everything that it may rest on
 * is durable. Also an error's and a no-op's: it may be the effect of a batch that is still in flight.
 */
export class CommandShell {
  readonly counters = new OpCounters();
  readonly #core: Namenode;
  readonly #commit: GroupCommit;
  readonly #clock: Clock;
  readonly #proc: Proc;
  readonly #waiting = new Map<number, Set<() => void>>();
  #ticking: Timer | undefined;
  #reaping: Promise<void> | undefined;
  #closed = false;

  constructor(parts: { core: Namenode; commit: GroupCommit; clock: Clock; proc: Proc }) {
    this.#core = parts.core;
    this.#commit = parts.commit;
    this.#clock = parts.clock;
    this.#proc = parts.proc;
  }

  get state(): State {
    return this.#core.state;
  }

  start(): void {
    this.#scheduleTick();
    this.#reapDetached();
  }

  /** Executes a command; resolves or rejects when what it saw and did is durable. */
  async execute<K extends CommandKind>(kind: K, request: RequestOf<K>): Promise<ReplyOf<K>> {
    const startedMs = this.#clock.monoMs();
    const command: Command<K> = { kind, request };
    const outcome = this.#core.apply(command, this.#time());
    for (const inodeId of outcome.wake) this.#wake(inodeId);
    await this.#commit.durable();
    if (outcome.edits > 0) this.#reapDetached();
    this.counters.count(kind, this.#clock.monoMs() - startedMs, outcome.error?.code);
    if (outcome.error !== undefined) throw outcome.error;
    assert(outcome.reply !== undefined, 'a command without an error has a reply');
    return outcome.reply;
  }

  /** Tries until the file's blocks are durable enough, or the wait is over: then the answer says complete = false. */
  async complete(request: RequestOf<'complete'>, signal: AbortSignal): Promise<ReplyOf<'complete'>> {
    const deadlineMs = this.#clock.monoMs() + this.state.config['namenode.completeWaitMs'];
    for (;;) {
      // Listening starts first, so that no report between the answer and the wait is missed.
      const changed = this.#whenWoken(request.inodeId);
      try {
        const reply = await this.execute('complete', request);
        const leftMs = deadlineMs - this.#clock.monoMs();
        if (reply.complete || leftMs <= 0 || this.#closed || signal.aborted) return reply;
        await this.#firstOf(changed.promise, leftMs, signal);
      } finally {
        changed.forget();
      }
    }
  }

  /** A read, counted like a command. */
  async query<Reply>(
    kind: string,
    run: (state: State, monoMs: number) => Reply | Promise<Reply>,
  ): Promise<Reply> {
    const startedMs = this.#clock.monoMs();
    let code: string | undefined;
    try {
      return await run(this.state, startedMs);
    } catch (thrown) {
      code = (thrown as { code?: string }).code ?? 'INTERNAL';
      throw thrown;
    } finally {
      this.counters.count(kind, this.#clock.monoMs() - startedMs, code);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#ticking?.cancel();
    for (const inodeId of this.#waiting.keys()) this.#wake(inodeId);
    await this.#reaping;
  }

  #time(): Time {
    return { nowMs: this.#clock.nowMs(), monoMs: this.#clock.monoMs() };
  }

  #scheduleTick(): void {
    this.#ticking = this.#clock.setTimer(TICK_MS, () => {
      if (this.#closed) return;
      this.execute('tick', {})
        .catch((thrown: unknown) => this.#survive('namenode.tick-failed', thrown))
        .then(
          () => {
            if (!this.#closed) this.#scheduleTick();
          },
          // Time must go on being watched: a namenode that does not heal is worse than one that starts again.
          (thrown: unknown) => this.#proc.abort('namenode.tick-failed', thrown),
        );
    });
  }

  /** A record that cannot be read is reported and left alone, the rest of the cluster is served. A bug is thrown on. */
  #survive(event: string, thrown: unknown): void {
    if (!(thrown instanceof QuarryError)) throw thrown;
    this.state.log.error({ err: thrown }, event);
  }

  #reapDetached(): void {
    if (this.#reaping !== undefined || this.state.detached.size === 0 || this.#closed) return;
    this.#reaping = this.#reap()
      .catch((thrown: unknown) => this.#survive('namenode.reap-failed', thrown))
      .then(
        () => {
          this.#reaping = undefined;
        },
        (thrown: unknown) => this.#proc.abort('namenode.reap-failed', thrown),
      );
  }

  /** Deletes the content of detached inodes, a step and a batch at a time, so that others get their turn. */
  async #reap(): Promise<void> {
    // A step that is refused (safe mode) is tried again with a later deletion or the next start.
    while (!this.#closed && !this.state.safeMode.on) {
      const [inodeId] = this.state.detached;
      if (inodeId === undefined) return;
      await this.#commit.durable();
      const snapshot = this.state.view.snapshot();
      const children = await childrenOf(snapshot, inodeId, '', REAP_STEP);
      await snapshot.release();
      if (this.state.safeMode.on) return;
      await this.execute('reap', { inodeId, names: children.map((child) => child.name) });
    }
  }

  #wake(inodeId: number): void {
    const waiting = this.#waiting.get(inodeId);
    this.#waiting.delete(inodeId);
    for (const wake of waiting ?? []) wake();
  }

  #whenWoken(inodeId: number): { promise: Promise<void>; forget: () => void } {
    let wake: () => void = () => undefined;
    const promise = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const waiting = this.#waiting.get(inodeId) ?? new Set();
    this.#waiting.set(inodeId, waiting.add(wake));
    const forget = () => {
      const current = this.#waiting.get(inodeId);
      current?.delete(wake);
      if (current?.size === 0) this.#waiting.delete(inodeId);
    };
    return { promise, forget };
  }

  async #firstOf(woken: Promise<void>, limitMs: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const stop = () => over.abort();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await Promise.race([woken, this.#clock.sleep(limitMs, over.signal)]);
    } finally {
      signal.removeEventListener('abort', stop);
      over.abort();
    }
  }
}
