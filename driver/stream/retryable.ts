import type { ErrorCode } from '../../common/error-codes.ts';
import { QuarryError } from '../../common/quarry-error.ts';

/** Failures of a batch that a later attempt may not have, although one job or one call gives up over them. */
const WORTH_ANOTHER_BATCH: readonly ErrorCode[] = [
  'BLOCK_UNAVAILABLE',
  'PIPELINE_FAILED',
  'LEASE_HELD',
  'LEASE_LOST',
  'OUT_OF_MEMORY',
];

export function isRetryable(thrown: unknown): boolean {
  if (!(thrown instanceof QuarryError)) return false;
  return thrown.reaction !== 'give-up' || WORTH_ANOTHER_BATCH.includes(thrown.code);
}
