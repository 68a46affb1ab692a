import { rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { QuarryError } from '../quarry-error.ts';
import type { ConnectOptions, Listener, Net } from './net.ts';
import { adopt, receiving } from './reused-reads.ts';

const UNIX = 'unix:';
/** Queued bytes beyond which a stream asks its writer to wait. */
const STREAM_BYTES = 1024 * 1024;

/** TCP and Unix sockets. */
export class SystemNet implements Net {
  connect(address: string, options: ConnectOptions): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const socket = receiving((onread) =>
        createConnection({
          ...target(address),
          ...onread,
          noDelay: true,
          highWaterMark: STREAM_BYTES,
        } as never),
      );
      const timer = setTimeout(() => {
        socket.destroy();
        reject(
          new QuarryError('DEADLINE', `no connection to ${address} within ${options.timeoutMs} ms`, {
            details: { address },
          }),
        );
      }, options.timeoutMs);
      const failed = (cause: Error) => {
        clearTimeout(timer);
        reject(
          new QuarryError('PEER_UNREACHABLE', `cannot connect to ${address}: ${cause.message}`, {
            cause,
            details: { address },
          }),
        );
      };
      socket.once('error', failed);
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.off('error', failed);
        resolve(socket);
      });
    });
  }

  listen(address: string, onConnection: (stream: Duplex) => void): Promise<Listener> {
    const sockets = new Set<Socket>();
    const options = { noDelay: true, highWaterMark: STREAM_BYTES, pauseOnConnect: true };
    const server = createServer(options, (accepted) => {
      const socket = adopt(accepted, STREAM_BYTES);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      onConnection(socket);
    });
    const close = () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
    return new Promise((resolve, reject) => {
      server.once('error', (cause) => {
        reject(
          new QuarryError('PORT_IN_USE', `cannot listen on ${address}: ${cause.message}`, {
            cause,
            details: { address },
          }),
        );
      });
      if (address.startsWith(UNIX)) {
        const path = address.slice(UNIX.length);
        // A killed process leaves its socket file behind; the directory's lock says that no other process uses it.
        rmSync(path, { force: true });
        server.listen(path, () => resolve({ address, close }));
      } else {
        const { host, port } = splitAddress(address);
        server.listen(port, host, () => {
          const bound = server.address();
          const boundPort = bound !== null && typeof bound === 'object' ? bound.port : port;
          resolve({ address: `${host}:${boundPort}`, close });
        });
      }
    });
  }
}

export function splitAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  const port = Number(address.slice(at + 1));
  if (at < 1 || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new QuarryError('INVALID_ARGUMENT', `${JSON.stringify(address)} is not host:port`);
  }
  return { host: address.slice(0, at), port };
}

function target(address: string): object {
  return address.startsWith(UNIX) ? { path: address.slice(UNIX.length) } : splitAddress(address);
}
