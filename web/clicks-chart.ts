import uPlot from 'uplot';
import type { AlignedClicks } from './click-data.ts';
import { el, setText, svg } from './dom.ts';
import { formatCount, formatDayOfMonth, formatMinute } from './format.ts';
import { colour } from './theme.ts';

export interface ChartModel {
  readonly products: readonly string[];
  /** Number of each product's colour. */
  readonly colours: ReadonlyMap<string, number>;
  readonly clicks: AlignedClicks;
  /** Where the batch view ends and the speed view begins. */
  readonly seamMs: number;
}

const DAY_SECONDS = 86_400;
/** Colours from here on come with dashes. */
const DASHED_FROM = 5;
const DASH = [5, 3];
const X_STEPS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
const PHONE_WIDTH = 560;

/** Lines of clicks a minute, with a legend of buttons that has the values under the cursor. */
export class ClicksChart {
  readonly #host: HTMLElement;
  readonly #legend: HTMLElement;
  readonly #at: HTMLElement;
  readonly #hidden = new Set<string>();
  readonly #values = new Map<string, HTMLElement>();
  #plot: uPlot | undefined;
  #shape = '';
  #model: ChartModel | undefined;

  constructor(host: HTMLElement, legend: HTMLElement, at: HTMLElement) {
    this.#host = host;
    this.#legend = legend;
    this.#at = at;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(host);
    host.addEventListener('keydown', (event) => this.#key(event));
    host.addEventListener('blur', () => this.#plot?.setCursor({ left: -10, top: -10 }));
  }

  render(model: ChartModel): void {
    this.#model = model;
    const shape = JSON.stringify([model.products, [...model.colours]]);
    if (this.#plot === undefined || shape !== this.#shape) {
      this.#shape = shape;
      this.#build(model);
    } else this.#plot.setData(data(model));
    this.#host.setAttribute('aria-label', summary(model));
    this.#showValues();
  }

  /** Draws again in the colours of now. */
  recolour(): void {
    if (this.#model !== undefined) this.#build(this.#model);
  }

  #build(model: ChartModel): void {
    this.#plot?.destroy();
    this.#showLegend(model);
    this.#plot = new uPlot(this.#options(model), data(model), this.#host);
  }

  #options({ products, colours }: ChartModel): uPlot.Options {
    const axis = {
      stroke: colour('quiet'),
      font: '12px system-ui, sans-serif',
      grid: { stroke: colour('line'), width: 1 },
      ticks: { show: false },
    };
    return {
      ...this.#size(),
      padding: [12, 12, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { y: { range: (_, __, max) => [0, Math.max(4, max * 1.08)] } },
      axes: [
        {
          ...axis,
          space: 64,
          size: 30,
          incrs: X_STEPS,
          splits: utcSplits,
          values: (_, splits) => splits.map(timeLabel),
        },
        {
          ...axis,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6],
          values: (_, splits) => splits.map((value) => formatCount(value)),
          size: (_, values) => 18 + 7 * Math.max(1, ...(values ?? []).map((text) => text.length)),
        },
      ],
      series: [
        {},
        ...products.map((product): uPlot.Series => {
          const number = colours.get(product)!;
          return {
            label: product,
            stroke: colour(`series-${number}`),
            width: 1.75,
            show: !this.#hidden.has(product),
            points: { show: false },
            ...(number >= DASHED_FROM ? { dash: DASH } : {}),
          };
        }),
      ],
      hooks: {
        setCursor: [() => this.#showValues()],
        draw: [(plot) => drawSeam(plot, this.#model?.seamMs ?? 0)],
      },
    };
  }

  #showLegend({ products, colours }: ChartModel): void {
    const focused = document.activeElement?.getAttribute('data-product');
    this.#values.clear();
    const items = products.map((product) => {
      const value = el('span', { class: 'value' });
      this.#values.set(product, value);
      const key = el(
        'button',
        {
          type: 'button',
          class: 'key',
          'data-product': product,
          'aria-pressed': String(!this.#hidden.has(product)),
          title: 'Show or hide',
        },
        swatch(colours.get(product)!),
        el('span', { class: 'name' }, product),
        value,
      );
      key.addEventListener('click', () => this.#toggle(product, key));
      return el('li', {}, key);
    });
    this.#legend.replaceChildren(...items);
    for (const key of this.#legend.querySelectorAll('button')) {
      if (key.dataset['product'] === focused) key.focus();
    }
  }

  #toggle(product: string, key: HTMLElement): void {
    const isShown = this.#hidden.delete(product);
    if (!isShown) this.#hidden.add(product);
    key.setAttribute('aria-pressed', String(isShown));
    const index = this.#model?.products.indexOf(product) ?? -1;
    if (index >= 0) this.#plot?.setSeries(index + 1, { show: isShown });
  }

  /** Of the minute under the cursor, else of the newest. */
  #showValues(): void {
    const model = this.#model;
    if (model === undefined) return;
    const { secondsOf, values } = model.clicks;
    const under = this.#plot?.cursor.idx;
    const index = under ?? secondsOf.length - 1;
    const second = secondsOf[index];
    if (second === undefined) return;
    const label = `${formatDayOfMonth(second * 1000)}, ${formatMinute(second * 1000)} UTC`;
    setText(
      this.#at,
      typeof under === 'number' ? label : `Newest minute: ${label}, still counting while live`,
    );
    model.products.forEach((product, i) => {
      const cell = this.#values.get(product);
      if (cell !== undefined) setText(cell, formatCount(values[i]?.[index] ?? 0));
    });
  }

  #key(event: KeyboardEvent): void {
    const plot = this.#plot;
    const seconds = this.#model?.clicks.secondsOf ?? [];
    if (plot === undefined || seconds.length === 0) return;
    const last = seconds.length - 1;
    const at = plot.cursor.idx ?? last;
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      PageUp: at - 60,
      PageDown: at + 60,
      Home: 0,
      End: last,
    };
    if (event.key === 'Escape') plot.setCursor({ left: -10, top: -10 });
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const second = seconds[Math.min(last, Math.max(0, step))]!;
    plot.setCursor({ left: plot.valToPos(second, 'x'), top: 10 });
  }

  #size(): { width: number; height: number } {
    const width = Math.max(200, this.#host.clientWidth);
    return { width, height: width < PHONE_WIDTH ? 220 : 320 };
  }
}

/** A line in a product's colour, dashed as in the chart. */
export function swatch(number: number): SVGElement {
  const dash: Readonly<Record<string, string>> =
    number >= DASHED_FROM ? { 'stroke-dasharray': DASH.join(' ') } : {};
  const line = svg('line', {
    x1: '1',
    y1: '5',
    x2: '17',
    y2: '5',
    stroke: 'currentColor',
    'stroke-width': '3',
    ...dash,
  });
  return svg(
    'svg',
    {
      class: `swatch series-${number}`,
      viewBox: '0 0 18 10',
      width: '18',
      height: '10',
      'aria-hidden': 'true',
    },
    line,
  );
}

function data({ clicks }: ChartModel): uPlot.AlignedData {
  return [clicks.secondsOf, ...clicks.values];
}

/** Full hours and days of UTC, whatever zone the browser is in. */
function utcSplits(_: uPlot, __: number, min: number, max: number, step: number): number[] {
  const splits: number[] = [];
  for (let at = Math.ceil(min / step) * step; at <= max; at += step) splits.push(at);
  return splits;
}

function timeLabel(second: number): string {
  return second % DAY_SECONDS === 0 ? formatDayOfMonth(second * 1000) : formatMinute(second * 1000);
}

function drawSeam(plot: uPlot, seamMs: number): void {
  const { min, max } = plot.scales['x']!;
  const second = seamMs / 1000;
  if (min == null || max == null || second <= min || second >= max) return;
  const { ctx, bbox } = plot;
  const x = Math.round(plot.valToPos(second, 'x', true));
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour('quiet');
  ctx.lineWidth = ratio;
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = 'top';
  ctx.textAlign = 'right';
  ctx.fillText('batch view', x - 6 * ratio, bbox.top + 2 * ratio);
  ctx.textAlign = 'left';
  ctx.fillText('speed view', x + 6 * ratio, bbox.top + 2 * ratio);
  ctx.restore();
}

function summary({ products, clicks }: ChartModel): string {
  const { secondsOf } = clicks;
  const [first, last] = [secondsOf[0] ?? 0, secondsOf.at(-1) ?? 0];
  return `Lines of clicks per minute of ${products.join(', ')} from ${formatMinute(first * 1000)} to ${formatMinute(last * 1000)} UTC. Arrow keys move through the minutes.`;
}
