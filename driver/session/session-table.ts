import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock, Timer } from '../../common/seams/clock.ts';
import type { FileSource, ResolvedFiles } from '../plan/analyzer-context.ts';
import { Session } from './session.ts';
import { ViewCatalog } from './view-catalog.ts';

/** As Spark's spark.connect.session.manager.defaultSessionTimeout. */
const IDLE_MS_MAX = 60 * 60 * 1000;
const SWEEP_INTERVAL_MS = 60 * 1000;
/** How many ended sessions are remembered, to say `closed` and not `new` to a late caller. */
const CLOSED_MAX = 1000;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export interface SessionTableOptions {
  readonly clock: Clock;
  readonly resolveFiles: (source: FileSource) => Promise<ResolvedFiles>;
  readonly idleMsMax?: number;
  /** True while the session must not end of itself although nobody calls it: a streaming query of its runs. */
  readonly isBusy?: (session: Session) => boolean;
  /** Called once for every session that has ended. */
  readonly onClosed?: (session: Session) => void;
}

/** Which session a call means: the user, the client's id, and the server's id when the client has seen one. */
export interface SessionKey {
  readonly userId: string;
  readonly sessionId: string;
  readonly observedServerSideSessionId: string | undefined;
}

/** The driver's sessions by (user, session id). A session that was not asked for anything for an hour ends. */
export class SessionTable {
  readonly #sessions = new Map<string, { readonly session: Session; usedMs: number }>();
  readonly #closed = new Set<string>();
  readonly #globalViews = new ViewCatalog();
  readonly #options: SessionTableOptions;
  #timer: Timer;

  constructor(options: SessionTableOptions) {
    this.#options = options;
    this.#timer = this.#scheduleSweep();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The session of a key, made when it is new. Errors: SESSION_NOT_FOUND with details.errorClass INVALID_HANDLE.*. */
  open(key: SessionKey): Session {
    const id = tableKey(key);
    let entry = this.#sessions.get(id);
    if (entry === undefined) {
      if (!UUID.test(key.sessionId)) {
        throw invalidHandle(
          'FORMAT',
          key.sessionId,
          "Handle must be an UUID string of the format '00112233-4455-6677-8899-aabbccddeeff'.",
        );
      }
      if (this.#closed.has(id)) throw invalidHandle('SESSION_CLOSED', key.sessionId, 'Session was closed.');
      if (key.observedServerSideSessionId !== undefined) throw sessionChanged(key.sessionId);
      entry = this.#add(
        new Session({
          userId: key.userId,
          sessionId: key.sessionId,
          globalViews: this.#globalViews,
          resolveFiles: this.#options.resolveFiles,
        }),
      );
    }
    const { session } = entry;
    if ((key.observedServerSideSessionId ?? session.serverSideSessionId) !== session.serverSideSessionId) {
      throw sessionChanged(key.sessionId);
    }
    entry.usedMs = this.#options.clock.monoMs();
    return session;
  }

  /** An existing session. Errors: SESSION_NOT_FOUND. */
  get(key: SessionKey): Session {
    if (!this.#sessions.has(tableKey(key)) && !this.#closed.has(tableKey(key))) {
      throw key.observedServerSideSessionId === undefined
        ? invalidHandle('SESSION_NOT_FOUND', key.sessionId, 'Session not found.')
        : sessionChanged(key.sessionId);
    }
    return this.open(key);
  }

  /** Errors: SESSION_NOT_FOUND for the source, INVALID_ARGUMENT when the new id is taken. */
  clone(key: SessionKey, newSessionId: string): Session {
    const source = this.get(key);
    const id = tableKey({ ...key, sessionId: newSessionId });
    if (!UUID.test(newSessionId) || this.#sessions.has(id)) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `a session cannot be cloned to ${newSessionId}: it takes a new UUID`,
      );
    }
    return this.#add(source.clone(newSessionId)).session;
  }

  /** Ends a session; a later call with its id fails unless `allowReconnect`. Nothing happens when there is none. */
  release(key: SessionKey, allowReconnect: boolean): Session | undefined {
    const id = tableKey(key);
    const entry = this.#sessions.get(id);
    if (entry !== undefined) this.#close(entry.session);
    this.#sessions.delete(id);
    if (!allowReconnect) this.#remember(id);
    return entry?.session;
  }

  close(): void {
    this.#timer.cancel();
    for (const { session } of this.#sessions.values()) this.#close(session);
    this.#sessions.clear();
  }

  #add(session: Session): { session: Session; usedMs: number } {
    const entry = { session, usedMs: this.#options.clock.monoMs() };
    this.#sessions.set(tableKey(session), entry);
    return entry;
  }

  #isBusy(session: Session): boolean {
    const runs = [...session.operations.values()].some((operation) => operation.isRunning);
    return runs || (this.#options.isBusy?.(session) ?? false);
  }

  #close(session: Session): void {
    session.close();
    this.#options.onClosed?.(session);
  }

  #remember(id: string): void {
    this.#closed.add(id);
    const oldest = this.#closed.values().next().value;
    if (this.#closed.size > CLOSED_MAX && oldest !== undefined) this.#closed.delete(oldest);
  }

  #scheduleSweep(): Timer {
    return this.#options.clock.setTimer(SWEEP_INTERVAL_MS, () => {
      this.#sweep();
      this.#timer = this.#scheduleSweep();
    });
  }

  #sweep(): void {
    const oldestMs = this.#options.clock.monoMs() - (this.#options.idleMsMax ?? IDLE_MS_MAX);
    for (const [id, { session, usedMs }] of this.#sessions) {
      if (usedMs > oldestMs || this.#isBusy(session)) continue;
      this.#close(session);
      this.#sessions.delete(id);
      this.#remember(id);
    }
  }
}

function tableKey(key: { readonly userId: string; readonly sessionId: string }): string {
  return JSON.stringify([key.userId, key.sessionId]);
}

export type InvalidHandle =
  | 'FORMAT'
  | 'SESSION_NOT_FOUND'
  | 'SESSION_CLOSED'
  | 'SESSION_CHANGED'
  | 'OPERATION_NOT_FOUND'
  | 'OPERATION_ABANDONED'
  | 'OPERATION_ALREADY_EXISTS';

/** Clients react to the class in the text: a missing operation is started again, a changed session is given up. */
export function invalidHandle(reason: InvalidHandle, handle: string, text: string): QuarryError {
  const errorClass = `INVALID_HANDLE.${reason}`;
  return new QuarryError(
    reason.startsWith('OPERATION') ? 'OPERATION_NOT_FOUND' : 'SESSION_NOT_FOUND',
    `[${errorClass}] The handle ${handle} is invalid. ${text} SQLSTATE: HY000`,
    { details: { errorClass, sqlState: 'HY000', handle } },
  );
}

function sessionChanged(handle: string): QuarryError {
  return invalidHandle(
    'SESSION_CHANGED',
    handle,
    'The existing Spark server driver instance has restarted. Please reconnect.',
  );
}
