import type { ExecutePlanRequest } from '../../proto/gen/spark/connect/ExecutePlanRequest.ts';
import type { Plan } from '../../proto/gen/spark/connect/Plan.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { QueryContext } from '../schedule/query-runner.ts';
import type { Session } from '../session/session.ts';
import { executeCommand } from './execute-command.ts';
import { jobName } from './job-name.ts';
import { openResult, type ResultSources } from './open-result.ts';
import type { Operation, ResponseBody } from './operation.ts';
import { resultResponses } from './result-responses.ts';

/** The responses of a plan: a relation's schema and batches, or what a command answers. */
export async function* executePlan(
  request: ExecutePlanRequest,
  session: Session,
  operation: Operation,
  sources: ResultSources,
): AsyncGenerator<ResponseBody, void, undefined> {
  const plan = operationOf(request.plan);
  const context: QueryContext = {
    sessionId: session.sessionId,
    operationId: operation.operationId,
    jobName: session.settings.changed().get('spark.job.description') ?? jobName(plan),
    timeZone: session.timeZone,
    conf: session.settings.changed(),
    signal: operation.signal,
    onProgress: (progress) => operation.progress(progress),
  };
  if (plan.opType === 'command') yield* executeCommand(plan.command!, session, context, sources);
  else yield* resultResponses(await openResult(plan.root!, session, sources), context);
}

/** Errors: INVALID_ARGUMENT for a request without a plan, UNSUPPORTED for a compressed one. */
export function operationOf(plan: Plan | null): Plan {
  if (plan?.opType === 'root' || plan?.opType === 'command') return plan;
  if (plan?.opType === 'compressedOperation') {
    throw new QuarryError(
      'UNSUPPORTED',
      'compressed plans are not taken: unset spark.connect.session.planCompression.*',
    );
  }
  throw new QuarryError('INVALID_ARGUMENT', 'the request has no plan');
}
