import type { ErrorCode } from '../../common/error-codes.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { GrpcClient } from '../../common/rpc/grpc-client.ts';
import { viewsService } from '../../common/rpc/services.ts';
import type { Method } from '../../common/seams/rpc.ts';

const CALL_TIMEOUT_MS = 30_000;

/** Calls to one services/views process. Whatever keeps a call from its answer is `unavailable`. */
export class ViewsClient {
  readonly #rpc = new GrpcClient();
  readonly #address: string;
  readonly #unavailable: ErrorCode;
  readonly service = viewsService();

  constructor(address: string, unavailable: 'VIEW_UNAVAILABLE' | 'TABLES_UNAVAILABLE') {
    this.#address = address;
    this.#unavailable = unavailable;
  }

  async call<ReqIn, ResIn, ReqOut, ResOut>(
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    request: ReqIn,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<ResOut> {
    try {
      return await this.#rpc.call(this.#address, method, request, { timeoutMs });
    } catch (thrown) {
      throw this.#error(thrown);
    }
  }

  async *stream<ReqIn, ResIn, ReqOut, ResOut>(
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    request: ReqIn,
  ): AsyncGenerator<ResOut, void, undefined> {
    try {
      yield* this.#rpc.stream(this.#address, method, request, {});
    } catch (thrown) {
      throw this.#error(thrown);
    }
  }

  close(): Promise<void> {
    return this.#rpc.close();
  }

  #error(thrown: unknown): unknown {
    if (!hasCode(thrown, 'PEER_UNREACHABLE', 'DEADLINE', 'INTERRUPTED')) return thrown;
    return new QuarryError(
      this.#unavailable,
      `services/views at ${this.#address} does not answer: is the cluster that runs it up?`,
      { cause: thrown, details: { address: this.#address } },
    );
  }
}
