import type { Config } from '../../common/config.ts';
import type { Seams } from '../../common/seams/seams.ts';
import type { Block } from '../../proto/gen/quarry/Block.ts';
import type { DatanodeInfo } from '../../proto/gen/quarry/DatanodeInfo.ts';
import type { BlockStore } from '../store/block-store.ts';
import { copyBlock } from '../transfer/block-copier.ts';
import { SendPace } from '../transfer/send-pace.ts';

/** Sends a local replica to one node; copies that run at the same time share `datanode.copyBytesPerSecond`. */
export function copier(
  seams: Pick<Seams, 'net' | 'clock'>,
  config: Config,
  store: BlockStore,
  poolId: () => string,
  nodeId: string,
) {
  const pace = new SendPace(seams.clock, config['datanode.copyBytesPerSecond']);
  return (block: Block, target: DatanodeInfo, signal: AbortSignal): Promise<void> =>
    copyBlock(seams, store, {
      block,
      targets: [{ id: target.id, address: target.dataAddress }],
      clientName: `copy-${nodeId}`,
      poolId: poolId(),
      pace,
      config,
      signal,
    });
}
