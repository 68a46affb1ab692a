import type { Block } from '../../proto/gen/quarry/Block.ts';
import type { LocatedBlock } from '../../proto/gen/quarry/LocatedBlock.ts';
import { assert } from '../../common/assert.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { WrittenFile } from './block-pipeline.ts';
import { BlockPipeline } from './block-pipeline.ts';
import { describeFailures, noDatanodeTook, type NodeFailure } from './failed-nodes.ts';
import type { FsContext } from './fs-context.ts';
import { ReplicaStreams, type Topology } from './replica-streams.ts';

const ATTEMPTS_MAX = 5;
/** With nodes excluded there may be none left, and waiting for one is seldom worth more than this. */
const PLACEMENT_PATIENCE_MS = 2_000;

/**
 * Asks for the next block of a file and opens it on its datanodes. A block that cannot be opened holds no byte, so it is
 * abandoned and another one placed without the nodes that failed.
 * Errors: NO_SPACE, PIPELINE_FAILED (with every reason), NOT_ENOUGH_DATANODES, LEASE_LOST.
 */
export async function openBlock(
  context: FsContext,
  file: WrittenFile,
  previous: Block | undefined,
): Promise<BlockPipeline> {
  const failures: NodeFailure[] = [];
  const excluded = new Set<string>();
  let topology: Topology = 'chain';
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const located = await addBlock(context, file, previous, { excluded, failures });
    const block = located.block;
    assert(block !== null, 'a placed block has an id');
    const opened = await ReplicaStreams.open(
      context,
      {
        block,
        stage: 'create',
        newGenerationStamp: block.generationStamp,
        minBytesReceived: 0,
        maxBytesReceived: 0,
      },
      located.locations,
      topology,
    );
    if (opened.failures.length === 0) {
      return new BlockPipeline(context, file, { block, nodes: located.locations, streams: opened.streams });
    }
    opened.streams.abort();
    for (const failure of opened.failures) {
      failures.push(failure);
      context.seams.log.warn(
        { path: file.path, blockId: block.blockId, node: failure.nodeId, err: failure.error },
        'block.setup-failed',
      );
      if (failure.nodeId === undefined) topology = 'star';
      else {
        excluded.add(failure.nodeId);
        if (!hasCode(failure.error, 'NO_SPACE')) context.suspects.suspect(failure.nodeId);
      }
    }
    await context.namenode.call('AbandonBlock', { path: file.path, inodeId: file.inodeId, block });
  }
  throw noDatanodeTook(file.path, failures);
}

interface PlacementHistory {
  readonly excluded: ReadonlySet<string>;
  readonly failures: readonly NodeFailure[];
}

/**
 * Suspect nodes are left out while enough others are there. A suspicion is of an earlier block and may be out of date:
 * better a doubtful replica than a block with one. So the namenode is first asked without naming them, because it takes
 * what is named for broken, and the next caller would get fewer nodes than there are.
 */
async function addBlock(
  context: FsContext,
  file: WrittenFile,
  previous: Block | undefined,
  history: PlacementHistory,
): Promise<LocatedBlock> {
  const { namenode, suspects } = context;
  const { path, inodeId } = file;
  const request = { path, inodeId, ...(previous === undefined ? {} : { previous }) };
  const place = (excludedNodes: string[]) =>
    namenode.call(
      'AddBlock',
      { ...request, excludedNodes },
      excludedNodes.length === 0 ? {} : { scarcityTimeoutMs: PLACEMENT_PATIENCE_MS },
    );
  try {
    const located = await place([...history.excluded]);
    const doubtful = located.locations.map(({ id }) => id).filter((id) => suspects.isSuspect(id));
    const certain = located.locations.length - doubtful.length;
    if (doubtful.length === 0 || certain < Math.min(file.replication, 2)) return located;
    await namenode.call('AbandonBlock', { path, inodeId, block: located.block });
    return await place([...history.excluded, ...doubtful]);
  } catch (thrown) {
    if (!hasCode(thrown, 'NOT_ENOUGH_DATANODES') || history.failures.length === 0) throw thrown;
    if (history.failures.every(({ error }) => error.code === 'NO_SPACE')) {
      throw noDatanodeTook(path, history.failures);
    }
    const tried = describeFailures(history.failures);
    throw new QuarryError(thrown.code, `${thrown.message}; tried ${tried}`, { cause: thrown });
  }
}
