import { Socket } from 'node:net';
import type { ByteSource } from './net.ts';

/**
 * All sockets of the process are read into it, one read at a time: each read is handed on before the next begins.
 * Elsewhere than on Unix a read may be under way while another one ends.
 */
const shared = process.platform === 'win32' ? undefined : Buffer.allocUnsafeSlow(256 * 1024);

interface OnRead {
  readonly onread?: {
    readonly buffer: Uint8Array;
    readonly callback: (count: number, buffer: Uint8Array) => boolean;
  };
}

/** A socket, made by `make`, that is a `ByteSource`. Without a sink it is an ordinary stream. */
export function receiving(make: (onread: OnRead) => Socket): Socket {
  if (shared === undefined) return make({});
  let sink: ((view: Buffer) => void) | undefined;
  const callback = (count: number) => {
    const view = shared.subarray(0, count);
    if (sink === undefined) return socket.push(Buffer.from(view));
    sink(view);
    return !socket.isPaused();
  };
  const socket = make({ onread: { buffer: shared, callback } });
  const source: ByteSource = {
    receive(to) {
      for (let early = socket.read() as Buffer | null; early !== null; early = socket.read() as Buffer | null)
        to(early);
      sink = to;
      socket.resume();
    },
  };
  return Object.assign(socket, source);
}

/**
 * The connection of a socket that a server accepted and has not read from, as a `ByteSource`. Node's servers do not take
 * `onread`: the accepted socket gives its handle to a new one. Where it has no handle to give, it stays what it is.
 */
export function adopt(accepted: Socket, highWaterMark: number): Socket {
  const owner = accepted as unknown as { _handle: { useUserBuffer?: unknown } | null };
  const handle = owner._handle;
  if (shared === undefined || typeof handle?.useUserBuffer !== 'function') {
    accepted.resume();
    return accepted;
  }
  owner._handle = null;
  const options = { handle, readable: true, writable: true, highWaterMark };
  const socket = receiving((onread) => new Socket({ ...options, ...onread } as never));
  // Its server counts the accepted one.
  socket.once('close', () => accepted.destroy());
  socket.resume();
  return socket;
}
