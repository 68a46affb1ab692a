import type { HealthAnswer, PartHealth } from '../common/serving-api.ts';
import { ask, messageFrom, repeat } from './ask.ts';
import { byId, el, notice } from './dom.ts';
import { asSentence } from './format.ts';

const INTERVAL_MS = 3_000;
const STATES: Readonly<Record<PartHealth['state'], string>> = { up: 'up', down: 'down', absent: 'not used' };

/** What answers and what does not, and where other pages are. */
export function partsPanel(): void {
  let shown = '';
  repeat(INTERVAL_MS, async () => {
    try {
      const health = await ask<HealthAnswer>('/api/health');
      notice(byId('parts-notice'), undefined);
      const text = JSON.stringify(health);
      if (text === shown) return;
      shown = text;
      byId('parts').replaceChildren(
        ...health.parts.map(({ name, state, detail }) =>
          el(
            'li',
            {},
            el('span', { class: 'state', 'data-state': state }, STATES[state]),
            el('strong', {}, name),
            el('span', { class: 'quiet small' }, detail),
          ),
        ),
      );
      byId('links').replaceChildren(
        ...health.links.map(({ name, url }) =>
          el('a', { href: url, rel: 'noopener', target: '_blank' }, name),
        ),
      );
    } catch (thrown) {
      notice(
        byId('parts-notice'),
        asSentence(`The state of the parts is unavailable: ${messageFrom(thrown)}`),
      );
    }
  });
}
