import type { TopAnswer } from '../common/serving-api.ts';
import { ask, messageFrom, repeat } from './ask.ts';
import { swatch } from './clicks-chart.ts';
import type { DayState } from './clicks-panel.ts';
import { byId, el, notice, setText } from './dom.ts';
import { asSentence, dayStartMs, formatCount, formatDay, formatShare } from './format.ts';

const INTERVAL_MS = 2_000;
const SHOWN = 10;

/** The ranking of the day that the chart shows. */
export class TopPanel {
  readonly #state: () => DayState;
  readonly #refresh: () => void;
  #answer: TopAnswer | undefined;
  #shown = '';

  constructor(state: () => DayState) {
    this.#state = state;
    this.#refresh = repeat(INTERVAL_MS, () => this.#load());
  }

  /** The day or the colours may have changed. */
  update(): void {
    if (this.#answer !== undefined && this.#answer.date !== this.#state().day) this.#refresh();
    else this.#render();
  }

  async #load(): Promise<void> {
    const { day } = this.#state();
    try {
      this.#answer = await ask<TopAnswer>(`/api/top?date=${day}&limit=${SHOWN}`);
      const failures = this.#answer.unavailable.map(({ message }) => message).join('; ');
      notice(
        byId('top-notice'),
        failures === '' ? undefined : asSentence(`Shown as last known: ${failures}`),
      );
    } catch (thrown) {
      notice(byId('top-notice'), asSentence(`The ranking is unavailable: ${messageFrom(thrown)}`));
    }
    this.#render();
  }

  #render(): void {
    const { day, isToday, colours } = this.#state();
    const answer = this.#answer;
    setText(
      byId('top-title'),
      isToday ? "Today's top products" : `Top products of ${formatDay(dayStartMs(day))}`,
    );
    if (answer === undefined || answer.date !== day) return;
    const shown = JSON.stringify([answer, [...colours]]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const { ranking, total, products, source } = answer;
    const count = `${formatCount(total)} clicks on ${formatCount(products)} products`;
    const from = source === 'batch' ? 'from the batch view' : 'from the speed view';
    setText(byId('top-source'), `${count}, ${from}`);
    const empty = byId('top-empty');
    empty.hidden = ranking.length > 0;
    setText(empty, isToday ? 'No clicks yet today.' : 'No clicks on this day.');
    const table = byId<'table'>('top');
    table.hidden = ranking.length === 0;
    const most = ranking[0]?.clicks ?? 1;
    table.tBodies[0]!.replaceChildren(...ranking.map((row) => this.#row(row, most, total, colours)));
  }

  #row(
    { position, product, clicks }: TopAnswer['ranking'][number],
    most: number,
    total: number,
    colours: ReadonlyMap<string, number>,
  ): HTMLElement {
    const bar = el('span', { class: 'bar' });
    bar.style.width = `${(100 * clicks) / most}%`;
    const number = colours.get(product);
    return el(
      'tr',
      {},
      el('td', { class: 'n quiet' }, String(position)),
      el(
        'th',
        { scope: 'row' },
        el(
          'span',
          { class: 'product' },
          ...(number === undefined ? [] : [swatch(number)]),
          el('span', {}, product),
        ),
      ),
      el('td', { class: 'wide' }, bar),
      el('td', { class: 'n' }, formatCount(clicks)),
      el('td', { class: 'n quiet' }, formatShare(clicks, total)),
    );
  }
}
