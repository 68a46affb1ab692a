import type { Duplex } from 'node:stream';

export interface ConnectOptions {
  readonly timeoutMs: number;
}

export interface Listener {
  /** host:port, or the path of a Unix socket. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * What a stream may offer besides `data`: received bytes are shown to `sink` in a buffer that the next ones overwrite, so
 * that a gigabyte costs no garbage. `data` is then not emitted; pause, resume, end, error and close are as ever.
 */
export interface ByteSource {
  receive(sink: (view: Buffer) => void): void;
}

/**
 * Byte streams. An address is `host:port`, or `unix:/path` for a socket on this host.
 * A stream is a Node Duplex without Nagle's delay; its error after connecting is PEER_UNREACHABLE for the caller.
 */
export interface Net {
  /** Errors: PEER_UNREACHABLE, DEADLINE. */
  connect(address: string, options: ConnectOptions): Promise<Duplex>;
  /** Port 0 picks a free port. Errors: PORT_IN_USE. */
  listen(address: string, onConnection: (stream: Duplex) => void): Promise<Listener>;
}
