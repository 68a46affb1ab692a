import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { QuarryError } from '../../common/quarry-error.ts';
import type { ExecutorSpec } from '../schedule/job-graph.ts';
import type { JobHistory } from '../schedule/job-history.ts';
import { jobPage, jobsPage } from './job-pages.ts';

/** What the pages show. */
export interface JobSource {
  readonly history: JobHistory;
  executors(): readonly ExecutorSpec[];
}

export interface HttpDoor {
  readonly address: string;
  close(): Promise<void>;
}

const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
const REQUEST_TIMEOUT_MS = 5_000;
const HTML = 'text/html; charset=utf-8';

/** Read-only: /api/jobs, /api/jobs/ID, /api/executors as JSON; / and /jobs/ID as pages. Errors: PORT_IN_USE. */
export function serveHttp(source: JobSource, host: string, port: number): Promise<HttpDoor> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 16 * 1024 },
    (request, response) => answer(source, request, response),
  );
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const text = `cannot listen on ${host}:${port}: ${cause.message}`;
      reject(new QuarryError('PORT_IN_USE', text, { cause, details: { address: `${host}:${port}` } }));
    });
    server.listen(port, host, () => {
      resolve({
        address: `${host}:${(server.address() as AddressInfo).port}`,
        close: () =>
          new Promise<void>((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}

function answer(source: JobSource, request: IncomingMessage, response: ServerResponse): void {
  // A page of another site that has its name resolve to this machine must not read ours.
  if (!LOOPBACK_HOST.test(request.headers.host ?? '')) {
    send(response, 403, 'text/plain', 'the Host header must name this machine\n');
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(response, 405, 'text/plain', 'only GET\n');
    return;
  }
  const path = request.url?.split('?')[0] ?? '/';
  if (path === '/') send(response, 200, HTML, jobsPage(source.history.list(), source.executors()));
  else if (path === '/api/jobs') sendJson(response, source.history.list().map(withoutDetails));
  else if (path === '/api/executors') sendJson(response, source.executors());
  else answerJob(source.history, path, response);
}

function answerJob(history: JobHistory, path: string, response: ServerResponse): void {
  const match = /^\/(api\/)?jobs\/([^/]+)$/.exec(path);
  if (match === null) {
    send(response, 404, 'text/plain', 'there are /, /jobs/ID, /api/jobs, /api/jobs/ID and /api/executors\n');
    return;
  }
  const job = history.get(decoded(match[2]!));
  if (job === undefined)
    send(response, 404, 'text/plain', `no job ${match[2]}: the last ones are in /api/jobs\n`);
  else if (match[1] === undefined) send(response, 200, HTML, jobPage(job));
  else sendJson(response, job);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (thrown) {
    if (thrown instanceof URIError) return text;
    throw thrown;
  }
}

/** A list of jobs is read often; stages, tasks and events come with the one that is asked for. */
function withoutDetails(job: ReturnType<JobHistory['list']>[number]) {
  const { stages, events: _, ...summary } = job;
  const tasks = stages.flatMap((stage) => stage.tasks);
  const durationMs = job.finishedMs === undefined ? {} : { durationMs: job.finishedMs - job.submittedMs };
  return { ...summary, ...durationMs, stageCount: stages.length, taskCount: tasks.length };
}

function sendJson(response: ServerResponse, body: unknown): void {
  send(response, 200, 'application/json', `${JSON.stringify(body)}\n`);
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
