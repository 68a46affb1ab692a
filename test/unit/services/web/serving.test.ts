import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveConfig } from '../../../../common/config.ts';
import { silentLog } from '../../../../common/log.ts';
import type { RunningRole } from '../../../../common/role.ts';
import type { ClicksAnswer, HealthAnswer, TopAnswer } from '../../../../common/serving-api.ts';
import { systemSeams } from '../../../../common/seams/system.ts';
import { start } from '../../../../services/web/start.ts';
import {
  DAY_MS,
  dayOf,
  MINUTE_MS,
  minuteKey,
  someClicks,
  Store,
  totals,
} from '../../../foreign/browser/dashboard-parts.ts';

const todayMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const yesterday = dayOf(todayMs - DAY_MS);
const PRODUCTS = 50;

let directory: string;
let store: Store;
let web: RunningRole;
let url: string;

async function startWeb(service: Record<string, string>): Promise<RunningRole> {
  const page = join(directory, 'page');
  const options = {
    name: 'web',
    directory,
    settings: {},
    namenodeAddress: '',
    driverAddress: '',
    node: '',
    unixSocket: '',
  };
  return start(
    { ...options, service: { page, ...service } },
    resolveConfig({ 'web.port': '0' }),
    systemSeams(directory, silentLog()),
  );
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-web-'));
  await mkdir(join(directory, 'page'));
  await writeFile(join(directory, 'page', 'index.html'), '<!doctype html><title>t</title>');
  await writeFile(join(directory, 'page', 'main.js.map'), '{}');
  store = await Store.start();
  await store.speed(someClicks(todayMs, todayMs + DAY_MS, PRODUCTS));
  await store.batch(yesterday, someClicks(todayMs - DAY_MS, todayMs, PRODUCTS));
  web = await startWeb({ view: store.view, tables: store.tables });
  url = `http://${web.addresses['http']}`;
});

afterAll(async () => {
  await web?.close();
  await store?.dispose();
  await rm(directory, { recursive: true, force: true });
});

const get = async <T>(path: string): Promise<T> => (await (await fetch(url + path)).json()) as T;

/** As a client that says what it likes about the host and the path. */
function raw(path: string, headers: Record<string, string>, method = 'GET') {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const call = request({ hostname, port, path, method, headers }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, body }));
    });
    call.on('error', reject);
    call.end();
  });
}

