import type { ErrorDetails } from '../../common/quarry-error.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { RequestAnswer } from '../core/requests.ts';
import type { BrokenFile, DagView, Grid, RunDetail } from './views.ts';

const TIMEOUT_MS = 60_000;

/** The workflow service's API from another process. Errors of every call: those of the service, PEER_UNREACHABLE. */
export class WorkflowClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url.replace(/\/$/, '');
  }

  list(): Promise<{ dags: readonly DagView[]; broken: readonly BrokenFile[] }> {
    return this.#get('/api/dags');
  }

  dag(dagId: string): Promise<DagView> {
    return this.#get(`/api/dags/${encodeURIComponent(dagId)}`);
  }

  /** The last runs, newest last. */
  grid(dagId: string, limit: number): Promise<Grid> {
    return this.#get(`/api/dags/${encodeURIComponent(dagId)}/runs?limit=${limit}`);
  }

  run(dagId: string, runId: string): Promise<RunDetail> {
    return this.#get(runPath(dagId, runId));
  }

  trigger(
    dagId: string,
    options: { date?: string; runId?: string; params?: Readonly<Record<string, unknown>> },
  ): Promise<RequestAnswer> {
    return this.#post(`/api/dags/${encodeURIComponent(dagId)}/runs`, options);
  }

  backfill(dagId: string, options: BackfillOptions): Promise<RequestAnswer> {
    return this.#post(`/api/dags/${encodeURIComponent(dagId)}/backfill`, options);
  }

  clear(
    dagId: string,
    runId: string,
    options: { tasks: readonly string[]; downstream: boolean; onlyFailed: boolean },
  ): Promise<RequestAnswer> {
    return this.#post(`${runPath(dagId, runId)}/clear`, options);
  }

  cancel(dagId: string, runId: string): Promise<RequestAnswer> {
    return this.#post(`${runPath(dagId, runId)}/cancel`, {});
  }

  async pause(dagId: string, isPaused: boolean): Promise<void> {
    await this.#post(`/api/dags/${encodeURIComponent(dagId)}/${isPaused ? 'pause' : 'unpause'}`, {});
  }

  /** A part of an attempt's log, the newest attempt's when none is named; `nextOffset` is where to go on. */
  async log(
    dagId: string,
    runId: string,
    taskId: string,
    range: { attempt?: number; offset?: number; tail?: number },
  ): Promise<{ text: string; nextOffset: number; attempt: number }> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(range)) query.set(name, String(value));
    const path = `${runPath(dagId, runId)}/tasks/${encodeURIComponent(taskId)}/log?${query.toString()}`;
    const answer = await this.#fetch(path, {});
    return {
      text: await answer.text(),
      nextOffset: Number(answer.headers.get('x-log-next-offset')),
      attempt: Number(answer.headers.get('x-log-attempt')),
    };
  }

  async #get<T>(path: string): Promise<T> {
    return (await (await this.#fetch(path, {})).json()) as T;
  }

  async #post<T>(path: string, body: object): Promise<T> {
    const answer = await this.#fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return (await answer.json()) as T;
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const answer = await fetch(`${this.#url}${path}`, {
      ...init,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((cause: unknown) => {
      throw new QuarryError('PEER_UNREACHABLE', `no workflow service answers at ${this.#url}`, { cause });
    });
    if (answer.ok) return answer;
    const text = await answer.text();
    if (answer.headers.get('content-type')?.includes('json') !== true)
      throw new QuarryError('INVALID_ARGUMENT', text.trim());
    const { error } = JSON.parse(text) as {
      error: { code: string; message: string; details?: ErrorDetails };
    };
    throw QuarryError.fromWire(error);
  }
}

export interface BackfillOptions {
  /** YYYY-MM-DD, both included. */
  readonly from: string;
  readonly to: string;
  readonly maxActiveRuns?: number;
  readonly reverse?: boolean;
  readonly rerun?: 'none' | 'failed' | 'all';
  readonly params?: Readonly<Record<string, unknown>>;
}

function runPath(dagId: string, runId: string): string {
  return `/api/dags/${encodeURIComponent(dagId)}/runs/${encodeURIComponent(runId)}`;
}
