import { QuarryError } from '../../common/quarry-error.ts';
import { datanodeRecoveryService } from '../../common/rpc/services.ts';
import type { Seams } from '../../common/seams/seams.ts';
import type { Block } from '../../proto/gen/quarry/Block.ts';
import type { DatanodeInfo } from '../../proto/gen/quarry/DatanodeInfo.ts';
import type { RecoverOrder } from '../../proto/gen/quarry/RecoverOrder.ts';
import type { ReplicaRecoveryInfoInput } from '../../proto/gen/quarry/ReplicaRecoveryInfo.ts';
import { type Agreement, agree, type RecoveryCandidate } from './agreement.ts';
import type { ReplicaRecovery } from './recovery-service.ts';

/** A node that does not answer in that time is left out; it is healed by copies later. */
const CALL_TIMEOUT_MS = 3_000;

export interface RecoveryPrimary {
  readonly nodeId: string;
  readonly local: ReplicaRecovery;
  commit(block: Block, recoveryStamp: number, lengthBytes: number, nodeIds: string[]): Promise<unknown>;
}

/**
 * Closes a block whose writer is gone, as the primary: every reachable replica takes the new stamp's promise, one
 * length is agreed on, the replicas that have it are cut to it and finalized, and the namenode is told.
 * Errors: BLOCK_UNAVAILABLE when there is nothing to agree on; the file then stays open, no replica is deleted.
 */
export async function recoverBlock(
  seams: Pick<Seams, 'rpc' | 'log'>,
  primary: RecoveryPrimary,
  order: RecoverOrder,
  signal: AbortSignal,
): Promise<void> {
  const { block, recoveryStamp, replicas } = order;
  if (block === null) throw new QuarryError('INVALID_ARGUMENT', 'a recovery order without a block');
  const service = datanodeRecoveryService();
  const options = { timeoutMs: CALL_TIMEOUT_MS, signal };
  const init = (node: DatanodeInfo) =>
    node.id === primary.nodeId
      ? primary.local.init(block, recoveryStamp)
      : seams.rpc.client.call(
          node.rpcAddress,
          service.InitReplicaRecovery,
          { block, recoveryStamp },
          options,
        );
  const answers = await Promise.all(
    replicas.map((node) => reached(seams, node, init(node)).then((info) => info && candidate(node.id, info))),
  );
  const found = answers.filter((answer) => answer !== undefined);
  const agreement = agree(
    { generationStamp: block.generationStamp, promisedBytes: block.lengthBytes },
    found,
  );
  if (agreement.kind !== 'agreed') throw notAgreed(block, agreement);
  const { lengthBytes, nodeIds } = agreement;
  const update = (node: DatanodeInfo) => {
    if (node.id === primary.nodeId) return primary.local.update(block, recoveryStamp, lengthBytes);
    const request = { block, recoveryStamp, lengthBytes };
    return seams.rpc.client.call(node.rpcAddress, service.UpdateReplicaUnderRecovery, request, options);
  };
  const updated = await Promise.all(
    replicas
      .filter(({ id }) => nodeIds.includes(id))
      .map((node) => reached(seams, node, update(node)).then((reply) => (reply ? node.id : undefined))),
  );
  const holders = updated.filter((id) => id !== undefined);
  if (holders.length === 0) {
    throw new QuarryError('BLOCK_UNAVAILABLE', `no replica of block ${block.blockId} could be recovered`);
  }
  await primary.commit(block, recoveryStamp, lengthBytes, holders);
  seams.log.info({ blockId: block.blockId, lengthBytes, holders }, 'block.recovered');
}

/** Undefined, and a line in the log, when the node cannot take part. */
async function reached<T>(
  seams: Pick<Seams, 'log'>,
  node: DatanodeInfo,
  call: Promise<T>,
): Promise<T | undefined> {
  try {
    return await call;
  } catch (thrown) {
    const { code, message } = QuarryError.from(thrown);
    // A newer recovery has taken the replica: this one must not go on with what is left.
    if (code === 'STALE_GENERATION') throw thrown;
    seams.log.warn({ node: node.id, code, reason: message }, 'recovery.replica-left-out');
    return undefined;
  }
}

function candidate(nodeId: string, info: ReplicaRecoveryInfoInput): RecoveryCandidate | undefined {
  const { found, replica, durableLengthBytes } = info;
  if (!found || !replica?.block) return undefined;
  return {
    nodeId,
    generationStamp: Number(replica.block.generationStamp),
    state: replica.state as RecoveryCandidate['state'],
    lengthBytes: Number(replica.block.lengthBytes),
    durableLengthBytes: Number(durableLengthBytes),
  };
}

function notAgreed(block: Block, agreement: Exclude<Agreement, { kind: 'agreed' }>): QuarryError {
  const reasons = {
    none: 'no reachable node has a replica that could be recovered',
    unequal: 'its finalized replicas have unequal lengths',
    'too-short': 'every reachable replica is shorter than what was promised to be durable',
  };
  return new QuarryError(
    'BLOCK_UNAVAILABLE',
    `block ${block.blockId} stays open: ${reasons[agreement.kind]}`,
    { details: { blockId: block.blockId } },
  );
}
