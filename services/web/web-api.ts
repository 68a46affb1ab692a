import { parseDay } from '../../common/day.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import type { Addresses } from './addresses.ts';
import { askPart } from './ask-part.ts';
import { Cached, CachedByKey } from './cached.ts';
import type { Clicks } from './clicks.ts';
import { DAY_MS, dayOf, dayStartMs, MINUTE_MS } from './merge-clicks.ts';
import { streamViews } from './streams.ts';

export interface WebAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface WebApiParts {
  readonly addresses: Addresses;
  readonly clicks: Clicks;
  readonly health: () => Promise<unknown>;
  readonly clock: Clock;
}

const RANGE_DAYS_MAX = 8;
const TOP_LIMIT = 100;
const TOP_LIMIT_MAX = 10_000;
const RUNS_LIMIT_MAX = 100;
const LOG_TAIL_BYTES = 64 * 1024;
const LOG_TAIL_BYTES_MAX = 1024 * 1024;
const MAX_AGE_MS = 900;
const HEALTH_MAX_AGE_MS = 2_500;
const ANSWERS_KEPT = 64;

/** Answers of GET /api/...: docs/pipeline.md lists them. */
export class WebApi {
  readonly #addresses: Addresses;
  readonly #clicks: Clicks;
  readonly #clock: Clock;
  readonly #streams: Cached<string>;
  readonly #health: Cached<string>;
  readonly #workflow: CachedByKey<string>;

