import type { AnalyzePlanRequestInput } from '../../proto/gen/spark/connect/AnalyzePlanRequest.ts';
import type { AnalyzePlanResponse } from '../../proto/gen/spark/connect/AnalyzePlanResponse.ts';
import type { ExecutePlanResponse } from '../../proto/gen/spark/connect/ExecutePlanResponse.ts';
import type { PlanInput } from '../../proto/gen/spark/connect/Plan.ts';

export interface ExecuteOptions {
  /** Aborting interrupts the operation on the server; the iteration then ends with INTERRUPTED. */
  readonly signal?: AbortSignal | undefined;
  /** Names of the operation, for `session.interrupt({ tag })`. */
  readonly tags?: readonly string[] | undefined;
}

export type AnalyzeRequest = Omit<
  AnalyzePlanRequestInput,
  'sessionId' | 'userContext' | 'clientType' | 'clientObservedServerSideSessionId'
>;

/** What DataFrames and RDDs need of a session. Tests of plans put their own in its place. */
export interface PlanRunner {
  nextPlanId(): string;
  /** Told of every streaming query that this session starts: JSON of its QueryStartedEvent. */
  onStreamStarted?: ((json: string) => void) | undefined;
  execute(plan: PlanInput, options?: ExecuteOptions): AsyncIterable<ExecutePlanResponse>;
  analyze(request: AnalyzeRequest, signal?: AbortSignal): Promise<AnalyzePlanResponse>;
}
