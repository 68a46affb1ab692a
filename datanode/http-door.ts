import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { QuarryError } from '../common/quarry-error.ts';

export interface HttpDoor {
  readonly address: string;
  /** What /metrics answers from now on. */
  metrics: () => string;
  close(): Promise<void>;
}

/** Serves GET /metrics. Port 0 picks a free one. Errors: PORT_IN_USE. */
export function openHttpDoor(host: string, port: number): Promise<HttpDoor> {
  const door = { metrics: () => '' };
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('this datanode serves /metrics\n');
      return;
    }
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(door.metrics());
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `cannot listen on ${host}:${port}: ${cause.message}`;
      reject(new QuarryError('PORT_IN_USE', message, { cause, details: { address: `${host}:${port}` } }));
    });
    server.listen(port, host, () => {
      const { port: bound } = server.address() as AddressInfo;
      resolve(Object.assign(door, { address: `${host}:${bound}`, close }));
    });
  });
}
