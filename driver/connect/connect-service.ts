import { randomUUID } from 'node:crypto';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import type { AddArtifactsRequest } from '../../proto/gen/spark/connect/AddArtifactsRequest.ts';
import type { AddArtifactsResponseInput } from '../../proto/gen/spark/connect/AddArtifactsResponse.ts';
import type { AnalyzePlanRequest } from '../../proto/gen/spark/connect/AnalyzePlanRequest.ts';
import type { AnalyzePlanResponseInput } from '../../proto/gen/spark/connect/AnalyzePlanResponse.ts';
import type { ArtifactStatusesRequest } from '../../proto/gen/spark/connect/ArtifactStatusesRequest.ts';
import type { ArtifactStatusesResponseInput } from '../../proto/gen/spark/connect/ArtifactStatusesResponse.ts';
import type { CloneSessionRequest } from '../../proto/gen/spark/connect/CloneSessionRequest.ts';
import type { CloneSessionResponseInput } from '../../proto/gen/spark/connect/CloneSessionResponse.ts';
import type { ConfigRequest } from '../../proto/gen/spark/connect/ConfigRequest.ts';
import type { ConfigResponseInput } from '../../proto/gen/spark/connect/ConfigResponse.ts';
import type { ExecutePlanRequest } from '../../proto/gen/spark/connect/ExecutePlanRequest.ts';
import type { InterruptRequest } from '../../proto/gen/spark/connect/InterruptRequest.ts';
import type { InterruptResponseInput } from '../../proto/gen/spark/connect/InterruptResponse.ts';
import type { ReattachExecuteRequest } from '../../proto/gen/spark/connect/ReattachExecuteRequest.ts';
import type { ReleaseExecuteRequest } from '../../proto/gen/spark/connect/ReleaseExecuteRequest.ts';
import type { ReleaseExecuteResponseInput } from '../../proto/gen/spark/connect/ReleaseExecuteResponse.ts';
import type { ReleaseSessionRequest } from '../../proto/gen/spark/connect/ReleaseSessionRequest.ts';
import type { ReleaseSessionResponseInput } from '../../proto/gen/spark/connect/ReleaseSessionResponse.ts';
import type { UserContext } from '../../proto/gen/spark/connect/UserContext.ts';
import { AttemptTable, type RunIdentity } from '../session/session-run.ts';
import type { Session, SessionOperation } from '../session/session.ts';
import { invalidHandle, type SessionKey, type SessionTable } from '../session/session-table.ts';
import { analyzePlan } from './analyze-plan.ts';
import { ArtifactUpload } from './artifact-upload.ts';
import { configCall } from './config-call.ts';
import { executePlan } from './execute-plan.ts';
import type { ResultSources } from './open-result.ts';
import { Operation } from './operation.ts';

/** How many given-up operations are remembered, to tell a late reader what happened. */
const ABANDONED_MAX = 1_000;

interface SessionRequest {
  readonly sessionId: string;
  readonly userContext: UserContext | null;
  readonly clientObservedServerSideSessionId?: string;
}

export interface ConnectServiceOptions extends ResultSources {
  readonly sessions: SessionTable;
  readonly clock: Clock;
}

/** The calls of Spark Connect, without their transport. Errors are QuarryErrors. */
export class ConnectService {
  readonly #options: ConnectServiceOptions;
  readonly #abandoned = new Set<string>();
  readonly #attempts = new AttemptTable();

  constructor(options: ConnectServiceOptions) {
    this.#options = options;
  }

  config(request: ConfigRequest): ConfigResponseInput {
    const session = this.#open(request);
    return { ...idsOf(session), ...configCall(request, session.settings) };
  }

