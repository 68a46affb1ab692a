import type { WriteKey } from '../../sinks/table-store.ts';

/** What a scheduler calls the run that a session belongs to. */
export interface RunIdentity {
  readonly dag: string;
  readonly task: string;
  readonly runId: string;
  /** Which try of the run it is, by any name that no other try has; '' when nobody says. */
  readonly attempt: string;
}

/** Headers that a client sends with every call when SPARK_REMOTE says `;x-quarry-run-id=...`. */
const HEADERS = {
  dag: 'x-quarry-dag',
  task: 'x-quarry-task',
  runId: 'x-quarry-run-id',
  attempt: 'x-quarry-attempt',
} as const;

/** The run that headers name; undefined without a run id. Values may be percent-encoded: headers are ASCII. */
export function runIdentity(header: (name: string) => string | undefined): RunIdentity | undefined {
  const runId = header(HEADERS.runId);
  if (runId === undefined || runId === '') return undefined;
  return {
    dag: decoded(header(HEADERS.dag) ?? ''),
    task: decoded(header(HEADERS.task) ?? ''),
    runId: decoded(runId),
    attempt: decoded(header(HEADERS.attempt) ?? ''),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (thrown) {
    if (thrown instanceof URIError) return text;
    throw thrown;
  }
}

/** A write to a table, as far as its key needs it. */
export interface KeyedWrite {
  /** The table, wherever it is: writes are numbered for each. */
  readonly target: string;
  /** The application's own name of the write; '' for none. */
  readonly name: string;
  /** Equal for writes of the same rows. Asked for after a failure only. */
  readonly fingerprint: () => string;
}

export interface WriteTicket {
  readonly key: WriteKey | undefined;
  /** The write has failed: its number is for the same write tried again by the application, and for no other. */
  failed(): void;
}

const NO_KEY: WriteTicket = { key: undefined, failed: () => undefined };

/**
 * Numbers the writes of one try of an application, those to each table from 0: the same program gives each write the same number
 * again, also when writes to different tables change their order (threads, a branch not taken). A number that a failed
 * write had goes to the same write tried again, whose earlier commit may have gone unanswered, and to nobody else.
 */
export class WriteOrdinals {
  readonly #next = new Map<string, number>();
  readonly #failed = new Map<string, Map<string, number>>();

  take({ target, fingerprint }: KeyedWrite): number {
    const failed = this.#failed.get(target);
    if (failed !== undefined && failed.size > 0) {
      const same = fingerprint();
      const ordinal = failed.get(same);
      if (ordinal !== undefined) {
        failed.delete(same);
        return ordinal;
      }
    }
    const ordinal = this.#next.get(target) ?? 0;
    this.#next.set(target, ordinal + 1);
    return ordinal;
  }

  putBack({ target, fingerprint }: KeyedWrite, ordinal: number): void {
    const failed = this.#failed.get(target) ?? new Map<string, number>();
    this.#failed.set(target, failed.set(fingerprint(), ordinal));
  }
}

/** Tries whose writes are still counted; a try has one session, or some. */
const ATTEMPTS_MAX = 10_000;

/** Sessions of one try count on together: a program may open several, and a task run several programs. */
export class AttemptTable {
  readonly #attempts = new Map<string, WriteOrdinals>();

  of({ dag, task, runId, attempt }: RunIdentity): WriteOrdinals {
    if (attempt === '') return new WriteOrdinals();
    const id = JSON.stringify([dag, task, runId, attempt]);
    const ordinals = this.#attempts.get(id) ?? new WriteOrdinals();
    this.#attempts.delete(id);
    this.#attempts.set(id, ordinals);
    if (this.#attempts.size > ATTEMPTS_MAX) this.#attempts.delete(this.#attempts.keys().next().value!);
    return ordinals;
  }
}

/** Which writes of an application are the same when it is run again. Clones of a session count on. */
export class SessionRun {
  #identity: RunIdentity | undefined;
  #ordinals: WriteOrdinals | undefined;

  /** The first headers that name a run decide. */
  identify(identity: RunIdentity | undefined, attempts = new AttemptTable()): void {
    if (identity === undefined || this.#identity !== undefined) return;
    this.#identity = identity;
    this.#ordinals = attempts.of(identity);
  }

  /** The next write. It has no key outside of a run, nor one that nobody named in a batch of a stream, which has no number in its program. */
  begin(write: KeyedWrite, isOfStream = false): WriteTicket {
    if (this.#identity === undefined || this.#ordinals === undefined) return NO_KEY;
    const { dag, task, runId } = this.#identity;
    const run = { kind: 'run', dag, task, runId } as const;
    const { name } = write;
    if (name !== '') return { ...NO_KEY, key: { ...run, ordinal: 0, name } };
    if (isOfStream) return NO_KEY;
    const ordinals = this.#ordinals;
    const ordinal = ordinals.take(write);
    return { key: { ...run, ordinal }, failed: () => ordinals.putBack(write, ordinal) };
  }
}
