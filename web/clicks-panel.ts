import type { ClicksAnswer, LiveEvent, PartFailure } from '../common/serving-api.ts';
import { ask, messageFrom, repeat } from './ask.ts';
import { assignColours, ClickData, MINUTE_MS } from './click-data.ts';
import { ClicksChart } from './clicks-chart.ts';
import { byId, el, notice, setText } from './dom.ts';
import { asSentence, dayOf, dayStartMs, formatCount, formatDay, formatMinute } from './format.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const TABLE_MINUTES = 15;
const WHOLE_DAY = 24;
/** The live events carry what is new; this is for a batch that has ended and for minutes that events have missed. */
const RELOAD_INTERVAL_MS = 60_000;
/** Of many thousand products a page needs the ones that may come among the first. */
const PRODUCTS_MAX = 200;
/** A chart of a few points would be a few strokes. */
const SPAN_MIN_MS = 30 * MINUTE_MS;

/** What other panels show of the same day. */
export interface DayState {
  /** YYYY-MM-DD, UTC. */
  readonly day: string;
  readonly isToday: boolean;
  readonly data: ClickData;
  readonly colours: ReadonlyMap<string, number>;
}

/** The chart with its controls: a day, or the hours up to the newest minute. */
export class ClicksPanel {
  readonly #data = new ClickData();
  readonly #chart = new ClicksChart(byId('chart'), byId('legend'), byId('chart-at'));
  readonly #dayInput = byId<'input'>('day');
  readonly #changed: (state: DayState) => void;
  readonly #reload: () => void;
  /** Undefined: today, also when that is another day. */
  #chosen: string | undefined;
  #today = dayOf(Date.now());
  #answer: ClicksAnswer | undefined;
  #colours: ReadonlyMap<string, number> = new Map();
  #failure: string | undefined;
  #liveFailures: readonly PartFailure[] = [];

  constructor(changed: (state: DayState) => void) {
    this.#changed = changed;
    this.#bind();
    this.#reload = repeat(RELOAD_INTERVAL_MS, () => this.#load());
  }

