import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { Method, RpcClient } from '../../common/seams/rpc.ts';
import type { AnalyzePlanResponse } from '../../proto/gen/spark/connect/AnalyzePlanResponse.ts';
import type { _spark_connect_ConfigRequest_OperationInput } from '../../proto/gen/spark/connect/ConfigRequest.ts';
import type { ConfigResponse } from '../../proto/gen/spark/connect/ConfigResponse.ts';
import type { ExecutePlanResponse } from '../../proto/gen/spark/connect/ExecutePlanResponse.ts';
import type { PlanInput } from '../../proto/gen/spark/connect/Plan.ts';
import { connectError } from './connect-error.ts';
import { connectService } from './connect-service.ts';
import type { ConnectTarget } from './connect-target.ts';
import type { AnalyzeRequest, ExecuteOptions, PlanRunner } from './plan-runner.ts';

/** Six tries end after 3.2 s: a driver that takes longer has been restarted, and its sessions are gone. */
const RETRY_DELAYS_MS = [50, 100, 200, 400, 800, 1_600];
const ANALYZE_TIMEOUT_MS = 120_000;
const CALL_TIMEOUT_MS = 30_000;

/**
 * One session at a Spark Connect server, any server's. Executions are reattachable: a stream that breaks, or that the
 * server ends early, goes on from the last response, and no response is lost or seen twice.
 */
export class ConnectClient implements PlanRunner {
  readonly sessionId: string;
  onStreamStarted: ((json: string) => void) | undefined;
  readonly #target: ConnectTarget;
  readonly #rpc: RpcClient;
  readonly #clientType: string;
  readonly #headers: Readonly<Record<string, string>>;
  #serverSessionId: string | undefined;
  readonly #releases = new Set<Promise<unknown>>();
  #planId = 0;

  constructor(target: ConnectTarget, rpc: RpcClient, appName: string) {
    this.#target = target;
    this.#rpc = rpc;
    this.sessionId = target.parameters['session_id'] ?? randomUUID();
    this.#headers = headersOf(target.parameters);
    this.#clientType = `quarry (${appName}) node/${process.versions.node} os/${process.platform}`;
  }

  /** Plan ids tell apart two relations with columns of the same name. */
  nextPlanId(): string {
    return String(this.#planId++);
  }

  /** Runs a plan; yields its responses but the final ResultComplete. Leaving the loop early ends the operation. */
  async *execute(plan: PlanInput, options: ExecuteOptions = {}): AsyncGenerator<ExecutePlanResponse> {
    const operationId = randomUUID();
    const cursor: Cursor = { lastResponseId: undefined, isComplete: false, failures: 0, isKnown: false };
    try {
      while (!cursor.isComplete) {
        const stream = cursor.isKnown
          ? this.#reattach(operationId, cursor.lastResponseId, options.signal)
          : this.#start(operationId, plan, options);
        try {
          for await (const response of stream) {
            this.#observe(response);
            cursor.failures = 0;
            cursor.isKnown = true;
            cursor.lastResponseId = response.responseId;
            if (response.responseType === 'resultComplete') cursor.isComplete = true;
            else yield response;
            if (response.arrowBatch !== null && response.arrowBatch !== undefined) {
              this.#release(operationId, response.responseId);
            }
          }
          cursor.isKnown = true;
          // A server may end a stream at any time, also before the first response of a long operation.
          if (!cursor.isComplete) await sleep(RETRY_DELAYS_MS[0]);
        } catch (thrown) {
          await this.#recover(thrown, operationId, cursor, options.signal);
        }
      }
    } finally {
      if (cursor.isKnown) this.#release(operationId, undefined);
    }
  }

  async analyze(request: AnalyzeRequest, signal?: AbortSignal): Promise<AnalyzePlanResponse> {
    return this.#unary(
      connectService().AnalyzePlan,
      { ...this.#header(), ...request },
      ANALYZE_TIMEOUT_MS,
      signal,
    );
  }

  async config(operation: _spark_connect_ConfigRequest_OperationInput): Promise<ConfigResponse> {
    return this.#unary(connectService().Config, { ...this.#header(), operation }, CALL_TIMEOUT_MS);
  }

  /** Ends operations that run in this session. Answers the ids of those it reached. */
  async interrupt(
    which: { readonly tag: string } | { readonly operationId: string } | 'all',
  ): Promise<readonly string[]> {
    const response = await this.#unary(
      connectService().Interrupt,
      { ...this.#header(), ...interruptFields(which) },
      CALL_TIMEOUT_MS,
    );
    return response.interruptedIds;
  }

  /** Ends the session at the server: its running operations, views and settings are gone. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#releases);
    const { sessionId, userContext, clientType } = this.#header();
    try {
      await this.#rpc.call(
        this.#target.connect,
        connectService().ReleaseSession,
        { sessionId, userContext, clientType },
        { timeoutMs: CALL_TIMEOUT_MS },
      );
    } catch (thrown) {
      // A server that has gone, or never saw the session, has nothing left to release.
      if (!hasCode(connectError(thrown), 'PEER_UNREACHABLE', 'SESSION_NOT_FOUND', 'DEADLINE')) throw thrown;
    }
  }

  #start(operationId: string, plan: PlanInput, options: ExecuteOptions): AsyncIterable<ExecutePlanResponse> {
    return this.#rpc.stream(
      this.#target.connect,
      connectService().ExecutePlan,
      {
        ...this.#header(),
        operationId,
        plan,
        requestOptions: [{ reattachOptions: { reattachable: true } }],
        tags: [...(options.tags ?? [])],
      },
      { signal: options.signal, headers: this.#headers },
    );
  }

  #reattach(
    operationId: string,
    lastResponseId: string | undefined,
    signal: AbortSignal | undefined,
  ): AsyncIterable<ExecutePlanResponse> {
    return this.#rpc.stream(
      this.#target.connect,
      connectService().ReattachExecute,
      { ...this.#header(), operationId, ...(lastResponseId === undefined ? {} : { lastResponseId }) },
      { signal },
    );
  }

  /** Returns when the stream should be asked for again; throws what the caller should see. */
  async #recover(
    thrown: unknown,
    operationId: string,
    cursor: Cursor,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (cursor.isComplete) return;
    const error = connectError(thrown);
    if (signal?.aborted) {
      // Whether or not the server could be told, the caller no longer wants the answer.
      await this.interrupt({ operationId }).catch(() => undefined);
      throw new QuarryError('INTERRUPTED', 'the operation was interrupted', { cause: error });
    }
    // The request may have been lost on its way: an operation that gave no response yet may be started again.
    const isLost =
      hasCode(error, 'OPERATION_NOT_FOUND') && cursor.lastResponseId === undefined && cursor.isKnown;
    const delayMs = RETRY_DELAYS_MS[cursor.failures];
    if (delayMs === undefined || !(isLost || hasCode(error, 'PEER_UNREACHABLE', 'DEADLINE'))) throw error;
    cursor.failures++;
    // After a broken call it is open whether the server has the operation; asking for it is the answer to that.
    cursor.isKnown = !isLost;
    await sleep(delayMs);
  }

