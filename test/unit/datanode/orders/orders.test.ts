import { describe, expect, it } from 'vitest';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { type OrderContext, runOrder } from '../../../../datanode/orders/orders.ts';
import type { Command } from '../../../../proto/gen/quarry/Command.ts';
import type { DatanodeInfo } from '../../../../proto/gen/quarry/DatanodeInfo.ts';
import { MemoryHarness, writeBlock } from '../../../conformance/store-harness.ts';

const block = { blockId: 1, generationStamp: 1, lengthBytes: 1000 };
const target = (id: string) => ({ id }) as DatanodeInfo;

async function setUp(copy: OrderContext['copy']) {
  const store = await (await MemoryHarness.make()).open();
  await writeBlock(store, 1, 1000);
  const changes: string[] = [];
  const context: OrderContext = {
    store,
    onReplica: ({ kind, replica }) => changes.push(`${kind} ${replica.blockId}`),
    copy,
    recover: () => Promise.resolve(),
  };
  const run = (order: Partial<Command>) =>
    runOrder(context, { id: 1, ...order } as Command, new AbortController().signal);
  return { store, changes, run };
}

describe('orders', () => {
  it('copy to every target, also behind one that fails, and say what failed', async () => {
    const tried: string[] = [];
    const { run, changes } = await setUp(async (_, { id }) => {
      tried.push(id);
      if (id === 'dn2') throw new QuarryError('FILE_EXISTS', 'there already');
    });
    const copy = { block, targets: [target('dn2'), target('dn3')] };
    await expect(run({ copy })).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(tried).toEqual(['dn2', 'dn3']);
    expect(changes).toEqual([]);
  });

  it('report the local replica when a copy finds it damaged, not when the other end did', async () => {
    const failures = [
      new QuarryError('BLOCK_CORRUPT', 'there', { details: { failedNode: 'dn2' } }),
      new QuarryError('BLOCK_CORRUPT', 'here'),
    ];
    const { run, changes } = await setUp(() => Promise.reject(failures.shift()!));
    await expect(run({ copy: { block, targets: [target('dn2')] } })).rejects.toThrow('there');
    expect(changes).toEqual([]);
    await expect(run({ copy: { block, targets: [target('dn2'), target('dn3')] } })).rejects.toThrow('here');
    expect(changes).toEqual(['CORRUPT 1']);
  });

  it('of an unknown kind are refused', async () => {
    const { run } = await setUp(() => Promise.resolve());
    await expect(run({})).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});
