import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../cluster/eventually.ts';
import { WorkflowProcess } from '../../cluster/workflow-process.ts';
import { launchChromium } from './chromium.ts';
import {
  DAY_MS,
  dayOf,
  fakeDriver,
  MINUTE_MS,
  minuteKey,
  someClicks,
  startWeb,
  Store,
  streamAnswer,
  totals,
  writeDag,
} from './dashboard-parts.ts';

/** Of the files that a reader may look at: QUARRY_SCREENSHOTS names a directory that stays. */
let pictures: string;
let directory: string;
let browser: Browser;
let store: Store;
let driver: { url: string; close(): Promise<void> };
let workflow: WorkflowProcess;
let web: { url: string; close(): Promise<void> };
let rate = 1_180;

const nowMs = Date.now();
const todayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
const yesterdayMs = todayMs - DAY_MS;
const newestMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
const today = someClicks(Math.max(todayMs, newestMs - 4 * 60 * MINUTE_MS), newestMs + MINUTE_MS);
const yesterday = someClicks(yesterdayMs, todayMs);
const number = (value: number) => value.toLocaleString('en-US');

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-dashboard-'));
  pictures = process.env['QUARRY_SCREENSHOTS'] ?? directory;
  browser = await launchChromium();
  store = await Store.start();
  await store.speed(today);
  await store.batch(dayOf(yesterdayMs), yesterday);
  driver = await fakeDriver(() => streamAnswer(rate, 42));
  workflow = await WorkflowProcess.start({ dags: [await writeDag(directory)] });
  for (let back = 4; back >= 1; back -= 1) {
    await workflow.client.trigger('nightly', {
      runId: `night-${back}`,
      date: dayOf(todayMs - back * DAY_MS),
    });
    await workflow.ended('nightly', `night-${back}`);
  }
  web = await startWeb({
    view: store.view,
    tables: store.tables,
    driver: driver.url,
    workflow: workflow.url,
  });
});

afterAll(async () => {
  await browser?.close();
  await web?.close();
  await workflow?.stop();
  await driver?.close();
  await store?.dispose();
  await rm(directory, { recursive: true, force: true });
});

let page: Page;
let problems: string[] = [];

async function open(options: BrowserContextOptions = {}): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  page = await context.newPage();
  problems = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(web.url) && !request.url().startsWith('data:'))
      problems.push(request.url());
  });
  await page.goto(web.url);
  await page.locator('#live[data-state=live]').waitFor();
  await page.locator('#chart canvas').waitFor();
  await page.locator('#dags .grid').waitFor();
  await page.locator('.stream').waitFor();
  await page.locator('#top tbody tr').first().waitFor();
  await page.locator('#parts li').first().waitFor();
}

afterEach(async () => {
  await page?.context().close();
});

/** How many different colours the chart's pixels have: an empty canvas has one. */
function coloursOfChart(): Promise<number> {
  return page.locator('#chart canvas').evaluate((element) => {
    const canvas = element as unknown as {
      width: number;
      height: number;
      getContext(kind: '2d'): { getImageData(...box: number[]): { data: Uint8ClampedArray } };
    };
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set<number>();
    for (let at = 0; at < data.length; at += 4)
      if (data[at + 3]! > 200) seen.add((data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!);
    return seen.size;
  });
}

const overflow = () =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

async function picture(name: string): Promise<void> {
  const path = join(pictures, `dashboard-${name}.png`);
  await page.screenshot({ path, fullPage: true });
  expect((await stat(path)).size).toBeGreaterThan(10_000);
}

async function rowsOfTop(): Promise<string[][]> {
  const rows = await page.locator('#top tbody tr').all();
  return Promise.all(
    rows.map(async (row) => [
      (await row.locator('th').innerText()).trim(),
      (await row.locator('td').nth(2).innerText()).trim(),
    ]),
  );
}

const ranked = (counts: Map<string, number>) =>
  [...counts].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, 10);

