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

/** A request of an API, whatever its method; a body is not read. */
export interface ApiRequest {
  readonly method: string;
  /** Percent-encoded, as it came, without its query. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** What a door serves besides its pages: everything under a prefix, by any method. */
export interface HttpApi {
  readonly prefix: string;
  answer(request: ApiRequest): Promise<HttpAnswer>;
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

/**
 * Read-only pages of a role, for people and scrapers of this machine; `answer` gets the path without its query. `api` takes
 * what is under its prefix, by any method, and must not reject. Port 0 picks a free one. Errors: PORT_IN_USE.
 */
export function serveHttp(
  host: string,
  port: number,
  answer: (path: string) => HttpAnswer,
  api?: HttpApi,
): Promise<HttpDoor> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 16 * 1024 },
    (request, response) => {
      const url = request.url ?? '/';
      const at = url.indexOf('?');
      const path = at < 0 ? url : url.slice(0, at);
      if (api !== undefined && path.startsWith(api.prefix)) {
        const method = request.method ?? 'GET';
        const refused = strangerRefusal(request) ?? otherSiteRefusal(request);
        const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
        const answered = refused ?? api.answer({ method, path, query });
        void Promise.resolve(answered).then((answer) => send(response, answer));
      } else {
        send(response, strangerRefusal(request) ?? writeRefusal(request) ?? answer(path));
      }
    },
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

/** A page of another site that has its name resolve to this machine must not read ours. */
function strangerRefusal(request: IncomingMessage): HttpAnswer | undefined {
  if (LOOPBACK_HOST.test(request.headers.host ?? '')) return undefined;
  return { code: 403, type: 'text/plain', body: 'the Host header must name this machine\n' };
}

/** Browsers name the page that asks: a page of another site could delete files, though not read the answer. */
function otherSiteRefusal({ headers }: IncomingMessage): HttpAnswer | undefined {
  if (headers.origin === undefined || headers.origin === `http://${headers.host}`) return undefined;
  return { code: 403, type: 'text/plain', body: 'not for pages of other sites\n' };
}

function writeRefusal(request: IncomingMessage): HttpAnswer | undefined {
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