describe('the serving API over real views and tables', () => {
  it('joins two days at their seam, every click once', async () => {
    const range = `from=${yesterday}&until=${dayOf(todayMs + DAY_MS)}`;
    const answer = await get<ClicksAnswer>(`/api/clicks?${range}`);
    expect(answer.seam).toBe(new Date(todayMs).toISOString());
    expect(answer.days.map(({ source }) => source)).toEqual(['batch', 'speed']);
    const sums = new Map(
      answer.series.map(({ product, points }) => [product, points.reduce((n, [, c]) => n + c, 0)]),
    );
    expect(sums).toEqual(totals(someClicks(todayMs - DAY_MS, todayMs + DAY_MS, PRODUCTS)));
    const [best] = answer.series;
    expect(best!.points).toHaveLength(2 * 1440);
    expect(best!.points[1440]![0]).toBe(todayMs);
  });

  it('answers a day of 1440 minutes and 50 products fast, and small ranges of it smaller', async () => {
    // Once cold: the processors of a test machine have other work too.
    await get('/api/clicks');
    const began = performance.now();
    const answer = await get<ClicksAnswer>('/api/clicks');
    const tookMs = performance.now() - began;
    expect(answer.series).toHaveLength(PRODUCTS);
    expect(tookMs).toBeLessThan(1_000);
    const at = new Date(todayMs + 60 * MINUTE_MS).toISOString();
    const hour = await get<ClicksAnswer>(
      `/api/clicks?from=${dayOf(todayMs)}&until=${at}&product=${answer.series[0]!.product}`,
    );
    expect(hour.series.map(({ points }) => points.length)).toEqual([60]);
  });

  it('ranks a finished day from its table, and today from the view', async () => {
    const top = await get<TopAnswer>(`/api/top?date=${yesterday}&limit=3`);
    expect([top.source, top.products, top.ranking.length]).toEqual(['batch', PRODUCTS, 3]);
    expect(await get('/api/top?limit=0')).toMatchObject({
      date: dayOf(todayMs),
      source: 'speed',
      products: PRODUCTS,
    });
  });

  it('pushes what is committed', async () => {
    const response = await fetch(`${url}/api/live`);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const read = async (part: string) => {
      while (!text.includes(part)) text += (await reader.read()).value ?? '';
    };
    await read('\n\n');
    const at = todayMs + DAY_MS - MINUTE_MS;
    await store.speed(new Map([[at, new Map([['4711', 123_456]])]]));
    await read('["4711",123456]');
    await reader.cancel();
    expect(text).toContain(`[${at},[`);
    expect(minuteKey(at)).toMatch(/T23:59:00Z$/);
  });

  it('says which parts are there', async () => {
    const { parts } = await get<HealthAnswer>('/api/health');
    expect(parts.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'log absent',
      'view up',
      'tables up',
      'driver absent',
      'workflow absent',
    ]);
  });

  it.each([
    ['/api/clicks?from=x', 400, 'INVALID_ARGUMENT'],
    ['/api/top?date=2026-13-01', 400, 'INVALID_ARGUMENT'],
    ['/api/top?limit=-1', 400, 'INVALID_ARGUMENT'],
    ['/api/top?date=2026-02-30', 400, 'INVALID_ARGUMENT'],
    ['/api/clicks?from=2026-02-30', 400, 'INVALID_ARGUMENT'],
    ['/api/clicks?form=2026-02-28', 400, 'INVALID_ARGUMENT'],
    ['/api/nothing', 404, 'FILE_NOT_FOUND'],
    ['/api/dags/a/runs/b/clear', 404, 'FILE_NOT_FOUND'],
    ['/api/%zz', 400, 'INVALID_ARGUMENT'],
    ['/api/streams', 503, 'PEER_UNREACHABLE'],
    ['/api/dags', 503, 'PEER_UNREACHABLE'],
  ])('%s is refused with %d %s', async (path, status, code) => {
    const answer = await fetch(url + path);
    expect(answer.status).toBe(status);
    const { error } = (await answer.json()) as { error: { code: string; message: string } };
    expect(error.code).toBe(code);
    expect(error.message).not.toBe('');
  });

  it('answers this machine only, reads only, and no file but its own', async () => {
    expect(await raw('/', { host: 'evil.example' })).toMatchObject({ status: 403 });
    expect(await raw('/api/live', { host: 'evil.example' })).toMatchObject({ status: 403 });
    expect(await raw('/api/clicks', { host: 'localhost' }, 'POST')).toMatchObject({ status: 405 });
    expect(await raw('/../../package.json', { host: 'localhost' })).toMatchObject({ status: 404 });
    expect(await raw('/..%2findex.html', { host: 'localhost' })).toMatchObject({ status: 404 });
    expect(await raw('/main.js.map', { host: 'localhost' })).toMatchObject({ status: 404 });
    const page = await fetch(url);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe');
    const again = await fetch(url, { headers: { 'if-none-match': page.headers.get('etag')! } });
    expect(again.status).toBe(304);
  });

  it('answers with the batch while the view is told wrong, and says so', async () => {
    const half = await startWeb({ view: 'quarry-views://127.0.0.1:1', tables: store.tables });
    const range = `from=${yesterday}&until=${dayOf(todayMs + DAY_MS)}`;
    const answer = (await (
      await fetch(`http://${half.addresses['http']}/api/clicks?${range}`)
    ).json()) as ClicksAnswer;
    expect(answer.series).toHaveLength(PRODUCTS);
    expect(answer.unavailable).toEqual([
      { part: 'view', message: expect.stringContaining('does not answer') as string },
    ]);
    await half.close();
  });
});

it('names the build when there is no page', async () => {
  await expect(startWeb({ page: join(directory, 'nowhere') })).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
  });
});
