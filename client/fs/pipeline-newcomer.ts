import type { Block } from '../../proto/gen/quarry/Block.ts';
import type { DatanodeInfo } from '../../proto/gen/quarry/DatanodeInfo.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { WrittenFile } from './block-pipeline.ts';
import { dataAddress, type FsContext } from './fs-context.ts';

export interface ThinPipeline {
  readonly survivor: DatanodeInfo;
  /** With the acknowledged bytes as its length. */
  readonly block: Block;
  /** Ids of nodes that failed this block. */
  readonly lost: readonly string[];
}

/**
 * A datanode that has been given the survivor's replica and can join the pipeline. Undefined when there is none, or the
 * copy failed: then the write goes on with the survivor alone, and how many replicas are durable at the end is what close
 * waits for and says.
 */
export async function newcomer(
  context: FsContext,
  file: WrittenFile,
  pipeline: ThinPipeline,
): Promise<DatanodeInfo | undefined> {
  const { namenode, blocks, config, seams } = context;
  const { survivor, block, lost } = pipeline;
  try {
    const located = await namenode.call(
      'GetAdditionalDatanode',
      {
        path: file.path,
        inodeId: file.inodeId,
        block,
        existingNodes: [survivor.id],
        excludedNodes: [...lost],
        count: 1,
      },
      { scarcityTimeoutMs: 0 },
    );
    const joined = located.locations.find(({ id }) => id !== survivor.id && !lost.includes(id));
    if (joined === undefined) return undefined;
    await blocks.transfer({
      address: dataAddress(context, survivor),
      block,
      targets: [{ id: joined.id, address: joined.dataAddress }],
      clientName: namenode.clientName,
      connectTimeoutMs: config['client.connectTimeoutMs'],
      timeoutMs: config['client.ackTimeoutMs'],
    });
    return joined;
  } catch (thrown) {
    seams.log.warn(
      { path: file.path, blockId: block.blockId, err: QuarryError.from(thrown) },
      'pipeline.not-replenished',
    );
    return undefined;
  }
}