  async analyze(request: AnalyzePlanRequest): Promise<AnalyzePlanResponseInput> {
    const session = this.#open(request);
    return { ...idsOf(session), ...(await analyzePlan(request, session, this.#options)) };
  }

  /** Starts an execution; the caller reads it. Errors: OPERATION_NOT_FOUND (INVALID_HANDLE.OPERATION_ALREADY_EXISTS). */
  execute(request: ExecutePlanRequest, run?: RunIdentity): Operation {
    const session = this.#open(request);
    session.run.identify(run, this.#attempts);
    const operationId = request.operationId || randomUUID();
    if (session.operations.has(operationId)) {
      throw invalidHandle('OPERATION_ALREADY_EXISTS', operationId, 'Operation already exists.');
    }
    const operation = new Operation({
      ...idsOf(session),
      operationId,
      tags: request.tags,
      isReattachable: request.requestOptions.some(
        ({ reattachOptions }) => reattachOptions?.reattachable === true,
      ),
      clock: this.#options.clock,
      onClosed: (abandoned) => {
        session.operations.delete(operationId);
        if (abandoned) this.#rememberAbandoned(operationId);
      },
    });
    session.operations.set(operationId, operation);
    void operation.run(() => executePlan(request, session, operation, this.#options));
    return operation;
  }

  /** An execution that goes on. Errors: OPERATION_NOT_FOUND, INVALID_ARGUMENT when it is not reattachable. */
  reattach(request: ReattachExecuteRequest): Operation {
    const session = this.#options.sessions.get(keyOf(request));
    const operation = session.operations.get(request.operationId);
    if (!(operation instanceof Operation)) {
      throw this.#abandoned.has(request.operationId)
        ? invalidHandle(
            'OPERATION_ABANDONED',
            request.operationId,
            'Operation was considered abandoned because of inactivity and removed.',
          )
        : invalidHandle('OPERATION_NOT_FOUND', request.operationId, 'Operation not found.');
    }
    if (!operation.isReattachable) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        '[INVALID_CURSOR.NOT_REATTACHABLE] The cursor is invalid. The cursor is not reattachable. SQLSTATE: HY109',
        { details: { errorClass: 'INVALID_CURSOR.NOT_REATTACHABLE', sqlState: 'HY109' } },
      );
    }
    return operation;
  }

  releaseExecute(request: ReleaseExecuteRequest): ReleaseExecuteResponseInput {
    const session = this.#options.sessions.get(keyOf(request));
    const operation = session.operations.get(request.operationId);
    if (!(operation instanceof Operation)) return idsOf(session);
    if (request.release === 'releaseUntil') operation.releaseUntil(request.releaseUntil!.responseId);
    else operation.close();
    return { ...idsOf(session), operationId: request.operationId };
  }

  interrupt(request: InterruptRequest): InterruptResponseInput {
    const session = this.#open(request);
    return { ...idsOf(session), interruptedIds: session.interrupt(interruptFilter(request)) };
  }

  releaseSession(request: ReleaseSessionRequest): ReleaseSessionResponseInput {
    const session = this.#options.sessions.release(keyOf(request), request.allowReconnect);
    return { sessionId: request.sessionId, serverSideSessionId: session?.serverSideSessionId ?? '' };
  }

  cloneSession(request: CloneSessionRequest): CloneSessionResponseInput {
    const source = this.#open(request);
    const clone = this.#options.sessions.clone(keyOf(request), request.newSessionId || randomUUID());
    return {
      ...idsOf(source),
      newSessionId: clone.sessionId,
      newServerSideSessionId: clone.serverSideSessionId,
    };
  }

  async addArtifacts(requests: AsyncIterable<AddArtifactsRequest>): Promise<AddArtifactsResponseInput> {
    const upload = new ArtifactUpload();
    let session: Session | undefined;
    for await (const request of requests) {
      session ??= this.#open(request);
      upload.add(request, session.artifacts);
    }
    if (session === undefined) throw new QuarryError('INVALID_ARGUMENT', 'no artifact was sent');
    return { ...idsOf(session), artifacts: [...upload.end()] };
  }

  artifactStatus(request: ArtifactStatusesRequest): ArtifactStatusesResponseInput {
    const session = this.#open(request);
    const statuses = request.names.map((name) => [name, { exists: session.artifacts.has(name) }] as const);
    return { ...idsOf(session), statuses: Object.fromEntries(statuses) };
  }

  #open(request: SessionRequest): Session {
    return this.#options.sessions.open(keyOf(request));
  }

  #rememberAbandoned(operationId: string): void {
    this.#abandoned.add(operationId);
    const oldest = this.#abandoned.values().next().value;
    if (this.#abandoned.size > ABANDONED_MAX && oldest !== undefined) this.#abandoned.delete(oldest);
  }
}

function keyOf(request: SessionRequest): SessionKey {
  return {
    userId: request.userContext?.userId ?? '',
    sessionId: request.sessionId,
    observedServerSideSessionId: request.clientObservedServerSideSessionId || undefined,
  };
}

function idsOf(session: Session): { sessionId: string; serverSideSessionId: string } {
  return { sessionId: session.sessionId, serverSideSessionId: session.serverSideSessionId };
}

/** Errors: INVALID_ARGUMENT. */
function interruptFilter(request: InterruptRequest): (operation: SessionOperation) => boolean {
  switch (request.interruptType) {
    case 'INTERRUPT_TYPE_ALL':
      return () => true;
    case 'INTERRUPT_TYPE_TAG':
      return ({ tags }) => tags.includes(request.operationTag ?? '');
    case 'INTERRUPT_TYPE_OPERATION_ID':
      return ({ operationId }) => operationId === request.operationId;
    default:
      throw new QuarryError('INVALID_ARGUMENT', 'the interrupt names neither all, a tag nor an operation');
  }
}
