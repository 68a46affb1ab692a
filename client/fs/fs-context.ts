import type { DatanodeInfo } from '../../proto/gen/quarry/DatanodeInfo.ts';
import type { Config } from '../../common/config.ts';
import type { Seams } from '../../common/seams/seams.ts';
import type { BlockClient } from './block-client.ts';
import type { NamenodeClient } from './namenode-client.ts';
import type { SuspectNodes } from './suspect-nodes.ts';

export type FsSeams = Pick<Seams, 'net' | 'rpc' | 'clock' | 'random' | 'log'>;

/** What one client's readers and writers share. */
export interface FsContext {
  readonly namenode: NamenodeClient;
  readonly blocks: BlockClient;
  readonly suspects: SuspectNodes;
  readonly config: Config;
  readonly hostLabel: string;
  readonly seams: Pick<Seams, 'rpc' | 'clock' | 'random' | 'log'>;
}

/** Local means the same node label: another node's socket may be on this host and would still not be local. */
export function dataAddress(context: Pick<FsContext, 'hostLabel'>, node: DatanodeInfo): string {
  const local = context.hostLabel !== '' && context.hostLabel === node.hostLabel;
  return local && node.unixSocket !== '' ? `unix:${node.unixSocket}` : node.dataAddress;
}
