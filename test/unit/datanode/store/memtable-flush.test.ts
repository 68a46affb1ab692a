import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLog } from '../../../../common/log.ts';
import { SystemClock } from '../../../../common/seams/clock.ts';
import { MemtableFlush } from '../../../../datanode/store/memtable-flush.ts';

const MiB = 1024 * 1024;

describe('flushing LevelDB', () => {
  let flushes = 0;
  let flush: MemtableFlush;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    flushes = 0;
    flush = new MemtableFlush({ clock: new SystemClock(), log: silentLog() }, 16 * MiB, () => {
      flushes++;
      return Promise.resolve();
    });
  });

  afterEach(() => {
    flush.close();
    vi.useRealTimers();
  });

  function writeEach(everyMs: number, bytes: number, forMs: number): void {
    for (let atMs = 0; atMs < forMs; atMs += everyMs) {
      flush.wrote(bytes);
      vi.advanceTimersByTime(everyMs);
    }
  }

  it('comes once after the last write, and not again before the next', () => {
    flush.wrote(100);
    vi.advanceTimersByTime(4_000);
    flush.wrote(100);
    vi.advanceTimersByTime(4_000);
    expect(flushes).toBe(0);
    vi.advanceTimersByTime(60_000);
    expect(flushes).toBe(1);
    flush.wrote(100);
    vi.advanceTimersByTime(60_000);
    expect(flushes).toBe(2);
  });

  it('comes while bytes come slowly, each time they make a table', () => {
    // 0.5 MiB a second: 4 MiB in 8 s, but no more often than every 10 s.
    writeEach(1_000, MiB / 2, 120_000);
    expect(flushes).toBeGreaterThanOrEqual(8);
    expect(flushes).toBeLessThanOrEqual(12);
  });

  it('waits for a table of bytes that come very slowly', () => {
    writeEach(1_000, MiB / 20, 70_000);
    expect(flushes).toBe(0);
    writeEach(1_000, MiB / 20, 30_000);
    expect(flushes).toBe(1);
  });

  it('is left to LevelDB while whole buffers come, and done for what is left of them', () => {
    writeEach(100, 4 * MiB, 60_000);
    expect(flushes).toBe(0);
    vi.advanceTimersByTime(60_000);
    expect(flushes).toBe(1);
  });

  it('does not come after the store was closed', () => {
    flush.wrote(100);
    flush.close();
    vi.advanceTimersByTime(60_000);
    expect(flushes).toBe(0);
  });
});
