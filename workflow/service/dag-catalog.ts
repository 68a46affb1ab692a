import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { QuarryError, type WireError } from '../../common/quarry-error.ts';
import type { DagModel } from '../core/dag-model.ts';
import { describeDagFile } from '../load/describe-dag-file.ts';

interface Entry {
  /** Size and time of the file that was loaded. */
  readonly stamp: string;
  readonly dags: readonly DagModel[];
  readonly error: WireError | undefined;
  readonly loadedMs: number;
}

/** What broke it may lie outside of the file: an import that is there by now, a machine that was too busy. */
const BROKEN_RETRY_MS = 10_000;

const DAG_FILE = /\.(ts|mts|js|mjs)$/;

/** The DAGs of the configured files and directories. A broken file keeps what it last had, and stops no other. */
export class DagCatalog {
  readonly #paths: readonly string[];
  readonly #pools: ReadonlySet<string>;
  #entries = new Map<string, Entry>();

  constructor(paths: readonly string[], pools: ReadonlySet<string>) {
    this.#paths = paths.map((path) => resolve(path));
    this.#pools = pools;
  }

  /** Loads what is new or has changed; true when there was something. */
  async refresh(): Promise<boolean> {
    const next = new Map<string, Entry>();
    let hasChanged = false;
    for (const file of this.#files()) {
      const stamp = stampOf(file);
      const known = this.#entries.get(file);
      if (known?.stamp === stamp && !mayHaveHealed(known)) next.set(file, known);
      else {
        const loaded = await this.#load(file, stamp, known);
        next.set(file, loaded);
        hasChanged ||= known?.stamp !== stamp || known.error?.message !== loaded.error?.message;
      }
    }
    hasChanged ||= next.size !== this.#entries.size;
    this.#entries = next;
    return hasChanged;
  }

  /** By id. Of two files with a DAG of the same id the first one counts; the other one is broken. */
  models(): Map<string, DagModel> {
    const models = new Map<string, DagModel>();
    for (const { dags } of this.#entries.values())
      for (const dag of dags) if (!models.has(dag.dagId)) models.set(dag.dagId, dag);
    return models;
  }

  broken(): { file: string; error: WireError }[] {
    const owners = new Map<string, string>();
    return [...this.#entries].flatMap(([file, { dags, error }]) => {
      if (error !== undefined) return [{ file, error }];
      const taken = dags.find(({ dagId }) => owners.has(dagId));
      for (const { dagId } of dags) if (!owners.has(dagId)) owners.set(dagId, file);
      if (taken === undefined) return [];
      const message = `the DAG ${taken.dagId} is in ${owners.get(taken.dagId)} too`;
      return [{ file, error: new QuarryError('DAG_INVALID', message).toWire() }];
    });
  }

  #files(): string[] {
    return [...new Set(this.#paths.flatMap((path) => filesOf(path)))];
  }

  async #load(file: string, stamp: string, known: Entry | undefined): Promise<Entry> {
    try {
      const dags = await describeDagFile(file);
      for (const dag of dags) this.#checkPools(dag);
      return { stamp, dags, error: undefined, loadedMs: Date.now() };
    } catch (thrown) {
      return {
        stamp,
        dags: known?.dags ?? [],
        error: QuarryError.from(thrown).toWire(),
        loadedMs: Date.now(),
      };
    }
  }

  #checkPools(dag: DagModel): void {
    for (const { taskId, pool } of dag.tasks) {
      if (pool !== '' && !this.#pools.has(pool))
        throw new QuarryError(
          'DAG_INVALID',
          `DAG ${dag.dagId}: task ${taskId} is in the pool ${pool}, which workflow.pools does not name`,
        );
    }
  }
}

function mayHaveHealed({ error, loadedMs }: Entry): boolean {
  return error !== undefined && Date.now() - loadedMs >= BROKEN_RETRY_MS;
}

function filesOf(path: string): string[] {
  if (!existsSync(path) || !statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => DAG_FILE.test(name) && !name.endsWith('.d.ts'))
    .toSorted()
    .map((name) => join(path, name));
}

function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? 'missing' : `${stat.size} ${stat.mtimeMs}`;
}
