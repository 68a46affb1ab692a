import type { WriteKey } from '../../sinks/table-store.ts';

/** What a scheduler calls the run that a session belongs to. */
export interface RunIdentity {
  readonly dag: string;
  readonly task: string;
  readonly runId: string;
}

/** Headers that a client sends with every call when SPARK_REMOTE says `;x-quarry-run-id=...`. */
const HEADERS = { dag: 'x-quarry-dag', task: 'x-quarry-task', runId: 'x-quarry-run-id' } as const;

/** The run that headers name; undefined without a run id. Values may be percent-encoded: headers are ASCII. */
export function runIdentity(header: (name: string) => string | undefined): RunIdentity | undefined {
  const runId = header(HEADERS.runId);
  if (runId === undefined || runId === '') return undefined;
  return {
    dag: decoded(header(HEADERS.dag) ?? ''),
    task: decoded(header(HEADERS.task) ?? ''),
    runId: decoded(runId),
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

/**
 * Which writes of an application are the same when it is run again: the first one to a table, the second, and so on. Each counts,
 * also one that fails: a rerun of the same program gives every write its own number again. Clones of a session count on.
 */
export class SessionRun {
  #identity: RunIdentity | undefined;
  #writes = 0;

  /** The first headers that name a run decide. */
  identify(identity: RunIdentity | undefined): void {
    this.#identity ??= identity;
  }

  /** The next write's key; undefined outside of a run. */
  nextKey(): WriteKey | undefined {
    const ordinal = this.#writes++;
    return this.#identity === undefined ? undefined : { kind: 'run', ...this.#identity, ordinal };
  }
}
