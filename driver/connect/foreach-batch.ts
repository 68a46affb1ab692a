import { randomUUID } from 'node:crypto';
import { QuarryError } from '../../common/quarry-error.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import type { Session } from '../session/session.ts';

/** Runs `use` while the batch's rows can be read under the id of a CachedRemoteRelation. */
export async function withRemoteRelation(
  session: Session,
  batch: LogicalPlan,
  use: (relationId: string) => Promise<void>,
): Promise<void> {
  const relationId = randomUUID();
  session.remoteRelations.set(relationId, batch);
  try {
    await use(relationId);
  } finally {
    session.remoteRelations.delete(relationId);
  }
}

export type ForeachKind = 'foreachBatch' | 'foreach';

/** What a user's function threw, whatever language it is in. */
export function foreachFailure(reason: string, kind: ForeachKind = 'foreachBatch'): QuarryError {
  const isBatch = kind === 'foreachBatch';
  const errorClass = isBatch ? 'FOREACH_BATCH_USER_FUNCTION_ERROR' : 'FOREACH_USER_FUNCTION_ERROR';
  const sink = isBatch ? 'foreach batch sink' : 'foreach sink';
  return new QuarryError(
    'USER_CODE',
    `[${errorClass}] An error occurred in the user provided function in ${sink}. Reason: ${reason} SQLSTATE: 39000`,
    { details: { errorClass, sqlState: '39000' } },
  );
}
