import { describe, expect, it } from 'vitest';
import { assignColours, ClickData } from '../../../web/click-data.ts';

const M = 60_000;
const from = '1970-01-01T00:00:00Z';
const until = '1970-01-01T00:10:00Z';

function loaded(points: Record<string, [number, number][]>, askedMs = 0): ClickData {
  const data = new ClickData();
  load(data, points, askedMs);
  return data;
}

function load(data: ClickData, points: Record<string, [number, number][]>, askedMs: number): void {
  const series = Object.entries(points).map(([product, minutes]) => ({
    product,
    points: minutes.map(([minute, clicks]) => [minute * M, clicks] as const),
  }));
  data.load({ from, until, series, others: [] }, askedMs);
}

it('the products that were not loaded one by one count, and are nobody', () => {
  const data = new ClickData();
  const series = [{ product: 'a', points: [[0, 2]] as const }];
  const others = [
    [0, 5],
    [M, 7],
  ] as const;
  data.load({ from, until, series, others }, 0);
  expect(data.topProducts(0, 10 * M, 5)).toEqual(['a']);
  expect([data.total(0, 10 * M), data.perMinute(0, 2 * M), data.newestMs()]).toEqual([14, [7, 7], M]);
  // A live minute is whole: whoever was among the others is one by one in it.
  data.apply([[M, [['b', 8]]]], 1);
  expect([data.total(0, 10 * M), data.topProducts(0, 10 * M, 5)]).toEqual([15, ['b', 'a']]);
});

describe('the counts of the page', () => {
  it('have zeros between, and the best first', () => {
    const data = loaded({
      a: [
        [0, 1],
        [2, 3],
      ],
      b: [[2, 9]],
    });
    expect(data.topProducts(0, 10 * M, 5)).toEqual(['b', 'a']);
    expect(data.aligned(['a', 'b'], 0, 4 * M)).toEqual({
      secondsOf: [0, 60, 120, 180],
      values: [
        [1, 0, 3, 0],
        [0, 0, 9, 0],
      ],
    });
    expect([data.oldestMs(0, 10 * M), data.newestMs()]).toEqual([0, 2 * M]);
    expect(data.total(M, 10 * M)).toBe(12);
    expect(data.perMinute(0, 3 * M)).toEqual([1, 0, 12]);
  });

  it('take live minutes as they are, not on top', () => {
    const data = loaded({ a: [[1, 5]], b: [[1, 1]] });
    data.apply(
      [
        [M, [['a', 6]]],
        [99 * M, [['a', 1]]],
      ],
      1,
    );
    expect(data.total(0, 10 * M)).toBe(6);
    expect(data.newestMs()).toBe(M);
  });

  it('keep what came live after an answer was asked for, and not what came before', () => {
    const data = loaded({});
    data.apply(
      [
        [M, [['a', 1]]],
        [2 * M, [['a', 1]]],
      ],
      10,
    );
    data.apply([[2 * M, [['a', 2]]]], 30);
    load(
      data,
      {
        a: [
          [1, 7],
          [2, 1],
        ],
      },
      20,
    );
    expect(data.perMinute(0, 3 * M)).toEqual([0, 7, 2]);
  });
});

describe('colours', () => {
  it('stay with their product; newcomers take what is free', () => {
    const first = assignColours(new Map(), ['a', 'b', 'c']);
    expect([...first]).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 2],
    ]);
    const next = assignColours(first, ['d', 'c', 'a']);
    expect(Object.fromEntries(next)).toEqual({ a: 0, c: 2, d: 1 });
  });
});
