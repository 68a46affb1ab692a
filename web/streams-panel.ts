import type { StreamsAnswer, StreamView } from '../common/serving-api.ts';
import { ask, messageFrom, repeat } from './ask.ts';
import { byId, el, notice } from './dom.ts';
import { asSentence, formatClock, formatCount, formatDuration, formatRate, UNKNOWN } from './format.ts';

const INTERVAL_MS = 1_000;

/** Every streaming query, with the progress of its last batch. */
export class StreamsPanel {
  readonly #changed: (streams: readonly StreamView[] | undefined) => void;
  #shown = '';

  /** `changed` gets undefined while the driver does not answer. */
  constructor(changed: (streams: readonly StreamView[] | undefined) => void) {
    this.#changed = changed;
    repeat(INTERVAL_MS, () => this.#load());
  }

  async #load(): Promise<void> {
    try {
      const { streams } = await ask<StreamsAnswer>('/api/streams');
      notice(byId('streams-notice'), undefined);
      this.#render(streams);
      this.#changed(streams);
    } catch (thrown) {
      notice(byId('streams-notice'), asSentence(`Streams are unavailable: ${messageFrom(thrown)}`));
      this.#changed(undefined);
    }
  }

  #render(streams: readonly StreamView[]): void {
    const shown = JSON.stringify(streams);
    if (shown === this.#shown) return;
    this.#shown = shown;
    byId('streams').replaceChildren(
      ...(streams.length === 0
        ? [el('p', { class: 'empty' }, 'No streaming query runs.')]
        : streams.map(streamItem)),
    );
  }
}

function streamItem(stream: StreamView): HTMLElement {
  const state = stream.isActive ? 'running' : stream.hasFailed ? 'failed' : 'stopped';
  const watermark = stream.watermark === null ? UNKNOWN : formatClock(Date.parse(stream.watermark));
  const facts: readonly (readonly [string, string])[] = [
    ['Input', `${formatRate(stream.inputRowsPerSecond)} rows/s`],
    ['Processed', `${formatRate(stream.processedRowsPerSecond)} rows/s`],
    ['Lag', `${formatCount(stream.lagRecords)} records`],
    ['Watermark', watermark],
    ['Batch', `${formatCount(stream.batchId)} in ${formatDuration(stream.batchDurationMs)}`],
    ['Late', `${formatCount(stream.lateRows)} dropped`],
  ];
  return el(
    'article',
    { class: 'stream' },
    el('h3', {}, el('span', { class: 'state', 'data-state': state }, state), stream.name),
    el('p', { class: 'quiet small clip' }, stream.status),
    el(
      'dl',
      { class: 'facts' },
      ...facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))),
    ),
  );
}