describe('the dashboard', () => {
  it.each(['light', 'dark'] as const)('shows what the views hold, %s', async (colorScheme) => {
    await open({ colorScheme });
    expect(await coloursOfChart()).toBeGreaterThan(20);
    const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(background).toBe(colorScheme === 'light' ? 'rgb(246, 247, 249)' : 'rgb(14, 17, 22)');
    expect(await page.locator('#legend li').count()).toBe(5);
    const best = ranked(totals(today)).map(([product, clicks]) => [product, number(clicks)]);
    expect(await rowsOfTop()).toEqual(best);
    const sum = [...totals(today).values()].reduce((a, b) => a + b, 0);
    expect(await page.locator('.tile').first().innerText()).toContain(number(sum));
    expect(await page.locator('.stream').innerText()).toMatch(/clicks[\s\S]*1,180 rows\/s[\s\S]*42 records/);
    expect(await page.locator('#clicks-source').innerText()).toContain('speed view');
    expect(await overflow()).toBeLessThanOrEqual(0);
    await picture(colorScheme);
    expect(problems).toEqual([]);
  });

  it('fits a phone without scrolling sideways', async () => {
    await open({ viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, colorScheme: 'light' });
    await page.locator('#count').selectOption('10');
    await page.locator('#values summary').click();
    expect(await overflow()).toBeLessThanOrEqual(0);
    await page.locator('#values summary').click();
    await page.locator('#count').selectOption('5');
    expect(await coloursOfChart()).toBeGreaterThan(20);
    await picture('phone');
    expect(problems).toEqual([]);
  });

  it('shows new counts within seconds of their commit', async () => {
    await open();
    const [product] = ranked(totals(today))[0]!;
    const counts = new Map(today.get(newestMs));
    counts.set(product, counts.get(product)! + 100_000);
    await store.speed(new Map([[newestMs, counts]]));
    await page.locator('#legend .value', { hasText: /^100,/ }).waitFor({ timeout: 4_000 });
    await page
      .locator('#top tbody tr td', { hasText: /^1\d\d,\d{3}$/ })
      .first()
      .waitFor({ timeout: 5_000 });
    await store.speed(new Map([[newestMs, today.get(newestMs)!]]));
    expect(problems).toEqual([]);
  });

  it('goes to another day, from its batch, and over the seam of both', async () => {
    await open();
    await page.locator('#day-before').click();
    await page.locator('#clicks-source', { hasText: 'batch view' }).waitFor();
    await page.locator('#top-source', { hasText: 'batch view' }).waitFor();
    const best = ranked(totals(yesterday)).map(([product, clicks]) => [product, number(clicks)]);
    expect(await rowsOfTop()).toEqual(best);
    expect(await page.locator('#span').inputValue()).toBe('24');
    await page.locator('#day-today').click();
    expect(await page.locator('#span').inputValue()).toBe('1');
    await page.locator('#span').selectOption('48');
    await page.locator('#clicks-source', { hasText: 'speed view' }).waitFor();
    await picture('two-days');
    await page.locator('#day').fill(dayOf(todayMs - 5 * DAY_MS));
    await page.locator('#span').selectOption('24');
    await page.locator('#chart-empty', { hasText: 'No clicks on' }).waitFor();
    expect(problems).toEqual([]);
  });

  it('is moved through by keys, and hides a product', async () => {
    await open();
    await page.locator('#chart').focus();
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    const shown = minuteKey(newestMs - MINUTE_MS).slice(11, 16);
    await page.locator('#chart-at', { hasText: `${shown} UTC` }).waitFor();
    const [product] = ranked(totals(today))[0]!;
    const value = today.get(newestMs - MINUTE_MS)!.get(product)!;
    const key = page.locator('#legend button', { hasText: product });
    expect(await key.locator('.value').innerText()).toBe(number(value));
    await key.focus();
    await page.keyboard.press('Enter');
    expect(await key.getAttribute('aria-pressed')).toBe('false');
    expect(problems).toEqual([]);
  });

  it('opens the log of a task, attempt by attempt, as text', async () => {
    await open();
    const night = dayOf(todayMs - DAY_MS);
    expect(await page.locator('#dags .run').count()).toBe(4);
    await page.getByRole('button', { name: `best-products, run of ${night}: success` }).click();
    await page.locator('#log-text', { hasText: `ranking of ${night}` }).waitFor();
    expect(await page.locator('#log-text').innerText()).toContain('<b>12 products</b><script>');
    await picture('log');
    await page.keyboard.press('Escape');
    expect(await page.locator('#log').isVisible()).toBe(false);
    await page.getByRole('button', { name: `mail, run of ${night}: success` }).click();
    await page.locator('#log-text', { hasText: 'sent' }).waitFor();
    await page.locator('#log-attempt').selectOption('1');
    await page.locator('#log-text', { hasText: 'no server yet' }).waitFor();
    await page.locator('#log-close').click();
    await page.getByRole('button', { name: `archive, run of ${night}: failed` }).click();
    await page.locator('#log-notice', { hasText: 'TASK_FAILED' }).waitFor();
    expect(await page.title()).toBe('Clicks · Quarry');
    expect(problems).toEqual([]);
  });

  it('keeps a theme that was chosen', async () => {
    await open({ colorScheme: 'light' });
    await page.locator('#theme').click();
    await page.locator('#theme').click();
    await page.reload();
    expect(await page.locator('#theme').innerText()).toBe('Theme: dark');
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(14, 17, 22)');
  });

  it('keeps what it knows while a part is down, says so, and goes on by itself', async () => {
    await open();
    await store.end();
    await page.locator('#clicks-notice', { hasText: 'does not answer' }).waitFor({ timeout: 15_000 });
    expect(await coloursOfChart()).toBeGreaterThan(20);
    await page.locator('#parts .state[data-state=down]').first().waitFor({ timeout: 15_000 });
    await picture('view-down');
    rate = 2_345;
    await page.locator('.stream', { hasText: '2,345 rows/s' }).waitFor();
    await store.restart();
    await eventually(
      () => page.locator('#clicks-notice').isVisible(),
      (isVisible) => !isVisible,
      20_000,
    );
    // The browser itself notes requests that were refused; nothing else went wrong.
    expect(problems.filter((text) => !text.startsWith('Failed to load resource'))).toEqual([]);
  });
});

describe('a dashboard of which nothing else is up', () => {
  it('says so, part by part', async () => {
    const alone = await startWeb({});
    const context = await browser.newContext();
    page = await context.newPage();
    await page.goto(alone.url);
    await page.locator('#streams-notice', { hasText: 'was told no driver' }).waitFor();
    await page.locator('#dags-notice', { hasText: 'was told no workflow service' }).waitFor();
    await page.locator('#clicks-notice', { hasText: 'was told no view' }).waitFor();
    await page.locator('#chart-empty', { hasText: 'No clicks are known.' }).waitFor();
    expect(await page.locator('#parts .state[data-state=absent]').count()).toBe(5);
    await alone.close();
  });
});
