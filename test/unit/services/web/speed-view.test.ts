import { beforeEach, describe, expect, it } from 'vitest';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { changedMinutes } from '../../../../services/web/live-feed.ts';
import { SpeedView } from '../../../../services/web/speed-view.ts';
import { HandClock, MemoryView } from './memory-view.ts';

const DAY = '2026-11-22';
const key = (minute: number) =>
  `2026-11-22T${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}:00Z`;

let view: MemoryView;
let clock: HandClock;
let speed: SpeedView;

beforeEach(() => {
  view = new MemoryView();
  clock = new HandClock();
  speed = new SpeedView(() => Promise.resolve(view), 'clicks', clock);
  for (let minute = 0; minute < 600; minute += 1) view.put(key(minute), 'p', minute);
  view.next();
});

const clicksOf = async (minute: number) =>
  (await speed.day(DAY)).counts.get(Date.parse(key(minute)))?.get('p');

describe('the speed view', () => {
  it('costs one read a second, however many ask', async () => {
    await Promise.all(Array.from({ length: 20 }, () => speed.day(DAY)));
    await Promise.all(Array.from({ length: 20 }, () => speed.day(DAY)));
    expect(view.asked).toEqual({ marker: 1, keys: 1, read: 1, readKeys: 600 });
  });

  it('reads nothing again while no batch was committed', async () => {
    const before = await speed.day(DAY);
    clock.ms += 60_000;
    expect((await speed.day(DAY)).counts).toBe(before.counts);
    expect(view.asked).toEqual({ marker: 2, keys: 1, read: 1, readKeys: 600 });
  });

  it('reads the newest minutes after a batch, and new ones', async () => {
    const before = await speed.day(DAY);
    view.put(key(599), 'p', 1000);
    view.put(key(600), 'p', 7);
    view.next();
    clock.ms += 1_000;
    expect(await clicksOf(599)).toBe(1000);
    expect(await clicksOf(600)).toBe(7);
    expect(view.asked.readKeys).toBe(600 + 16);
    const now = await speed.day(DAY);
    expect(changedMinutes(before.counts, now.counts)).toEqual([Date.parse(key(599)), Date.parse(key(600))]);
  });

  it('finds a change in an old minute within the sweep', async () => {
    await speed.day(DAY);
    view.put(key(3), 'p', 77);
    view.next();
    clock.ms += 1_000;
    expect(await clicksOf(3)).toBe(3);
    clock.ms += 15_000;
    expect(await clicksOf(3)).toBe(77);
  });

  it('reads everything again when the view was dropped and is written anew', async () => {
    view.next();
    await speed.day(DAY);
    view.values.clear();
    view.put(key(5), 'p', 1);
    view.at = { epoch: 1, batchId: 0 };
    clock.ms += 1_000;
    const { counts } = await speed.day(DAY);
    expect([...counts.keys()]).toEqual([Date.parse(key(5))]);
  });

  it('keeps what it knows while the view is down, and says so', async () => {
    await speed.day(DAY);
    view.failure = new QuarryError('VIEW_UNAVAILABLE', 'gone');
    clock.ms += 1_000;
    const { counts, failure } = await speed.day(DAY);
    expect(counts.size).toBe(600);
    expect(failure?.code).toBe('VIEW_UNAVAILABLE');
    view.failure = undefined;
    clock.ms += 1_000;
    expect((await speed.day(DAY)).failure).toBeUndefined();
  });

  it('leaves out keys that are no minutes and values that are no counts', async () => {
    view.values.clear();
    view.put('2026-11-22T zzz', 'p', 1);
    view.put(key(1), 'p', 4);
    view.values.get(key(1))!.set('q', 'many');
    const { counts } = await speed.day(DAY);
    expect([...counts]).toEqual([[Date.parse(key(1)), new Map([['p', 4]])]]);
  });
});
