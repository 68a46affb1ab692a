import { QuarryError } from '../quarry-error.ts';
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
  const code =
    status === STATUS.ERROR_CHECKSUM
      ? 'BLOCK_CORRUPT'
      : cause.code === 'DEADLINE'
        ? 'DEADLINE'
        : 'PIPELINE_FAILED';
  const where = target === undefined ? 'a datanode' : `${target.id} (${target.address})`;
  return new QuarryError(code, `${where} failed in the pipeline: ${cause.message}`, {
    cause,
    details: {
      ...(target === undefined ? {} : { failedNode: target.id, failedIndex }),
      ...(status === undefined ? {} : { status: statusName(status) }),
    },
  });
}
