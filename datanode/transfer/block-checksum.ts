import { createHash } from 'node:crypto';
import { BYTES_PER_CHECKSUM } from '../../common/checksum.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { OpBlockChecksum } from '../../common/transfer/messages.ts';
import { CHECKSUM_CRC32C, STATUS } from '../../common/transfer/protocol.ts';
import type { Wire } from '../../common/transfer/wire.ts';
import type { TransferContext } from './data-server.ts';
import { checkBlock, refuse, respond } from './refusal.ts';

const MD5CRC = 1;

/** BLOCK_CHECKSUM: the MD5 of a replica's checksums, of which HDFS makes a file's checksum. */
export async function answerBlockChecksum(
  wire: Wire,
  context: TransferContext,
  op: OpBlockChecksum,
): Promise<void> {
  try {
    const options = op.blockChecksumOptions ?? { blockChecksumType: MD5CRC, stripeLength: 0 };
    if (options.blockChecksumType !== MD5CRC) {
      throw new QuarryError(
        'UNSUPPORTED',
        'only MD5-of-CRC checksums are served: set dfs.checksum.combine.mode=MD5MD5CRC',
      );
    }
    const { count, md5 } = await digest(context, op);
    respond(wire, {
      status: STATUS.SUCCESS,
      checksumResponse: {
        bytesPerCrc: BYTES_PER_CHECKSUM,
        crcPerBlock: count,
        blockChecksum: md5,
        crcType: CHECKSUM_CRC32C,
        blockChecksumOptions: options,
      },
    });
  } catch (thrown) {
    refuse(wire, thrown);
  }
}

async function digest(
  { store, poolId }: TransferContext,
  op: OpBlockChecksum,
): Promise<{ count: number; md5: Buffer }> {
  const { block } = op.header;
  checkBlock(block, poolId());
  const replica = store.replica(block.blockId);
  if (
    replica === undefined ||
    replica.state === 'TEMPORARY' ||
    replica.generationStamp < block.generationStamp
  ) {
    throw new QuarryError(
      'BLOCK_NOT_FOUND',
      `there is no replica of block ${block.blockId} with stamp ${block.generationStamp}`,
    );
  }
  const hash = createHash('md5');
  let bytes = 0;
  for await (const chunk of store.read(block.blockId, 0, replica.lengthBytes)) {
    hash.update(chunk.checksums);
    bytes += chunk.checksums.length;
  }
  return { count: bytes / 4, md5: hash.digest() };
}
