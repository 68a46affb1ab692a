import { type ChannelOptions, Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { QuarryError } from '../quarry-error.ts';
import type { CallOptions, Method, RpcClient } from '../seams/rpc.ts';
import { CallStream } from './call-stream.ts';
import { fromGrpcStatus } from './grpc-status.ts';

/** Reports and task messages stay far below this; results travel in batches. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  // A restarted node must be found again within its callers' patience, not after the default two minutes.
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
};

/** Calls of these services share a stream an address; other servers know unary calls only. */
const OWN_SERVICES = '/quarry.';
/** A larger request goes by itself, so that it does not hold up the small ones behind it. */
const SHARED_REQUEST_BYTES_MAX = 64 * 1024;

/** One channel an address, opened on first use. */
export class GrpcClient implements RpcClient {
  readonly #channels = new Map<string, Client>();
  readonly #callStreams = new Map<string, CallStream>();

  call<ReqIn, ResIn, ReqOut, ResOut>(
    address: string,
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    request: ReqIn,
    options: CallOptions,
  ): Promise<ResOut> {
    if (options.signal?.aborted) return Promise.reject(interrupted(address));
    if (!method.path.startsWith(OWN_SERVICES)) return this.#callAlone(address, method, request, options);
    let bytes: Buffer;
    try {
      bytes = method.requestSerialize(request);
    } catch (thrown) {
      return Promise.reject(QuarryError.from(thrown));
    }
    if (bytes.length <= SHARED_REQUEST_BYTES_MAX) {
      return this.#callStream(address).call(method, bytes, options);
    }
    return this.#callAlone(address, { ...method, requestSerialize: asIs }, bytes, options);
  }

  /** A call with an HTTP/2 stream of its own. */
  #callAlone<ReqIn, ResIn, ReqOut, ResOut>(
    address: string,
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    request: ReqIn,
    options: CallOptions,
  ): Promise<ResOut> {
    return new Promise((resolve, reject) => {
      const abort = () => call.cancel();
      const call = this.#channel(address).makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadataOf(options.headers),
        { deadline: Date.now() + options.timeoutMs },
        (error: ServiceError | null, response?: ResOut) => {
          options.signal?.removeEventListener('abort', abort);
          if (error !== null) reject(fromGrpcStatus(error, address));
          else resolve(response as ResOut);
        },
      );
      options.signal?.addEventListener('abort', abort, { once: true });
    });
  }

  async *stream<ReqIn, ResIn, ReqOut, ResOut>(
    address: string,
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    request: ReqIn,
    options: Omit<CallOptions, 'timeoutMs'>,
  ): AsyncIterable<ResOut> {
    if (options.signal?.aborted) throw interrupted(address);
    const call = this.#channel(address).makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadataOf(options.headers),
    );
    const abort = () => call.cancel();
    options.signal?.addEventListener('abort', abort, { once: true });
    try {
      for await (const message of call) yield message as ResOut;
    } catch (thrown) {
      throw fromGrpcStatus(thrown, address);
    } finally {
      options.signal?.removeEventListener('abort', abort);
      call.cancel();
    }
  }

  async close(): Promise<void> {
    for (const calls of this.#callStreams.values()) calls.finish();
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }

  #callStream(address: string): CallStream {
    let calls = this.#callStreams.get(address);
    if (calls === undefined) {
      calls = new CallStream(this.#channel(address), address, () => this.#callStreams.delete(address));
      this.#callStreams.set(address, calls);
    }
    return calls;
  }

  #channel(address: string): Client {
    let channel = this.#channels.get(address);
    if (channel === undefined) {
      channel = new Client(address, credentials.createInsecure(), CHANNEL_OPTIONS);
      this.#channels.set(address, channel);
    }
    return channel;
  }
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

function metadataOf(headers: CallOptions['headers']): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers ?? {})) metadata.set(name, value);
  return metadata;
}

function interrupted(address: string): QuarryError {
  return new QuarryError('INTERRUPTED', `the call to ${address} was cancelled`, { details: { address } });
}
