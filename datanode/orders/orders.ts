import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { Block } from '../../proto/gen/quarry/Block.ts';
import type { Command } from '../../proto/gen/quarry/Command.ts';
import type { CopyOrder } from '../../proto/gen/quarry/CopyOrder.ts';
import type { DatanodeInfo } from '../../proto/gen/quarry/DatanodeInfo.ts';
import type { RecoverOrder } from '../../proto/gen/quarry/RecoverOrder.ts';
import type { OnReplica } from '../report/replica-info.ts';
import type { BlockStore } from '../store/block-store.ts';

/** What orders act on. */
export interface OrderContext {
  readonly store: BlockStore;
  readonly onReplica: OnReplica;
  /** Sends a local replica to one node, which has it durably when this resolves. */
  copy(block: Block, target: DatanodeInfo, signal: AbortSignal): Promise<void>;
  recover(order: RecoverOrder, signal: AbortSignal): Promise<void>;
}

/** Carries one order out. Errors: whatever kept it from being done. */
export async function runOrder(context: OrderContext, command: Command, signal: AbortSignal): Promise<void> {
  if (command.copy) return runCopy(context, command.copy, signal);
  if (command.delete) return runDelete(context, command.delete.blocks);
  if (command.recover) return context.recover(command.recover, signal);
  if (command.verify?.block) return runVerify(context, command.verify.block, signal);
  throw new QuarryError('UNSUPPORTED', `order ${command.id} is of a kind that this datanode does not know`);
}

/** Target by target: one that has the block already, or is down, keeps no other from getting it. */
async function runCopy(context: OrderContext, order: CopyOrder, signal: AbortSignal): Promise<void> {
  const { block } = order;
  if (block === null) throw new QuarryError('INVALID_ARGUMENT', 'a copy order without a block');
  const failures: unknown[] = [];
  for (const target of order.targets) {
    try {
      await context.copy(block, target, signal);
    } catch (thrown) {
      if (isOwnDamage(thrown)) {
        reportDamage(context, block);
        throw thrown;
      }
      failures.push(thrown);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** The local replica was found corrupt, not what another node got. */
function isOwnDamage(thrown: unknown): boolean {
  return hasCode(thrown, 'BLOCK_CORRUPT') && thrown.details['failedNode'] === undefined;
}

async function runDelete({ store, onReplica }: OrderContext, blocks: readonly Block[]): Promise<void> {
  for (const { blockId, generationStamp } of blocks) {
    const replica = store.replica(blockId);
    if (replica === undefined) continue;
    if (await store.delete(blockId, generationStamp)) onReplica({ kind: 'DELETED', replica });
  }
}

async function runVerify(context: OrderContext, block: Block, signal: AbortSignal): Promise<void> {
  const { store, onReplica } = context;
  const replica = store.replica(block.blockId);
  const outcome = replica === undefined ? 'missing' : await store.verify(block.blockId, 0, signal);
  if (signal.aborted) return;
  switch (outcome) {
    case 'ok':
      onReplica({ kind: 'VERIFIED', replica: replica! });
      return;
    case 'corrupt':
      reportDamage(context, block);
      return;
    case 'missing':
      onReplica({ kind: 'DELETED', replica: replica ?? absent(block) });
      return;
  }
}

function reportDamage({ store, onReplica }: OrderContext, block: Block): void {
  onReplica({ kind: 'CORRUPT', replica: store.replica(block.blockId) ?? absent(block) });
}

function absent({ blockId, generationStamp, lengthBytes }: Block) {
  return { blockId, generationStamp, lengthBytes, state: 'FINALIZED' as const, durableLengthBytes: 0 };
}
