import type { ErrorCode } from '../error-codes.ts';
import { hasCode, QuarryError } from '../quarry-error.ts';
import type { TransferTarget } from './operation.ts';
import { STATUS, statusName } from './protocol.ts';

/** The failure of one hop of a pipeline, as the writer of a block sees it. */
export function pipelineError(
  targets: readonly TransferTarget[],
  failedIndex: number,
  cause: QuarryError,
  status?: number,
): QuarryError {
  const target = targets[failedIndex];
  const code = codeOf(cause, status);
  const where = target === undefined ? 'a datanode' : `${target.id} (${target.address})`;
  return new QuarryError(code, `${where} failed in the pipeline: ${cause.message}`, {
    cause,
    details: {
      ...(target === undefined ? {} : { failedNode: target.id, failedIndex }),
      ...(status === undefined ? {} : { status: statusName(status) }),
    },
  });
}

function codeOf(cause: QuarryError, status: number | undefined): ErrorCode {
  if (status === STATUS.ERROR_CHECKSUM) return 'BLOCK_CORRUPT';
  return hasCode(cause, 'DEADLINE', 'NO_SPACE') ? cause.code : 'PIPELINE_FAILED';
}