  /** Tells the server that responses up to `until`, or the whole operation, need not be kept. Best effort, in the background. */
  #release(operationId: string, until: string | undefined): void {
    const release = this.#rpc
      .call(
        this.#target.connect,
        connectService().ReleaseExecute,
        {
          ...this.#header(),
          operationId,
          ...(until === undefined ? { releaseAll: {} } : { releaseUntil: { responseId: until } }),
        },
        { timeoutMs: CALL_TIMEOUT_MS },
      )
      // The server forgets an abandoned operation by itself; a failed release costs it memory until then, us nothing.
      .catch(() => undefined)
      .finally(() => this.#releases.delete(release));
    this.#releases.add(release);
  }

  async #unary<ReqIn, ResIn, ReqOut, ResOut extends { serverSideSessionId: string }>(
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    request: ReqIn,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<ResOut> {
    for (let failures = 0; ; failures++) {
      try {
        const response = await this.#rpc.call(this.#target.connect, method, request, { timeoutMs, signal });
        this.#observe(response);
        return response;
      } catch (thrown) {
        const error = connectError(thrown);
        const delayMs = RETRY_DELAYS_MS[failures];
        if (!hasCode(error, 'PEER_UNREACHABLE') || delayMs === undefined) throw error;
        await sleep(delayMs);
      }
    }
  }

  #observe(response: { readonly serverSideSessionId: string }): void {
    if (response.serverSideSessionId !== '') this.#serverSessionId = response.serverSideSessionId;
  }

  #header() {
    return {
      sessionId: this.sessionId,
      userContext: { userId: this.#target.userId, userName: this.#target.userId },
      clientType: this.#clientType,
      // A server that restarted under the same address then says so, instead of answering from an empty session.
      ...(this.#serverSessionId === undefined
        ? {}
        : { clientObservedServerSideSessionId: this.#serverSessionId }),
    };
  }
}

/** Of the URL, as Spark's clients take it: whatever is not for the channel goes to the server with each call that runs something. */
const CHANNEL_PARAMETERS = ['token', 'use_ssl', 'user_id', 'user_agent', 'session_id'];

function headersOf(parameters: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters)
      .filter(([name]) => !CHANNEL_PARAMETERS.includes(name))
      // Headers are ASCII; the server takes them percent-encoded too.
      .map(([name, value]) => [name.toLowerCase(), encodeURIComponent(value)]),
  );
}

/** How far an execution has come. `isKnown`: the server has, or may have, the operation. */
interface Cursor {
  lastResponseId: string | undefined;
  isComplete: boolean;
  failures: number;
  isKnown: boolean;
}

function interruptFields(which: { readonly tag: string } | { readonly operationId: string } | 'all') {
  if (which === 'all') return { interruptType: 'INTERRUPT_TYPE_ALL' as const };
  if ('tag' in which) return { interruptType: 'INTERRUPT_TYPE_TAG' as const, operationTag: which.tag };
  return { interruptType: 'INTERRUPT_TYPE_OPERATION_ID' as const, operationId: which.operationId };
}
