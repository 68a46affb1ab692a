import type { Config } from '../../common/config.ts';
import { LevelBlockStore, type StoreSeams } from './level-block-store.ts';

/** The store of a datanode as its configuration wants it; `create` on the first start only. Errors: see LevelBlockStore.open. */
export function openBlockStore(seams: StoreSeams, config: Config, create: boolean): Promise<LevelBlockStore> {
  return LevelBlockStore.open(seams, {
    segmentBytes: config['datanode.segmentBytes'],
    writeBufferBytes: config['datanode.writeBufferBytes'],
    segmentLiveShareMin: config['datanode.segmentLiveShareMin'],
    reclaimBytesPerSecond: config['datanode.reclaimBytesPerSecond'],
    reserveShare: config['datanode.reserveShare'],
    create,
  });
}
