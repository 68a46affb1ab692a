import { describe, expect, it } from 'vitest';
import { FIRST_BLOCK_ID } from '../../../../namenode/namespace/records.ts';
import { TestNamenode } from '../test-namenode.ts';

const settings = {
  'namenode.orphanGraceMs': '30000',
  'namenode.sweepIntervalMs': '5000',
  'namenode.deadAfterMs': '10000000',
};

/** A namenode that has allocated `count` blocks and forgotten them, with one datanode that still holds them. */
async function withOrphans(count: number, run: (namenode: TestNamenode) => Promise<void>): Promise<void> {
  const namenode = new TestNamenode(settings);
  await namenode.start();
  const session = await namenode.register('dn1');
  const inodeId = await namenode.create('/f');
  for (let i = 0; i < count; i++) {
    const { block } = await namenode.execute('addBlock', {
      caller: namenode.caller(),
      path: '/f',
      inodeId,
      previous: null,
      excludedNodes: [],
    });
    await namenode.execute('abandonBlock', {
      caller: namenode.caller(),
      path: '/f',
      inodeId,
      block: {
        blockId: Number(block?.blockId),
        generationStamp: Number(block?.generationStamp),
        lengthBytes: 0,
      },
    });
  }
  // Nothing is left to confirm: as if these had been deleted long ago.
  await report(namenode, session, 0);
  expect(namenode.state.deletions.size).toBe(0);
  await namenode.clock.advance(10_000);
  await report(namenode, session, count);
  try {
    await run(namenode);
  } finally {
    await namenode.close();
  }
}

async function report(namenode: TestNamenode, session: number, count: number): Promise<void> {
  await namenode.execute('blockReport', {
    nodeId: 'dn1',
    session,
    reportId: namenode.clock.monoMs() + 1,
    part: 0,
    parts: 1,
    replicas: Array.from({ length: count }, (_, i) => ({
      block: { blockId: FIRST_BLOCK_ID + i, generationStamp: 1001 + i, lengthBytes: 1 },
      state: 'FINALIZED' as const,
      durable: true,
    })),
  });
}

describe('replicas of unknown blocks', () => {
  it('are deleted after a grace', () =>
    withOrphans(10, async (namenode) => {
      const node = namenode.state.nodes.byId('dn1')!;
      await namenode.clock.advance(25_000);
      expect(node.orphans.size).toBe(10);
      expect(node.invalidations.size).toBe(0);
      await namenode.clock.advance(15_000);
      expect(node.invalidations.size).toBe(10);
    }));

  it('are never deleted when they are many', () =>
    withOrphans(40, async (namenode) => {
      const node = namenode.state.nodes.byId('dn1')!;
      await namenode.clock.advance(600_000);
      expect(node.orphans.size).toBe(40);
      expect(node.invalidations.size).toBe(0);
    }));
});