  constructor({ addresses, clicks, health, clock }: WebApiParts) {
    this.#addresses = addresses;
    this.#clicks = clicks;
    this.#clock = clock;
    this.#streams = new Cached(clock, MAX_AGE_MS, () => this.readStreams());
    this.#health = new Cached(clock, HEALTH_MAX_AGE_MS, async () => JSON.stringify(await health()));
    this.#workflow = new CachedByKey(
      ANSWERS_KEPT,
      (path) => new Cached(clock, MAX_AGE_MS, async () => (await this.#askWorkflow(path)).body),
    );
  }

  /** `path` is decoded, without `api`. Errors: INVALID_ARGUMENT, FILE_NOT_FOUND, those of the parts. */
  async answer(path: readonly string[], query: URLSearchParams): Promise<WebAnswer> {
    const [what, ...rest] = path;
    checkNames(what, query);
    if (what === 'dags') return this.#dags(rest, query);
    if (rest.length === 0) {
      switch (what) {
        case 'clicks':
          return json(await this.#clicks.clicks(clickRange(query, this.#clock.nowMs())));
        case 'top':
          return json(await this.#top(query));
        case 'streams':
          return json(await this.#streams.get());
        case 'health':
          return json(await this.#health.get());
        default:
      }
    }
    throw new QuarryError(
      'FILE_NOT_FOUND',
      'there are /api/clicks, /api/top, /api/streams, /api/dags, /api/health and /api/live',
    );
  }

  /** Errors: PEER_UNREACHABLE, DEADLINE. */
  async readStreams(): Promise<string> {
    const { driver } = await this.#addresses.now();
    const { body } = await askPart('driver', driver, '/api/streams');
    return JSON.stringify({ streams: streamViews(JSON.parse(body)) });
  }

  async #top(query: URLSearchParams): Promise<string> {
    const asked = query.get('date') ?? 'today';
    const ds = asked === 'today' ? dayOf(this.#clock.nowMs()) : asked;
    if (parseDay(ds) === undefined)
      throw new QuarryError('INVALID_ARGUMENT', `date is today or a date as YYYY-MM-DD, not ${ds}`);
    const limit = wholeNumber(query, 'limit', TOP_LIMIT, TOP_LIMIT_MAX);
    return JSON.stringify(await this.#clicks.top(ds, limit));
  }

  /** The workflow service's own answers, of the paths that only read. */
  async #dags(rest: readonly string[], query: URLSearchParams): Promise<WebAnswer> {
    const [dagId, runs, runId, tasks, taskId, log] = rest;
    if (dagId === undefined) return json(await this.#workflow.get('/api/dags'));
    const path = `/api/dags/${rest.map(encodeURIComponent).join('/')}`;
    if (rest.length === 1) return json(await this.#workflow.get(path));
    if (runs === 'runs' && rest.length === 2) {
      const limit = wholeNumber(query, 'limit', 25, RUNS_LIMIT_MAX);
      return json(await this.#workflow.get(`${path}?limit=${limit}`));
    }
    if (runs === 'runs' && rest.length === 3 && runId !== undefined)
      return json(await this.#workflow.get(path));
    if (runs === 'runs' && tasks === 'tasks' && taskId !== undefined && log === 'log' && rest.length === 6)
      return this.#taskLog(path, query);
    throw new QuarryError(
      'FILE_NOT_FOUND',
      'there are /api/dags, /api/dags/ID/runs, /api/dags/ID/runs/RUN and /api/dags/ID/runs/RUN/tasks/TASK/log',
    );
  }

  async #taskLog(path: string, query: URLSearchParams): Promise<WebAnswer> {
    const asked = new URLSearchParams();
    if (query.has('attempt')) asked.set('attempt', String(wholeNumber(query, 'attempt', 1, 1_000_000)));
    if (query.has('offset'))
      asked.set('offset', String(wholeNumber(query, 'offset', 0, Number.MAX_SAFE_INTEGER)));
    else asked.set('tail', String(wholeNumber(query, 'tail', LOG_TAIL_BYTES, LOG_TAIL_BYTES_MAX)));
    const { body, headers } = await this.#askWorkflow(`${path}?${asked.toString()}`);
    const passed = ['x-log-attempt', 'x-log-next-offset'].flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, value] as const];
    });
    return { status: 200, type: 'text/plain; charset=utf-8', body, headers: Object.fromEntries(passed) };
  }

  async #askWorkflow(path: string) {
    const { workflow } = await this.#addresses.now();
    return askPart('workflow service', workflow, path);
  }
}

const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  clicks: ['from', 'until', 'product', 'limit'],
  top: ['date', 'limit'],
  streams: [],
  health: [],
  dags: ['limit', 'attempt', 'offset', 'tail'],
};

/** A name that is misspelt would be answered with another question's answer. Errors: INVALID_ARGUMENT. */
function checkNames(what: string | undefined, query: URLSearchParams): void {
  const known = PARAMETERS[what ?? ''];
  const odd = [...query.keys()].find((name) => known?.includes(name) === false);
  if (odd === undefined) return;
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `/api/${what} has no parameter ${odd}; it has ${known?.join(', ') || 'none'}`,
  );
}

/** `from` and `until` of the query: today (UTC) without them. Errors: INVALID_ARGUMENT. */
export function clickRange(query: URLSearchParams, nowMs: number) {
  const product = query.get('product') ?? undefined;
  const untilText = query.get('until');
  const fromText = query.get('from');
  const today = dayStartMs(dayOf(nowMs));
  const fromMs = fromText === null ? today : instant('from', fromText);
  const untilMs =
    untilText === null ? dayStartMs(dayOf(Math.max(fromMs, today))) + DAY_MS : instant('until', untilText);
  if (untilMs <= fromMs) throw new QuarryError('INVALID_ARGUMENT', 'until is after from');
  if (untilMs - fromMs > RANGE_DAYS_MAX * DAY_MS)
    throw new QuarryError('INVALID_ARGUMENT', `from and until are at most ${RANGE_DAYS_MAX} days apart`);
  const limit = query.has('limit') ? wholeNumber(query, 'limit', 0, TOP_LIMIT_MAX) : Infinity;
  return { fromMs, untilMs, product, limit };
}

/** A whole minute: the one that the instant is in. */
function instant(name: string, text: string): number {
  const isIso = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text);
  const ms = isIso && parseDay(text.slice(0, 10)) !== undefined ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${name} is a date (UTC) or a time with its zone, as 2026-11-22T10:00:00Z, not ${text}`,
    );
  return Math.floor(ms / MINUTE_MS) * MINUTE_MS;
}

function wholeNumber(query: URLSearchParams, name: string, fallback: number, max: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= max)) throw new QuarryError('INVALID_ARGUMENT', `${name} is a whole number up to ${max}`);
  return value;
}

function json(body: string): WebAnswer {
  return { status: 200, type: 'application/json', body };
}
