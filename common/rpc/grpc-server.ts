import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { Logger } from '../log.ts';
import { QuarryError } from '../quarry-error.ts';
import type { Method, RpcServer, ServedCall } from '../seams/rpc.ts';
import { CALLS_PATH } from './call-stream.ts';
import { MAX_MESSAGE_BYTES } from './grpc-client.ts';
import { toGrpcStatus } from './grpc-status.ts';
import { CALLER_GONE, CallLife, type Serve, ServedCalls } from './served-calls.ts';

/** Handlers to a grpc-js server. The one place where whatever a handler throws becomes a status. */
export class GrpcServer implements RpcServer {
  readonly #server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  });
  readonly #log: Logger;
  readonly #handlers = new Map<string, Serve>();
  readonly #callStreams = new Set<ServedCalls>();

  constructor(log: Logger) {
    this.#log = log;
    this.#server.register(
      CALLS_PATH,
      ((stream: ServerDuplexStream<Buffer, Buffer>) => this.#serveCalls(stream)) as never,
      asIs,
      asIs,
      'bidi',
    );
  }

  handle<ReqIn, ResIn, ReqOut, ResOut>(
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    handler: (request: ReqOut, call: ServedCall) => Promise<ResIn>,
  ): void {
    this.#handlers.set(method.path, async (request, call) =>
      method.responseSerialize(await handler(method.requestDeserialize(request), call)),
    );
    this.#register(method, 'unary', (call: ServerUnaryCall<ReqOut, ResIn>, answer: sendUnaryData<ResIn>) => {
      const life = new CallLife();
      call.on('cancelled', () => life.end());
      handler(call.request, life).then(
        (response) => answer(null, response),
        (thrown: unknown) => answer(this.#status(method.path, thrown)),
      );
    });
  }

  handleStream<ReqIn, ResIn, ReqOut, ResOut>(
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    handler: (request: ReqOut, signal: AbortSignal) => AsyncIterable<ResIn>,
  ): void {
    this.#register(method, 'serverStream', (call: ServerWritableStream<ReqOut, ResIn>) => {
      const signal = abortSignal(call);
      const send = async () => {
        for await (const message of handler(call.request, signal)) {
          if (signal.aborted) return;
          if (!call.write(message)) await drained(call, signal);
        }
        call.end();
      };
      send().catch((thrown: unknown) => call.emit('error', this.#status(method.path, thrown)));
    });
  }

  listen(address: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(`${address.slice(0, address.lastIndexOf(':'))}:${port}`);
        else {
          reject(
            new QuarryError('PORT_IN_USE', `cannot listen on ${address}: another process uses that port`, {
              cause: error,
              details: { address },
            }),
          );
        }
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      // Streams of callers that have gone would keep a graceful shutdown waiting.
      const force = setTimeout(() => this.#server.forceShutdown(), 500);
      for (const calls of this.#callStreams) calls.end();
      this.#server.tryShutdown(() => {
        clearTimeout(force);
        resolve();
      });
    });
  }

  #serveCalls(stream: ServerDuplexStream<Buffer, Buffer>): void {
    const calls = new ServedCalls(stream, {
      serve: (path, request, call) => this.#serve(path, request, call),
      failure: (path, thrown) => this.#failure(path, thrown).toWire(),
    });
    this.#callStreams.add(calls);
    stream.on('close', () => this.#callStreams.delete(calls));
  }

  #serve(path: string, request: Buffer, call: ServedCall): Promise<Buffer> {
    const handler = this.#handlers.get(path);
    if (handler !== undefined) return handler(request, call);
    return Promise.reject(new QuarryError('UNSUPPORTED', `there is no method ${path} here`));
  }

  #register(
    method: Method<never, never, never, never> | Method<unknown, unknown, unknown, unknown> | object,
    type: 'unary' | 'serverStream',
    handler: unknown,
  ): void {
    const { path, requestDeserialize, responseSerialize } = method as Method<
      unknown,
      unknown,
      unknown,
      unknown
    >;
    this.#server.register(path, handler as never, responseSerialize, requestDeserialize, type);
  }

  #status(path: string, thrown: unknown) {
    return toGrpcStatus(this.#failure(path, thrown)) as never;
  }

  #failure(path: string, thrown: unknown): QuarryError {
    // An expected failure is the caller's to see; anything else is a bug of ours and must be seen here.
    if (!(thrown instanceof QuarryError)) this.#log.error({ err: thrown, path }, 'rpc.failed');
    return QuarryError.from(thrown);
  }
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

function abortSignal(call: { on(event: 'cancelled', listener: () => void): unknown }): AbortSignal {
  const controller = new AbortController();
  // Without a reason every call's end would build a DOMException with its stack.
  call.on('cancelled', () => controller.abort(CALLER_GONE));
  return controller.signal;
}

function drained(call: ServerWritableStream<unknown, unknown>, signal: AbortSignal): Promise<void> {
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
