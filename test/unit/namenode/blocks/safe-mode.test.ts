import { describe, expect, it } from 'vitest';
import { SafeMode } from '../../../../namenode/blocks/safe-mode.ts';

const facts = { knownNodes: 3, reportedNodes: 0, blocks: 1000, available: 0, satisfied: 0 };
const make = () => new SafeMode({ threshold: 0.999, extensionMs: 10_000 });

describe('safe mode', () => {
  it('ends at once for an empty namespace, when all nodes reported, or when every block has its replicas', () => {
    for (const change of [{ blocks: 0 }, { reportedNodes: 3 }, { satisfied: 1000, available: 1000 }]) {
      const safeMode = make();
      expect(safeMode.on).toBe(true);
      safeMode.evaluate({ ...facts, ...change }, 0);
      expect(safeMode.on).toBe(false);
      expect(safeMode.reason).toBe('');
    }
  });

  it('ends a while after enough blocks are there, counted from when they last were', () => {
    const safeMode = make();
    safeMode.evaluate({ ...facts, available: 998 }, 0);
    expect(safeMode.reason).toContain('998 of 1000');
    safeMode.evaluate({ ...facts, available: 999 }, 1_000);
    safeMode.evaluate({ ...facts, available: 998 }, 5_000);
    safeMode.evaluate({ ...facts, available: 999 }, 6_000);
    safeMode.evaluate({ ...facts, available: 999 }, 15_999);
    expect(safeMode.on).toBe(true);
    safeMode.evaluate({ ...facts, available: 999 }, 16_000);
    expect(safeMode.on).toBe(false);
  });

  it('comes back when somebody has seen newer metadata, until a person ends it', () => {
    const safeMode = make();
    safeMode.evaluate({ ...facts, blocks: 0 }, 0);
    safeMode.witness('metadata rolled back: dn1 ...');
    safeMode.evaluate({ ...facts, reportedNodes: 3 }, 1);
    expect([safeMode.on, safeMode.reason]).toEqual([true, 'metadata rolled back: dn1 ...']);
    safeMode.leave();
    expect(safeMode.on).toBe(false);
    safeMode.enter();
    expect(safeMode.on).toBe(true);
  });
});
