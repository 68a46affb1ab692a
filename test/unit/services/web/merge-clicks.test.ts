import { describe, expect, it } from 'vitest';
import {
  chooseDays,
  daysOf,
  type MinuteCounts,
  mergeClicks,
  rankProducts,
} from '../../../../services/web/merge-clicks.ts';

const at = (iso: string) => Date.parse(`${iso}Z`);
const counts = (minutes: Record<string, Record<string, number>>): MinuteCounts =>
  new Map(Object.entries(minutes).map(([iso, products]) => [at(iso), new Map(Object.entries(products))]));

const lastOf20 = counts({ '2026-11-20T23:59': { a: 20 } });
const batch21 = counts({ '2026-11-21T00:00': { a: 1 }, '2026-11-21T23:59': { a: 2, b: 9 } });
const speed21 = counts({ '2026-11-21T23:59': { a: 99, b: 99 } });
const speed22 = counts({ '2026-11-22T00:00': { a: 5 }, '2026-11-22T00:01': { b: 6, c: 1 } });

function merged(
  from: string,
  until: string,
  batch: Record<string, MinuteCounts>,
  product?: string,
  limit = Infinity,
) {
  const range = { fromMs: at(from), untilMs: at(until), product, limit };
  const speed = new Map([
    ['2026-11-21', speed21],
    ['2026-11-22', speed22],
  ]);
  const days = daysOf(range.fromMs, range.untilMs);
  return mergeClicks(range, chooseDays(days, '2026-11-22', new Map(Object.entries(batch)), speed));
}

describe('clicks of batch and speed view', () => {
  it('meet at midnight: the batch to its last minute, the speed view from the next on', () => {
    const answer = merged('2026-11-21T00:00', '2026-11-23T00:00', { '2026-11-21': batch21 });
    expect(answer).toEqual({
      timezone: 'UTC',
      from: '2026-11-21T00:00:00.000Z',
      until: '2026-11-23T00:00:00.000Z',
      seam: '2026-11-22T00:00:00.000Z',
      days: [
        { ds: '2026-11-21', source: 'batch' },
        { ds: '2026-11-22', source: 'speed' },
      ],
      series: [
        {
          product: 'b',
          points: [
            [at('2026-11-21T23:59'), 9],
            [at('2026-11-22T00:01'), 6],
          ],
        },
        {
          product: 'a',
          points: [
            [at('2026-11-21T00:00'), 1],
            [at('2026-11-21T23:59'), 2],
            [at('2026-11-22T00:00'), 5],
          ],
        },
        { product: 'c', points: [[at('2026-11-22T00:01'), 1]] },
      ],
      products: 3,
      others: [],
    });
  });

  it('tell the first products one by one and the others together', () => {
    const answer = merged('2026-11-21T00:00', '2026-11-23T00:00', { '2026-11-21': batch21 }, undefined, 1);
    expect(answer.series.map(({ product }) => product)).toEqual(['b']);
    expect(answer.products).toBe(3);
    expect(answer.others).toEqual([
      [at('2026-11-21T00:00'), 1],
      [at('2026-11-21T23:59'), 2],
      [at('2026-11-22T00:00'), 5],
      [at('2026-11-22T00:01'), 1],
    ]);
  });

  it('takes a day whose batch has not run from the speed view', () => {
    const answer = merged('2026-11-20T00:00', '2026-11-23T00:00', { '2026-11-20': lastOf20 });
    expect(answer.days.map(({ source }) => source)).toEqual(['batch', 'speed', 'speed']);
    expect(answer.seam).toBe('2026-11-21T00:00:00.000Z');
    expect(answer.series[0]).toEqual({
      product: 'a',
      points: [
        [at('2026-11-20T23:59'), 20],
        [at('2026-11-21T23:59'), 99],
        [at('2026-11-22T00:00'), 5],
      ],
    });
  });

  it('never takes the running day from the batch, though somebody has run one', () => {
    const answer = merged('2026-11-22T00:00', '2026-11-23T00:00', { '2026-11-22': batch21 });
    expect(answer.days).toEqual([{ ds: '2026-11-22', source: 'speed' }]);
    expect(answer.seam).toBe(answer.from);
  });

  it('keeps to the range and to one product', () => {
    const answer = merged('2026-11-21T23:59', '2026-11-22T00:01', { '2026-11-21': batch21 }, 'a');
    expect(answer.series).toEqual([
      {
        product: 'a',
        points: [
          [at('2026-11-21T23:59'), 2],
          [at('2026-11-22T00:00'), 5],
        ],
      },
    ]);
    expect(answer.seam).toBe('2026-11-22T00:00:00.000Z');
  });

  it('has a seam no later than the end of the range', () => {
    const answer = merged('2026-11-21T00:00', '2026-11-21T12:00', { '2026-11-21': batch21 });
    expect(answer.seam).toBe('2026-11-21T12:00:00.000Z');
  });

  it('ranks by clicks, equal ones by name', () => {
    expect(
      rankProducts(counts({ '2026-11-22T00:00': { b: 2, c: 5 }, '2026-11-22T00:01': { a: 2 } })),
    ).toEqual([
      { position: 1, product: 'c', clicks: 5 },
      { position: 2, product: 'a', clicks: 2 },
      { position: 3, product: 'b', clicks: 2 },
    ]);
  });
});
