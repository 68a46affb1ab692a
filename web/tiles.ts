import type { StreamView } from '../common/serving-api.ts';
import { MINUTE_MS } from './click-data.ts';
import type { DayState } from './clicks-panel.ts';
import { byId, el, setText, svg } from './dom.ts';
import {
  dayStartMs,
  formatClock,
  formatCount,
  formatDay,
  formatDuration,
  formatRate,
  UNKNOWN,
} from './format.ts';
import { sparkline } from './sparkline.ts';

const DAY_MS = 86_400_000;
const HISTORY = 60;
const SPARK_MINUTES = 30;
const SPARK_WIDTH = 120;
const SPARK_HEIGHT = 28;

interface Tile {
  readonly root: HTMLElement;
  readonly label: HTMLElement;
  readonly value: HTMLElement;
  readonly note: HTMLElement;
  readonly line: SVGElement;
  readonly area: SVGElement;
}

/** The figures to look at first. */
export class Tiles {
  readonly #clicks = tile('Clicks today');
  readonly #minute = tile('Last full minute');
  readonly #input = tile('Input rate');
  readonly #processed = tile('Processed rate');
  readonly #lag = tile('Lag');
  readonly #watermark = tile('Watermark');
  readonly #inputRates: number[] = [];
  readonly #processedRates: number[] = [];
  readonly #lags: number[] = [];

  constructor() {
    const all = [this.#clicks, this.#minute, this.#input, this.#processed, this.#lag, this.#watermark];
    byId('tiles').append(...all.map(({ root }) => root));
  }

  day({ day, isToday, data }: DayState): void {
    const startMs = dayStartMs(day);
    const untilMs = startMs + DAY_MS;
    setText(this.#clicks.label, isToday ? 'Clicks today' : `Clicks on ${formatDay(startMs)}`);
    const newest = data.newestMs(startMs, untilMs);
    setText(this.#clicks.value, formatCount(newest === undefined ? 0 : data.total(startMs, untilMs)));
    setText(this.#clicks.note, newest === undefined ? 'no clicks yet' : 'since 00:00 UTC');
    setText(this.#minute.label, isToday ? 'Last full minute' : 'Last minute');
    if (newest === undefined) {
      setText(this.#minute.value, UNKNOWN);
      setText(this.#minute.note, 'no clicks yet');
      return;
    }
    const endMs = isToday ? newest : newest + MINUTE_MS;
    const counts = data.perMinute(Math.max(startMs, endMs - SPARK_MINUTES * MINUTE_MS), endMs);
    setText(this.#minute.value, formatCount(counts.at(-1) ?? null));
    setText(this.#minute.note, 'clicks per minute');
    draw(this.#minute, counts);
  }

  /** Of the query that writes the view, or else of the first one that runs. */
  streams(streams: readonly StreamView[] | undefined): void {
    const active = streams?.filter(({ isActive }) => isActive) ?? [];
    const stream = active.find(({ name }) => name === 'clicks') ?? active[0];
    const note =
      streams === undefined ? 'driver unavailable' : stream === undefined ? 'no query runs' : stream.name;
    remember(this.#inputRates, stream?.inputRowsPerSecond);
    remember(this.#processedRates, stream?.processedRowsPerSecond);
    remember(this.#lags, stream?.lagRecords);
    setText(this.#input.value, formatRate(stream?.inputRowsPerSecond ?? null));
    setText(this.#input.note, `rows/s, ${note}`);
    setText(this.#processed.value, formatRate(stream?.processedRowsPerSecond ?? null));
    setText(this.#processed.note, `rows/s, ${note}`);
    setText(this.#lag.value, formatCount(stream?.lagRecords ?? null));
    setText(this.#lag.note, 'records behind the log');
    draw(this.#input, this.#inputRates);
    draw(this.#processed, this.#processedRates);
    draw(this.#lag, this.#lags);
    const watermark = stream?.watermark ?? null;
    const watermarkMs = watermark === null ? Number.NaN : Date.parse(watermark);
    // Before the first event it is at the beginning of time.
    const isKnown = watermarkMs > 0;
    setText(this.#watermark.value, isKnown ? formatClock(watermarkMs) : UNKNOWN);
    setText(this.#watermark.note, isKnown ? `${formatDuration(Date.now() - watermarkMs)} ago, UTC` : note);
  }
}

function remember(values: number[], value: number | null | undefined): void {
  values.push(value ?? 0);
  if (values.length > HISTORY) values.shift();
}

function tile(name: string): Tile {
  const label = el('h2', {}, name);
  const value = el('p', { class: 'figure' }, UNKNOWN);
  const note = el('p', { class: 'quiet small' });
  const line = svg('path', {
    fill: 'none',
    stroke: 'currentColor',
    'stroke-width': '1.5',
    'stroke-linejoin': 'round',
  });
  const area = svg('path', { class: 'area', fill: 'currentColor' });
  const spark = svg(
    'svg',
    {
      class: 'spark',
      viewBox: `0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`,
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    },
    area,
    line,
  );
  return { root: el('div', { class: 'tile' }, label, value, note, spark), label, value, note, line, area };
}

function draw({ line, area }: Tile, values: readonly number[]): void {
  const path = sparkline(values, SPARK_WIDTH, SPARK_HEIGHT);
  line.setAttribute('d', path);
  area.setAttribute('d', path === '' ? '' : `${path}V${SPARK_HEIGHT}H0Z`);
}
