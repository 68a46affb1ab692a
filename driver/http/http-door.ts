import { type HttpAnswer, type HttpDoor, json, notFound, page, serveHttp } from '../../common/http-door.ts';
import type { ExecutorSpec } from '../schedule/job-graph.ts';
import type { JobHistory } from '../schedule/job-history.ts';
import type { StreamingQuery } from '../stream/streaming-query.ts';
import { jobPage, jobsPage } from './job-pages.ts';

/** What the pages show. */
export interface JobSource {
  readonly history: JobHistory;
  executors(): readonly ExecutorSpec[];
  streams?(): readonly StreamingQuery[];
}

/** Read-only: /api/jobs, /api/jobs/ID, /api/executors, /api/streams as JSON; / and /jobs/ID as pages. Errors: PORT_IN_USE. */
export function serveJobs(source: JobSource, host: string, port: number): Promise<HttpDoor> {
  return serveHttp(host, port, (path) => {
    switch (path) {
      case '/':
        return page(jobsPage(source.history.list(), source.executors()));
      case '/api/jobs':
        return json(source.history.list().map(withoutDetails));
      case '/api/executors':
        return json(source.executors());
      case '/api/streams':
        return json((source.streams?.() ?? []).map(streamSummary));
      default:
        return oneJob(source.history, path);
    }
  });
}

function oneJob(history: JobHistory, path: string): HttpAnswer {
  const match = /^\/(api\/)?jobs\/([^/]+)$/.exec(path);
  if (match === null)
    return notFound('there are /, /jobs/ID, /api/jobs, /api/jobs/ID, /api/executors and /api/streams');
  const job = history.get(decoded(match[2]!));
  if (job === undefined) return notFound(`no job ${match[2]}: the last ones are in /api/jobs`);
  return match[1] === undefined ? page(jobPage(job)) : json(job);
}

function streamSummary(query: StreamingQuery) {
  const { id, runId, name, sessionId, isActive, status, exception } = query;
  const lastProgress = query.recentProgress.at(-1) ?? null;
  return { id, runId, name, sessionId, isActive, status, error: exception?.message ?? null, lastProgress };
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
