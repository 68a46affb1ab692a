import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, choosePlacement } from '../../../../namenode/blocks/placement.ts';
import { FakeRandom } from '../fake-world.ts';

const node = (id: string, more: Partial<Candidate> = {}): Candidate => ({
  id,
  label: id,
  rack: '/r',
  freeBytes: 100,
  load: 0,
  ...more,
});
const request = (candidates: readonly Candidate[], more = {}) => ({
  count: 3,
  candidates,
  taken: [],
  preferredLabel: '',
  neededBytes: 10,
  ...more,
});
const ids = (chosen: readonly Candidate[]) => chosen.map(({ id }) => id);

describe('placement', () => {
  it('never shares a label, never takes a full node, and takes as many as there are', () => {
    const candidate = fc.record({
      label: fc.constantFrom('h1', 'h2', 'h3', 'h4'),
      rack: fc.constantFrom('/a', '/b'),
      freeBytes: fc.integer({ min: 0, max: 20 }),
      load: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 10 }), fc.nat(), (drawn, seed) => {
        const candidates = drawn.map((more, i) => node(`n${i}`, more));
        const chosen = choosePlacement(request(candidates), new FakeRandom(seed));
        const labels = new Set(
          candidates.filter(({ freeBytes }) => freeBytes >= 10).map(({ label }) => label),
        );
        expect(chosen).toHaveLength(Math.min(3, labels.size));
        expect(new Set(chosen.map(({ label }) => label)).size).toBe(chosen.length);
        expect(chosen.every(({ freeBytes }) => freeBytes >= 10)).toBe(true);
      }),
    );
  });

  it('puts the first replica beside the writer, unless that node is full', () => {
    const nodes = ['a', 'b', 'c', 'd'].map((id) => node(id));
    for (let seed = 0; seed < 20; seed++) {
      expect(ids(choosePlacement(request(nodes, { preferredLabel: 'c' }), new FakeRandom(seed)))[0]).toBe(
        'c',
      );
    }
    const full = nodes.map((one) => (one.id === 'c' ? { ...one, freeBytes: 9 } : one));
    expect(ids(choosePlacement(request(full, { preferredLabel: 'c' }), new FakeRandom()))).not.toContain('c');
  });

  it('puts the second replica on another rack and the third on the second one', () => {
    const nodes = [
      node('a', { rack: '/1' }),
      node('b', { rack: '/1' }),
      node('c', { rack: '/2' }),
      node('d', { rack: '/2' }),
    ];
    for (let seed = 0; seed < 20; seed++) {
      const chosen = choosePlacement(request(nodes, { preferredLabel: 'a' }), new FakeRandom(seed));
      expect(chosen.map(({ rack }) => rack)).toEqual(['/1', '/2', '/2']);
    }
  });

  it('keeps away from labels that have a replica, and prefers idle nodes', () => {
    const nodes = [node('a'), node('b', { load: 9 }), node('c')];
    const taken = [{ label: 'a', rack: '/r' }];
    const counts: Record<string, number> = { b: 0, c: 0 };
    for (let seed = 0; seed < 200; seed++) {
      for (const { id } of choosePlacement(request(nodes, { count: 1, taken }), new FakeRandom(seed * 7919)))
        counts[id]!++;
    }
    expect(counts['c']!).toBeGreaterThan(counts['b']! * 2);
  });
});
