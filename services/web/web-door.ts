import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ERROR_CODES } from '../../common/error-codes.ts';
import type { HttpDoor } from '../../common/http-door.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { LiveFeed } from './live-feed.ts';
import type { PageFile } from './page-files.ts';
import type { WebAnswer, WebApi } from './web-api.ts';

export interface WebParts {
  readonly api: WebApi;
  readonly live: LiveFeed;
  readonly files: ReadonlyMap<string, PageFile>;
}

const REQUEST_TIMEOUT_MS = 5_000;
const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  // Everything the page needs is its own; nothing of what it shows can become code.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};
/** gRPC's numbers, as HTTP has them. */
const HTTP_STATUS: Readonly<Record<number, number>> = { 3: 400, 4: 504, 5: 404, 7: 403, 12: 501, 14: 503 };

/** The dashboard and its API, read-only, for people of this machine. Errors: PORT_IN_USE. */
export function serveWeb(host: string, port: number, parts: WebParts): Promise<HttpDoor> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 16 * 1024 },
    (request, response) => {
      answer(request, response, parts).catch((thrown: unknown) => send(request, response, failure(thrown)));
    },
  );
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const address = `${host}:${port}`;
      const message = `cannot listen on ${address}: ${cause.message}`;
      reject(new QuarryError('PORT_IN_USE', message, { cause, details: { address } }));
    });
    server.listen(port, host, () => {
      resolve({
        address: `${host}:${(server.address() as AddressInfo).port}`,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, parts: WebParts): Promise<void> {
  // A page of another site that has its name resolve to this machine must not read ours.
  if (!LOOPBACK_HOST.test(request.headers.host ?? ''))
    return send(request, response, plain(403, 'the Host header must name this machine'));
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return send(request, response, { ...plain(405, 'only GET'), headers: { allow: 'GET, HEAD' } });
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname === '/api/live') return live(request, response, parts.live);
  if (url.pathname.startsWith('/api/')) {
    const path = url.pathname.slice('/api/'.length).split('/').map(decodeURIComponent);
    return send(request, response, await parts.api.answer(path, url.searchParams));
  }
  const file = parts.files.get(url.pathname);
  if (file === undefined) return send(request, response, plain(404, 'nothing here: the dashboard is at /'));
  const { type, bytes, etag } = file;
  const headers = { etag, 'cache-control': 'no-cache' };
  if (request.headers['if-none-match'] === etag)
    return send(request, response, { status: 304, type, body: '', headers });
  send(request, response, { status: 200, type, body: bytes, headers });
}

async function live(request: IncomingMessage, response: ServerResponse, feed: LiveFeed): Promise<void> {
  if (request.method === 'HEAD') {
    send(request, response, { status: 200, type: 'text/event-stream', body: '' });
    return;
  }
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  if (!(await feed.add(response))) send(request, response, plain(503, 'too many pages are open'));
}

function failure(thrown: unknown): WebAnswer {
  const error =
    thrown instanceof URIError
      ? new QuarryError('INVALID_ARGUMENT', 'the path is not well encoded')
      : QuarryError.from(thrown);
  const { code, message } = error;
  const status = HTTP_STATUS[ERROR_CODES[code].status] ?? 500;
  return { status, type: 'application/json', body: JSON.stringify({ error: { code, message } }) };
}

function plain(status: number, text: string): WebAnswer {
  return { status, type: 'text/plain; charset=utf-8', body: `${text}\n` };
}

function send(request: IncomingMessage, response: ServerResponse, answered: WebAnswer): void {
  if (response.headersSent) {
    response.end();
    return;
  }
  const { status, type, body, headers } = answered;
  response.writeHead(status, {
    ...HEADERS,
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
