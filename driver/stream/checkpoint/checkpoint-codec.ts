import { QuarryError } from '../../../common/quarry-error.ts';
import type { ScanFile } from '../../plan/logical-plan.ts';

/** Written before a batch runs: what it reads and what it goes by. */
export interface OffsetEntry {
  readonly batchId: number;
  readonly timestampMs: number;
  /** By source id. */
  readonly starts: readonly unknown[];
  readonly ends: readonly unknown[];
  /** Microseconds; what the batch clears and emits by, and what the state before it was cleared by. */
  readonly watermarkUs: number | null;
  readonly clearedUs: number | null;
}

/** A file of an operator's state. */
export interface StateEntry {
  readonly batchId: number;
  readonly snapshot: boolean;
  readonly path: string;
  readonly inodeId: number;
  readonly generation: number;
  readonly lengthBytes: number;
  readonly rowCount: number;
}

/** Written when the sink has the batch: what the next one begins with. */
export interface CommitEntry {
  readonly batchId: number;
  readonly epoch: number;
  readonly watermarkUs: number | null;
  readonly clearedUs: number | null;
  /** Highest event time by watermark and range, in microseconds. */
  readonly highestUs: readonly Readonly<Record<string, number>>[];
  readonly lateRowsTotal: number;
  /** Files that make the state, by operator and partition, the oldest first. */
  readonly state: readonly (readonly (readonly StateEntry[])[])[];
  /** Keys in the state, by operator. */
  readonly stateRows: readonly number[];
}

/** Of the whole query: written once. */
export interface QueryMetadata {
  readonly id: string;
  readonly statePartitions: number;
  readonly fingerprint: readonly string[];
}

const VERSION = 'quarry-stream-1';

/** A line with the version, then JSON: a reader of another version says so instead of misreading. */
export function encodeEntry(entry: OffsetEntry | CommitEntry | QueryMetadata): string {
  return `${VERSION}\n${JSON.stringify(entry)}\n`;
}

/** Errors: CHECKPOINT_MISMATCH for another version, METADATA_DAMAGED for what is no entry. */
export function decodeEntry<Entry extends OffsetEntry | CommitEntry | QueryMetadata>(
  text: string,
  path: string,
): Entry {
  const end = text.indexOf('\n');
  if (text.slice(0, Math.max(0, end)) !== VERSION) {
    throw new QuarryError(
      'CHECKPOINT_MISMATCH',
      `${path} was not written by this version (${VERSION}): start from a new checkpoint location`,
    );
  }
  try {
    return JSON.parse(text.slice(end + 1)) as Entry;
  } catch (cause) {
    throw new QuarryError('METADATA_DAMAGED', `${path} is damaged: start from a new checkpoint location`, {
      cause,
    });
  }
}

/** Errors: CHECKPOINT_MISMATCH with what is different. */
export function checkMetadata(kept: QueryMetadata, now: Omit<QueryMetadata, 'id'>, location: string): void {
  const gone = kept.fingerprint.filter((line) => !now.fingerprint.includes(line));
  const added = now.fingerprint.filter((line) => !kept.fingerprint.includes(line));
  if (gone.length === 0 && added.length === 0) return;
  const told = [...gone.map((line) => `was: ${line}`), ...added.map((line) => `is: ${line}`)].join('; ');
  throw new QuarryError(
    'CHECKPOINT_MISMATCH',
    `the checkpoint ${location} was written by another query (${told}): go back to that query, or start with a new checkpointLocation`,
  );
}

export function toScanFile({ path, inodeId, generation, lengthBytes }: StateEntry): ScanFile {
  return { path, inodeId, generation, lengthBytes, partitionValues: [] };
}