  get state(): DayState {
    const day = this.#day;
    return { day, isToday: day === this.#today, data: this.#data, colours: this.#colours };
  }

  live(event: LiveEvent): void {
    const isNewDay = event.day !== this.#today;
    this.#today = event.day;
    this.#liveFailures = event.unavailable;
    this.#data.apply(event.minutes, performance.now());
    if (isNewDay || event.reload) this.#reload();
    if (event.minutes.length > 0 || isNewDay) this.render();
    else this.#notices();
  }

  /** Events may have been missed. */
  reconnected(): void {
    this.#reload();
  }

  recolour(): void {
    this.#chart.recolour();
  }

  render(): void {
    const { day, isToday } = this.state;
    const [fromMs, untilMs] = this.#window();
    const products = this.#data.topProducts(fromMs, untilMs, Number(byId<'select'>('count').value));
    this.#colours = assignColours(this.#colours, products);
    const hasClicks = products.length > 0;
    byId('chart').hidden = !hasClicks;
    byId('legend').parentElement!.hidden = !hasClicks;
    byId<'details'>('values').hidden = !hasClicks;
    const empty = byId('chart-empty');
    // Neither an answer nor a failure yet: the page has only just asked.
    empty.hidden = hasClicks || (this.#answer === undefined && this.#failure === undefined);
    const nothing = isToday ? 'No clicks yet today.' : `No clicks on ${formatDay(dayStartMs(day))}.`;
    setText(empty, this.#answer?.unavailable.length === 0 ? nothing : 'No clicks are known.');
    if (hasClicks) {
      const seamMs = this.#answer === undefined ? 0 : Date.parse(this.#answer.seam);
      const clicks = this.#data.aligned(products, fromMs, untilMs);
      this.#chart.render({ products, colours: this.#colours, clicks, seamMs });
      if (byId<'details'>('values').open) this.#table(products, fromMs, untilMs);
    }
    this.#dayInput.max = this.#today;
    if (document.activeElement !== this.#dayInput) this.#dayInput.value = day;
    byId<'button'>('day-after').disabled = day >= this.#today;
    byId<'button'>('day-today').disabled = this.#chosen === undefined;
    this.#notices();
    this.#changed(this.state);
  }

  get #day(): string {
    return this.#chosen ?? this.#today;
  }

  #spanMs(): number {
    return Number(byId<'select'>('span').value) * HOUR_MS;
  }

  /** What is asked for: whole days. */
  #asked(): [number, number] {
    const startMs = dayStartMs(this.#day);
    const spanMs = this.#spanMs();
    const reachesBack =
      spanMs > DAY_MS || (this.#chosen === undefined && Date.now() - spanMs < startMs && spanMs < DAY_MS);
    return [reachesBack ? startMs - DAY_MS : startMs, startMs + DAY_MS];
  }

  /** What is drawn: the last hours up to the newest minute, or from the first click of the days on. */
  #window(): [number, number] {
    const [askedFrom, askedUntil] = this.#asked();
    const newest = this.#data.newestMs(askedFrom, askedUntil);
    const spanMs = this.#spanMs();
    if (newest === undefined) return [askedFrom, askedUntil];
    const isFinished = this.#day < this.#today;
    const untilMs = isFinished && spanMs >= DAY_MS ? askedUntil : newest + MINUTE_MS;
    if (spanMs < DAY_MS) return [Math.max(askedFrom, untilMs - spanMs), untilMs];
    if (isFinished) return [askedFrom, untilMs];
    const oldest = this.#data.oldestMs(askedFrom, askedUntil) ?? askedFrom;
    return [Math.max(askedFrom, Math.min(oldest, untilMs - SPAN_MIN_MS)), untilMs];
  }

  async #load(): Promise<void> {
    const [fromMs, untilMs] = this.#asked();
    const askedMs = performance.now();
    const range = `from=${new Date(fromMs).toISOString()}&until=${new Date(untilMs).toISOString()}&limit=${PRODUCTS_MAX}`;
    try {
      const answer = await ask<ClicksAnswer>(`/api/clicks?${range}`);
      const [from, until] = this.#asked();
      // Another day was chosen meanwhile: its own answer follows.
      if (from !== fromMs || until !== untilMs) return;
      this.#answer = answer;
      this.#data.load(answer, askedMs);
      this.#failure = undefined;
    } catch (thrown) {
      this.#failure = messageFrom(thrown);
    }
    this.render();
  }

  #notices(): void {
    const { day } = this.state;
    const failures = new Set([
      ...(this.#failure === undefined ? [] : [this.#failure]),
      ...(this.#answer?.unavailable ?? []).map(({ message }) => message),
      ...(this.#chosen === undefined ? this.#liveFailures : []).map(({ message }) => message),
    ]);
    const text = [...failures].join('; ');
    notice(byId('clicks-notice'), text === '' ? undefined : asSentence(`Shown as last known: ${text}`));
    const sources = this.#answer?.days.find(({ ds }) => ds === day)?.source;
    const source =
      sources === undefined
        ? ''
        : sources === 'batch'
          ? 'From the batch view of the nightly job.'
          : 'From the speed view of the streaming query.';
    setText(byId('clicks-source'), `${formatDay(dayStartMs(day))}, times in UTC. ${source}`);
  }

  #table(products: readonly string[], fromMs: number, untilMs: number): void {
    const from = Math.max(fromMs, untilMs - TABLE_MINUTES * MINUTE_MS);
    const { secondsOf, values } = this.#data.aligned(products, from, untilMs);
    const head = el('tr', {}, el('th', { scope: 'col' }, 'Minute (UTC)'));
    head.append(...products.map((product) => el('th', { scope: 'col', class: 'n' }, product)));
    const rows = secondsOf.map((second, at) =>
      el(
        'tr',
        {},
        el('th', { scope: 'row' }, formatMinute(second * 1000)),
        ...values.map((of) => el('td', { class: 'n' }, formatCount(of[at] ?? 0))),
      ),
    );
    byId<'table'>('values-table').replaceChildren(
      el('thead', {}, head),
      el('tbody', {}, ...rows.toReversed()),
    );
  }

  #bind(): void {
    const span = byId<'select'>('span');
    let spanToday = span.value;
    const choose = (day: string | undefined) => {
      const wasToday = this.#chosen === undefined;
      this.#chosen = day === this.#today ? undefined : day;
      // Of a day that has ended all of it is of interest, of today the last hour.
      if (wasToday && this.#chosen !== undefined) {
        spanToday = span.value;
        if (Number(span.value) < WHOLE_DAY) span.value = String(WHOLE_DAY);
      } else if (!wasToday && this.#chosen === undefined) span.value = spanToday;
      this.#answer = undefined;
      this.render();
      this.#reload();
    };
    const by = (days: number) => () => choose(dayOf(dayStartMs(this.#day) + days * DAY_MS));
    byId('day-before').addEventListener('click', by(-1));
    byId('day-after').addEventListener('click', by(1));
    byId('day-today').addEventListener('click', () => choose(undefined));
    this.#dayInput.addEventListener('change', () => {
      const { value } = this.#dayInput;
      if (value !== '' && value <= this.#today) choose(value);
      else this.#dayInput.value = this.#day;
    });
    span.addEventListener('change', () => choose(this.#chosen));
    byId('count').addEventListener('change', () => this.render());
    byId('values').addEventListener('toggle', () => this.render());
  }
}
