import { datanodeRecoveryService } from '../../common/rpc/services.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { BlockLocationsReply } from '../../proto/gen/quarry/BlockLocationsReply.ts';
import type { FileStatus } from '../../proto/gen/quarry/FileStatus.ts';
import type { LocatedBlock } from '../../proto/gen/quarry/LocatedBlock.ts';
import { assert } from '../../common/assert.ts';
import type { FsContext } from './fs-context.ts';

/** A file's status and the blocks of one range of it, with the readable length of a block that is still being written. */
export interface LocatedFile {
  readonly status: FileStatus;
  readonly blocks: readonly LocatedBlock[];
}

/** Errors: FILE_NOT_FOUND, IS_A_DIRECTORY, INVALID_PATH, PERMISSION_DENIED. */
export async function locate(
  context: FsContext,
  path: string,
  offsetBytes: number,
  lengthBytes: number,
): Promise<LocatedFile> {
  const reply = await context.namenode.call('GetBlockLocations', { path, offsetBytes, lengthBytes });
  const { status } = reply;
  assert(status !== null, 'located blocks come with their file');
  const open = openBlockOf(reply);
  if (open?.block == null) return { status: { ...status, path }, blocks: reply.blocks };
  const visibleBytes = await visibleLength(context, open);
  const block = { ...open.block, lengthBytes: visibleBytes };
  return {
    status: { ...status, path, lengthBytes: Math.max(status.lengthBytes, open.offsetBytes + visibleBytes) },
    blocks: [...reply.blocks.slice(0, -1), { ...open, block }],
  };
}

function openBlockOf({ blocks, lastBlockComplete }: BlockLocationsReply): LocatedBlock | undefined {
  const last = blocks.at(-1);
  return lastBlockComplete || last === undefined || last.complete ? undefined : last;
}

/** What the first replica that answers has acknowledged: at least what the last hflush promised. 0 when none has the block yet. */
async function visibleLength(context: FsContext, located: LocatedBlock): Promise<number> {
  const { suspects, seams, config } = context;
  for (const node of suspects.order(located.locations)) {
    try {
      const reply = await seams.rpc.client.call(
        node.rpcAddress,
        datanodeRecoveryService().GetReplicaVisibleLength,
        { block: located.block },
        { timeoutMs: config['client.readTimeoutMs'] },
      );
      return reply.lengthBytes;
    } catch (thrown) {
      seams.log.debug({ node: node.id, err: QuarryError.from(thrown) }, 'visible-length.not-answered');
    }
  }
  return located.block?.lengthBytes ?? 0;
}
