/** One method as its service definition describes it (the shape proto-loader makes). `In` is what a sender may leave out fields of, `Out` what a receiver gets. */
export interface Method<ReqIn, ResIn, ReqOut, ResOut> {
  readonly path: string;
  readonly requestSerialize: (request: ReqIn) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => ReqOut;
  readonly responseSerialize: (response: ResIn) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => ResOut;
}

export interface CallOptions {
  /** The call fails with DEADLINE after that long. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Headers of the call; Quarry's own services have none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Calls to other processes. An error arrives as the QuarryError the peer threw, or as PEER_UNREACHABLE, DEADLINE or INTERRUPTED. */
export interface RpcClient {
  call<ReqIn, ResIn, ReqOut, ResOut>(
    address: string,
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    request: ReqIn,
    options: CallOptions,
  ): Promise<ResOut>;
  /** Server streaming with back-pressure. Leaving the loop early, or aborting the signal, cancels the call at the peer. */
  stream<ReqIn, ResIn, ReqOut, ResOut>(
    address: string,
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    request: ReqIn,
    options: Omit<CallOptions, 'timeoutMs'>,
  ): AsyncIterable<ResOut>;
  close(): Promise<void>;
}

/** The call that a handler is serving. */
export interface ServedCall {
  /** Aborts when the caller has gone. Made when it is asked for. */
  readonly signal: AbortSignal;
}

export interface RpcServer {
  handle<ReqIn, ResIn, ReqOut, ResOut>(
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    handler: (request: ReqOut, call: ServedCall) => Promise<ResIn>,
  ): void;
  handleStream<ReqIn, ResIn, ReqOut, ResOut>(
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    handler: (request: ReqOut, signal: AbortSignal) => AsyncIterable<ResIn>,
  ): void;
  /** Starts to serve; port 0 picks a free one. Answers the bound host:port. Errors: PORT_IN_USE. */
  listen(address: string): Promise<string>;
  close(): Promise<void>;
}

export interface Rpc {
  readonly client: RpcClient;
  createServer(): RpcServer;
}
