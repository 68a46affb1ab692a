import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { Logger } from '../log.ts';
import { QuarryError } from '../quarry-error.ts';
import type { Method, RpcServer } from '../seams/rpc.ts';
import { MAX_MESSAGE_BYTES } from './grpc-client.ts';
import { toGrpcStatus } from './grpc-status.ts';

const CALLER_GONE = 'the caller has gone';

/** Handlers to a grpc-js server. The one place where whatever a handler throws becomes a status. */
export class GrpcServer implements RpcServer {
  readonly #server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  });
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  handle<ReqIn, ResIn, ReqOut, ResOut>(
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    handler: (request: ReqOut, signal: AbortSignal) => Promise<ResIn>,
  ): void {
    this.#register(method, 'unary', (call: ServerUnaryCall<ReqOut, ResIn>, answer: sendUnaryData<ResIn>) => {
      handler(call.request, abortSignal(call)).then(
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
      this.#server.tryShutdown(() => {
        clearTimeout(force);
        resolve();
      });
    });
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
    // An expected failure is the caller's to see; anything else is a bug of ours and must be seen here.
    if (!(thrown instanceof QuarryError)) this.#log.error({ err: thrown, path }, 'rpc.failed');
    return toGrpcStatus(thrown) as never;
  }
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
