import type { ErrorCode } from '../../common/error-codes.ts';
import { QuarryError } from '../../common/quarry-error.ts';

export interface NodeFailure {
  /** Undefined when a chain failed and nobody knows which of its nodes. */
  readonly nodeId: string | undefined;
  readonly error: QuarryError;
}

/**
 * Who a failed writer says is to blame. A writer with one target leaves no doubt. In a chain, the node that reports a
 * wrong checksum may be the good one: the hop before it, or the way there, spoiled the bytes (HDFS-1595, HDFS-3875).
 */
export function nodeFailure(thrown: unknown, targetIds: readonly string[]): NodeFailure {
  const error = QuarryError.from(thrown);
  if (isOwnFault(error)) return { nodeId: undefined, error };
  if (targetIds.length === 1) return { nodeId: targetIds[0], error };
  if (error.code === 'BLOCK_CORRUPT') return { nodeId: undefined, error };
  const named = error.details['failedNode'];
  if (typeof named === 'string' && targetIds.includes(named)) return { nodeId: named, error };
  const index = error.details['failedIndex'];
  return { nodeId: typeof index === 'number' ? targetIds[index] : undefined, error };
}

/** True when no datanode is to blame: the caller changed a buffer that it had handed over, or asked for nonsense. */
export function isOwnFault(error: QuarryError): boolean {
  return (
    error.code === 'INVALID_ARGUMENT' ||
    (error.code === 'BLOCK_CORRUPT' && error.details['failedNode'] === undefined)
  );
}

export function describeFailures(failures: readonly NodeFailure[]): string {
  return failures.map(({ nodeId, error }) => `${nodeId ?? 'pipeline'}: ${error.message}`).join('; ');
}

/** The failure of a write that no datanode took. NO_SPACE only when that was every node's reason. */
export function noDatanodeTook(path: string, failures: readonly NodeFailure[]): QuarryError {
  const full = failures.length > 0 && failures.every(({ error }) => error.code === 'NO_SPACE');
  const code: ErrorCode = full ? 'NO_SPACE' : 'PIPELINE_FAILED';
  const advice = full ? 'free or add space' : 'see quarry cluster status';
  return new QuarryError(code, `cannot write a block of ${path}: ${describeFailures(failures)} (${advice})`, {
    details: { path },
    cause: failures.at(-1)?.error,
  });
}
