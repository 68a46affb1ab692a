import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ERROR_CODES } from '../../common/error-codes.ts';
import type { HttpDoor } from '../../common/http-door.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { handleCall, type ApiAnswer, type ApiParts } from './api-calls.ts';

const BODY_BYTES_MAX = 1024 * 1024;
const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
/** gRPC's numbers for what a caller has got wrong, as HTTP has them. */
const HTTP_STATUS: Readonly<Record<number, number>> = { 3: 400, 5: 404, 6: 409, 8: 413, 12: 501, 14: 503 };

/** The workflow service's API, for programs of this machine. Errors: PORT_IN_USE. */
export function serveApi(host: string, port: number, parts: ApiParts): Promise<HttpDoor> {
  const server = createServer((request, response) => {
    answer(request, parts).then(
      (given) => send(response, given),
      (thrown: unknown) => send(response, failure(thrown)),
    );
  });
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new QuarryError('PORT_IN_USE', `cannot listen on ${host}:${port}: ${cause.message}`, { cause })),
    );
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

async function answer(request: IncomingMessage, parts: ApiParts): Promise<ApiAnswer> {
  const { method = 'GET', headers } = request;
  // A page of another site that has its name resolve to this machine must not read or command us.
  if (!LOOPBACK_HOST.test(headers.host ?? ''))
    return { status: 403, body: 'the Host header must name this machine\n' };
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST')
    return { status: 405, body: 'only GET and POST\n' };
  // A form of another site cannot send this type without asking first, and we answer no such question.
  if (method === 'POST' && headers['content-type']?.split(';')[0] !== 'application/json')
    return { status: 415, body: 'content-type must be application/json\n' };
  const url = new URL(request.url ?? '/', 'http://localhost');
  const body = method === 'POST' ? await jsonBody(request) : {};
  const path = url.pathname.split('/').filter((part) => part !== '');
  return handleCall(parts, {
    method: method === 'POST' ? 'POST' : 'GET',
    path: path.map((part) => decodeURIComponent(part)),
    query: url.searchParams,
    body,
  });
}

async function jsonBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > BODY_BYTES_MAX)
      throw new QuarryError('LIMIT_EXCEEDED', `a request has at most ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk as Buffer);
  }
  const text = Buffer.concat(chunks).toString();
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Said below, as for JSON that is no object.
  }
  throw new QuarryError('INVALID_ARGUMENT', 'the body is no JSON object');
}

function failure(thrown: unknown): ApiAnswer {
  const error =
    thrown instanceof URIError
      ? new QuarryError('INVALID_ARGUMENT', 'the path is not well encoded')
      : QuarryError.from(thrown);
  return { status: HTTP_STATUS[ERROR_CODES[error.code].status] ?? 500, body: { error: error.toWire() } };
}

function send(response: ServerResponse, { status, body, headers }: ApiAnswer): void {
  const isText = typeof body === 'string' || Buffer.isBuffer(body);
  const bytes = isText ? Buffer.from(body) : Buffer.from(`${JSON.stringify(body)}\n`);
  response.writeHead(status, {
    'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json',
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(bytes);
}
