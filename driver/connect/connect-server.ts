import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type StatusObject,
} from '@grpc/grpc-js';
import type { Logger } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { AddArtifactsRequest } from '../../proto/gen/spark/connect/AddArtifactsRequest.ts';
import type { AddArtifactsResponseInput } from '../../proto/gen/spark/connect/AddArtifactsResponse.ts';
import type { ExecutePlanRequest } from '../../proto/gen/spark/connect/ExecutePlanRequest.ts';
import type { FetchErrorDetailsRequest } from '../../proto/gen/spark/connect/FetchErrorDetailsRequest.ts';
import type { FetchErrorDetailsResponseInput } from '../../proto/gen/spark/connect/FetchErrorDetailsResponse.ts';
import type { ReattachExecuteRequest } from '../../proto/gen/spark/connect/ReattachExecuteRequest.ts';
import type { SparkConnectServiceDefinition } from '../../proto/gen/spark/connect/SparkConnectService.ts';
import { runIdentity } from '../session/session-run.ts';
import { connectProtocol, methodPath } from './connect-protocol.ts';
import type { ConnectService } from './connect-service.ts';
import { ErrorLog } from './error-log.ts';
import { errorStatus } from './error-status.ts';
import type { Operation } from './operation.ts';
import { sparkError } from './spark-error.ts';

/** Spark's own bound on a request: a plan with its local data. */
const REQUEST_BYTES_MAX = 128 * 1024 * 1024;

type MethodName = keyof SparkConnectServiceDefinition;

export interface ConnectServerOptions {
  readonly service: ConnectService;
  readonly log: Logger;
  /** A result stream ends without its last message after that many bytes: clients reattach. */
  readonly streamBytesMax: number;
}

/** Spark Connect on grpc-js. The one place where whatever a call throws becomes Spark's status. */
export class ConnectServer {
  readonly #server = new Server({
    'grpc.max_receive_message_length': REQUEST_BYTES_MAX,
    'grpc.max_send_message_length': -1,
  });
  readonly #options: ConnectServerOptions;
  readonly #errors = new ErrorLog();

  constructor(options: ConnectServerOptions) {
    this.#options = options;
    const { service } = options;
    this.#unary('Config', (request) => service.config(request as never));
    this.#unary('AnalyzePlan', (request) => service.analyze(request as never));
    this.#unary('ArtifactStatus', (request) => service.artifactStatus(request as never));
    this.#unary('Interrupt', (request) => service.interrupt(request as never));
    this.#unary('ReleaseExecute', (request) => service.releaseExecute(request as never));
    this.#unary('ReleaseSession', (request) => service.releaseSession(request as never));
    this.#unary('CloneSession', (request) => service.cloneSession(request as never));
    this.#unary('FetchErrorDetails', (request) => this.#errorDetails(request as FetchErrorDetailsRequest));
    this.#stream<ExecutePlanRequest>('ExecutePlan', (request, metadata) => [
      service.execute(
        request,
        runIdentity((name) => metadata.get(name)[0]?.toString()),
      ),
      undefined,
    ]);
    this.#stream<ReattachExecuteRequest>('ReattachExecute', (request) => [
      service.reattach(request),
      request.lastResponseId,
    ]);
    this.#upload();
  }

  /** Answers the bound host:port. Errors: PORT_IN_USE. */
  listen(address: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (cause, port) => {
        if (cause === null) resolve(`${address.slice(0, address.lastIndexOf(':'))}:${port}`);
        else {
          const text = `cannot listen on ${address}: another process uses that port`;
          reject(new QuarryError('PORT_IN_USE', text, { cause, details: { address } }));
        }
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      // Clients keep their channels open for as long as they live.
      const force = setTimeout(() => this.#server.forceShutdown(), 200);
      this.#server.tryShutdown(() => {
        clearTimeout(force);
        resolve();
      });
    });
  }

  #errorDetails(request: FetchErrorDetailsRequest): FetchErrorDetailsResponseInput {
    return { sessionId: request.sessionId, ...this.#errors.details(request.errorId) };
  }

  #unary(name: MethodName, handler: (request: unknown) => object | Promise<object>): void {
    this.#register(name, 'unary', (call: ServerUnaryCall<unknown, object>, answer: sendUnaryData<object>) => {
      // A handler may throw at once or later.
      Promise.resolve(call.request)
        .then(handler)
        .then(
          (response) => answer(null, response),
          (thrown: unknown) => answer(this.#status(name, thrown)),
        );
    });
  }

  #stream<Request>(
    name: MethodName,
    open: (
      request: Request,
      metadata: Metadata,
    ) => [operation: Operation, lastResponseId: string | undefined],
  ): void {
    const handler = (call: ServerWritableStream<Request, Buffer>) => {
      const controller = new AbortController();
      call.on('cancelled', () => controller.abort());
      const send = async () => {
        const [operation, lastResponseId] = open(call.request, call.metadata);
        await this.#sendResponses(call, operation, lastResponseId, controller.signal);
      };
      send().catch((thrown: unknown) => call.emit('error', this.#status(name, thrown)));
    };
    this.#register(name, 'serverStream', handler, (bytes: Buffer) => bytes);
  }

  async #sendResponses(
    call: ServerWritableStream<unknown, Buffer>,
    operation: Operation,
    lastResponseId: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    let sentBytes = 0;
    for await (const { bytes } of operation.read(lastResponseId, signal)) {
      if (signal.aborted) return;
      if (!call.write(bytes)) await drained(call, signal);
      sentBytes += bytes.length;
      // Not its end: without result_complete the client comes back for the rest.
      if (operation.isReattachable && sentBytes >= this.#options.streamBytesMax) break;
    }
    if (!signal.aborted) call.end();
  }

  #upload(): void {
    const handler = (
      call: ServerReadableStream<AddArtifactsRequest, AddArtifactsResponseInput>,
      answer: sendUnaryData<AddArtifactsResponseInput>,
    ) => {
      this.#options.service.addArtifacts(call).then(
        (response) => answer(null, response),
        (thrown: unknown) => answer(this.#status('AddArtifacts', thrown)),
      );
    };
    this.#register('AddArtifacts', 'clientStream', handler);
  }

  /** Codecs are looked up when they are needed: the protocol's files are not read before the first call. */
  #register(
    name: MethodName,
    type: 'unary' | 'clientStream' | 'serverStream',
    handler: unknown,
    serialize: (response: never) => Buffer = (response) =>
      connectProtocol()[name]!.responseSerialize(response),
  ): void {
    const deserialize = (bytes: Buffer): unknown => connectProtocol()[name]!.requestDeserialize(bytes);
    this.#server.register(methodPath(name), handler as never, serialize as never, deserialize, type);
  }

  #status(name: MethodName, thrown: unknown): StatusObject {
    const error = sparkError(thrown);
    const errorId = this.#errors.add(error);
    // An expected failure is the client's to see; anything else is a bug of ours and must be seen here.
    if (error.cause.code === 'INTERNAL') {
      this.#options.log.error(
        { err: error.cause.cause ?? error.cause, method: name, errorId },
        'connect.failed',
      );
    }
    return errorStatus(error, errorId) as StatusObject;
  }
}

function drained(call: ServerWritableStream<unknown, Buffer>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
