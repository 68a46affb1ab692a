import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import type { CommandShell } from '../command-shell.ts';
import { getStatus } from '../status-queries.ts';
import { metricsText } from './metrics.ts';
import { statusPage } from './status-page.ts';

export interface HttpDoor {
  readonly address: string;
  close(): Promise<void>;
}

const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
const REQUEST_TIMEOUT_MS = 5_000;

/** Read-only pages for people and scrapers: / (status), /status.json, /metrics. Errors: PORT_IN_USE. */
export function serveHttp(
  namenode: CommandShell,
  clock: Clock,
  { host, port }: { host: string; port: number },
): Promise<HttpDoor> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 16 * 1024 },
    (request, response) => answer(namenode, clock, request, response),
  );
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new QuarryError('PORT_IN_USE', `cannot listen on ${host}:${port}: another process uses that port`, {
          cause,
        }),
      );
    });
    server.listen(port, host, () => {
      const bound = server.address();
      resolve({
        address: `${host}:${bound !== null && typeof bound === 'object' ? bound.port : port}`,
        close: () =>
          new Promise<void>((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}

function answer(
  namenode: CommandShell,
  clock: Clock,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  // A page of another site that has its name resolve to this machine must not read ours.
  if (!LOOPBACK_HOST.test(request.headers.host ?? '')) {
    send(response, 403, 'text/plain', 'the Host header must name this machine\n');
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(response, 405, 'text/plain', 'only GET\n');
    return;
  }
  const status = getStatus(namenode.state, clock.monoMs());
  switch (request.url?.split('?')[0]) {
    case '/':
      send(response, 200, 'text/html; charset=utf-8', statusPage(status));
      break;
    case '/status.json':
      send(response, 200, 'application/json', `${JSON.stringify(status)}\n`);
      break;
    case '/metrics':
      send(response, 200, 'text/plain; version=0.0.4', metricsText(namenode, status));
      break;
    default:
      send(response, 404, 'text/plain', 'there are /, /status.json and /metrics\n');
  }
}

function send(response: ServerResponse, code: number, type: string, body: string): void {
  response.writeHead(code, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  });
  response.end(body);
}
