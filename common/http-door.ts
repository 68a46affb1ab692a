import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { QuarryError } from './quarry-error.ts';

export interface HttpDoor {
  /** The bound host:port. */
  readonly address: string;
  close(): Promise<void>;
}

export interface HttpAnswer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

const REQUEST_TIMEOUT_MS = 5_000;
const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

export const page = (body: string): HttpAnswer => ({ code: 200, type: 'text/html; charset=utf-8', body });
export const json = (value: unknown): HttpAnswer => ({
  code: 200,
  type: 'application/json',
  body: `${JSON.stringify(value)}\n`,
});
/** Prometheus' text form. */
export const metrics = (body: string): HttpAnswer => ({ code: 200, type: 'text/plain; version=0.0.4', body });
export const notFound = (body: string): HttpAnswer => ({ code: 404, type: 'text/plain', body: `${body}\n` });

/** Read-only pages of a role, for people and scrapers of this machine. `answer` gets the path without its query. Port 0 picks a free one. Errors: PORT_IN_USE. */
export function serveHttp(
  host: string,
  port: number,
  answer: (path: string) => HttpAnswer,
): Promise<HttpDoor> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 16 * 1024 },
    (request, response) => send(response, refusal(request) ?? answer(request.url?.split('?')[0] ?? '/')),
  );
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const address = `${host}:${port}`;
      const message = `cannot listen on ${address}: ${cause.message}`;
      reject(new QuarryError('PORT_IN_USE', message, { cause, details: { address } }));
    });
    server.listen(port, host, () => {
      resolve({ address: `${host}:${(server.address() as AddressInfo).port}`, close });
    });
  });
}

function refusal(request: IncomingMessage): HttpAnswer | undefined {
  // A page of another site that has its name resolve to this machine must not read ours.
  if (!LOOPBACK_HOST.test(request.headers.host ?? '')) {
    return { code: 403, type: 'text/plain', body: 'the Host header must name this machine\n' };
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { code: 405, type: 'text/plain', body: 'only GET\n' };
  }
  return undefined;
}

function send(response: ServerResponse, { code, type, body }: HttpAnswer): void {
  response.writeHead(code, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  });
  response.end(body);
}
