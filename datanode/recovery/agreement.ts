import type { ReplicaState } from '../store/block-store.ts';

/** A replica of the block as its node answered at the start of a recovery. */
export interface RecoveryCandidate {
  readonly nodeId: string;
  readonly generationStamp: number;
  /** Before the recovery. */
  readonly state: ReplicaState;
  readonly lengthBytes: number;
  readonly durableLengthBytes: number;
}

export type Agreement =
  | { readonly kind: 'agreed'; readonly lengthBytes: number; readonly nodeIds: readonly string[] }
  /** Nothing that could be recovered: the file stays open and the recovery is tried again. */
  | { readonly kind: 'none' }
  /** Finalized replicas of unequal length: never seen without a bug or a forged disk. */
  | { readonly kind: 'unequal'; readonly lengthsBytes: readonly number[] }
  /** Every replica is shorter than what was promised to be durable. */
  | { readonly kind: 'too-short'; readonly lengthBytes: number; readonly promisedBytes: number };

/**
 * The length that all replicas of an open block are cut to. A finalized replica's length is the block's. Among replicas
 * that were being written everything acknowledged is in all of them, so the shortest counts, but never less than
 * what any of them, or the namenode (`promisedBytes`), knows to be durable. Among replicas whose node restarted the longest
 * counts: a power cut may have taken the acknowledged end of the others.
 */
export function agree(
  block: { readonly generationStamp: number; readonly promisedBytes: number },
  answers: readonly RecoveryCandidate[],
): Agreement {
  const candidates = answers.filter(
    ({ state, generationStamp }) => state !== 'TEMPORARY' && generationStamp >= block.generationStamp,
  );
  const lengthsOf = (state: ReplicaState) =>
    candidates.filter((candidate) => candidate.state === state).map(({ lengthBytes }) => lengthBytes);
  const finalized = [...new Set(lengthsOf('FINALIZED'))];
  if (finalized.length > 1) return { kind: 'unequal', lengthsBytes: finalized };
  if (candidates.length === 0) return { kind: 'none' };
  const written = candidates.filter(({ state }) => state === 'RBW');
  const lengthBytes =
    finalized[0] ?? (written.length > 0 ? lengthOfWritten(written) : longest(lengthsOf('RWR')));
  if (lengthBytes >= block.promisedBytes) return agreed(candidates, lengthBytes);
  const most = longest(candidates.map((candidate) => candidate.lengthBytes));
  if (finalized.length > 0 || most < block.promisedBytes) {
    return { kind: 'too-short', lengthBytes: most, promisedBytes: block.promisedBytes };
  }
  return agreed(candidates, block.promisedBytes);
}

function lengthOfWritten(written: readonly RecoveryCandidate[]): number {
  const shortest = Math.min(...written.map(({ lengthBytes }) => lengthBytes));
  return Math.max(shortest, longest(written.map(({ durableLengthBytes }) => durableLengthBytes)));
}

function agreed(candidates: readonly RecoveryCandidate[], lengthBytes: number): Agreement {
  const nodeIds = candidates
    .filter((candidate) => candidate.lengthBytes >= lengthBytes)
    .map(({ nodeId }) => nodeId);
  return { kind: 'agreed', lengthBytes, nodeIds };
}

function longest(lengthsBytes: readonly number[]): number {
  return Math.max(0, ...lengthsBytes);
}
