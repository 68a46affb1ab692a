import { createHash } from 'node:crypto';
import { QuarryError } from '../common/quarry-error.ts';
import type { TableWrite, WriteKey } from './table-store.ts';

/**
 * The table of markers, which both stores keep beside the tables that they write:
 *
 * | column | holds |
 * |---|---|
 * | id | SHA-256 of the key, in hex |
 * | write_key | the key as JSON, for people |
 * | target | the table |
 * | attempt | which try of the write was the one |
 * | epoch, batch_id | of a streaming query's last batch; 0 and the ordinal for a batch job |
 * | row_count | rows of that write |
 * | staging | MySQL only: a table that is still to take the target's name |
 * | committed_at | UTC |
 */
export const MARKER_TABLE = 'quarry_writes';

export interface WriteMarker {
  readonly attempt: string;
  readonly epoch: number;
  readonly batchId: number;
  readonly rowCount: number;
}

/** What identifies the marker of a key in a table. A query's batches share one, each write of a run has its own. */
export function markerId(key: WriteKey, table: string): string {
  const parts =
    key.kind === 'run'
      ? ['run', key.dag, key.task, key.runId, table.toLowerCase(), key.name ?? key.ordinal]
      : ['stream', key.queryId, table.toLowerCase()];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** Epoch and batch as the marker of a write of `key` has them. */
export function markerNumbers(key: WriteKey): { readonly epoch: number; readonly batchId: number } {
  return key.kind === 'run' ? { epoch: 0, batchId: key.ordinal } : key;
}

/** True when a write of `key` is committed. Errors: FENCED when the query has been started again since. */
export function isCommitted(key: WriteKey, marker: WriteMarker | undefined): boolean {
  if (marker === undefined) return false;
  if (key.kind === 'run') return true;
  if (key.epoch < marker.epoch) {
    throw new QuarryError(
      'FENCED',
      `the table has seen epoch ${marker.epoch} of query ${key.queryId}: this writer of epoch ${key.epoch} was replaced and must stop`,
      { details: { queryId: key.queryId, epoch: key.epoch, seen: marker.epoch } },
    );
  }
  return key.batchId <= marker.batchId;
}

/** Errors: INVALID_ARGUMENT. */
export function checkWrite({ table, columns, replaceKeys, batchRows }: TableWrite): void {
  const refuse = (text: string) => new QuarryError('INVALID_ARGUMENT', `writing ${table}: ${text}`);
  if (!/^[^.]+(\.[^.]+)?$/.test(table)) throw refuse('a table is named TABLE or SCHEMA.TABLE');
  if (columns.length === 0) throw refuse('there are no columns');
  if (!Number.isSafeInteger(batchRows) || batchRows < 1) throw refuse('batchsize is at least 1');
  const names = new Set<string>();
  for (const { name } of columns) {
    if (names.has(name.toLowerCase())) throw refuse(`two columns are called ${name}`);
    names.add(name.toLowerCase());
  }
  const missing = replaceKeys.find((key) => !names.has(key.toLowerCase()));
  if (missing !== undefined) {
    throw new QuarryError(
      'ANALYSIS',
      `quarry.replaceKeys names ${missing}, which is no column of what is written: ${columns.map(({ name }) => name).join(', ')}`,
    );
  }
}

/** Columns that are written must be in the table. Errors: ANALYSIS. */
export function checkColumns({ table, columns }: TableWrite, existing: readonly string[]): void {
  const names = new Set(existing.map((name) => name.toLowerCase()));
  const missing = columns.filter(({ name }) => !names.has(name.toLowerCase()));
  if (missing.length === 0) return;
  throw new QuarryError(
    'ANALYSIS',
    `table ${table} has no column ${missing.map(({ name }) => name).join(', ')}: it has ${existing.join(', ')}`,
  );
}

export function tableExists(table: string): QuarryError {
  return new QuarryError(
    'TABLE_EXISTS',
    `[TABLE_OR_VIEW_ALREADY_EXISTS] table ${table} exists: write with mode append or overwrite`,
    { details: { table } },
  );
}
