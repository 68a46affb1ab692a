import { describe, expect, it } from 'vitest';
import { clicks, type ClickOptions, ClickTruth } from '../../../../services/clicks/click-generator.ts';

const DAY_MS = 86_400_000;
const options: ClickOptions = {
  seed: 7,
  fromMs: Date.UTC(2026, 10, 21),
  untilMs: Date.UTC(2026, 10, 22),
  count: 20_000,
  lateShare: 0.01,
  malformedShare: 0.005,
};
const all = [...clicks(options)];

describe('the click generator', () => {
  it('makes the same clicks from the same seed and others from another', () => {
    expect([...clicks(options)]).toEqual(all);
    expect([...clicks({ ...options, seed: 8 })][0]).not.toEqual(all[0]);
  });

  it('keeps every event time inside the span and counts all clicks', () => {
    const truth = new ClickTruth();
    for (const line of all) truth.add(line);
    expect(truth.total + truth.late).toBe(options.count);
    expect([...truth.products.values()].reduce((a, b) => a + b)).toBe(truth.total);
    expect(truth.late).toBeGreaterThan(100);
    for (const { click } of all) {
      if (click === undefined) continue;
      expect(click.eventTimeMs).toBeGreaterThanOrEqual(options.fromMs);
      expect(click.eventTimeMs).toBeLessThan(options.fromMs + DAY_MS);
    }
  });

  it('writes what the agent parses, malformed lines apart', () => {
    for (const { line, click } of all) {
      if (click === undefined) continue;
      const { product, msec } = JSON.parse(line) as { product: string; msec: number };
      expect([product, Math.round(msec * 1_000)]).toEqual([click.product, click.eventTimeMs]);
    }
    expect(all.filter(({ click }) => click === undefined).length).toBeGreaterThan(50);
  });

  it.each([1, 3, 16])('leaves no doubt about what is late in a log of %i partitions', (partitions) => {
    const delayMs = 600_000;
    const highest = new Map<number, number>();
    for (const { click } of all) {
      if (click === undefined) continue;
      const partition = Number(click.product) % partitions;
      const before = highest.get(partition) ?? Number.NEGATIVE_INFINITY;
      expect(click.eventTimeMs < before - delayMs).toBe(click.late);
      highest.set(partition, Math.max(before, click.eventTimeMs));
    }
  });

  it('refuses a span without time, and disorder that would be late', () => {
    expect(() => clicks({ ...options, untilMs: options.fromMs }).next()).toThrow(/time span/);
    expect(() => clicks({ ...options, disorderMs: 600_000 }).next()).toThrow(/delay/);
  });
});
