import { describe, expect, it } from 'vitest';
import { ReplicaChoice } from '../../../../client/fs/replica-choice.ts';
import { SuspectNodes } from '../../../../client/fs/suspect-nodes.ts';
import { SystemClock } from '../../../../common/seams/clock.ts';
import type { DatanodeInfo } from '../../../../proto/gen/quarry/DatanodeInfo.ts';

const MiB = 1024 * 1024;
const node = (id: string, rack = '/a') => ({ id, rack, hostLabel: id }) as DatanodeInfo;
const nodes = [node('dn1'), node('dn2'), node('dn3')];

describe('ReplicaChoice', () => {
  const context = (hostLabel = '') => ({ suspects: new SuspectNodes(new SystemClock()), hostLabel });
  const firsts = (choice: ReplicaChoice, locations: readonly DatanodeInfo[], count = 4) =>
    Array.from({ length: count }, () => choice.order(locations)[0]?.id);

  it('has the nearest two take turns, and always names every node', () => {
    const choice = new ReplicaChoice(context());
    expect(firsts(choice, nodes)).toEqual(['dn1', 'dn2', 'dn1', 'dn2']);
    expect(choice.order(nodes).map(({ id }) => id)).toEqual(['dn1', 'dn2', 'dn3']);
    expect(choice.order([])).toEqual([]);
  });

  it('stays in the rack of the nearest, and on its own host', () => {
    expect(firsts(new ReplicaChoice(context()), [node('dn1'), node('dn2', '/b')])).toEqual(
      Array(4).fill('dn1'),
    );
    expect(firsts(new ReplicaChoice(context('dn1')), nodes)).toEqual(Array(4).fill('dn1'));
  });

  it('leaves out a suspect node, and one that is far slower than the other', () => {
    const shared = context();
    shared.suspects.suspect('dn1');
    expect(firsts(new ReplicaChoice(shared), nodes)).toEqual(['dn2', 'dn3', 'dn2', 'dn3']);
    const choice = new ReplicaChoice(context());
    choice.note(nodes[0]!, 4 * MiB, 400);
    choice.note(nodes[1]!, 1_000, 1);
    choice.note(nodes[1]!, 4 * MiB, 10);
    expect(firsts(choice, nodes)).toEqual(Array(4).fill('dn2'));
  });
});
