import { createHash } from 'node:crypto';
import { BYTES_PER_CHECKSUM } from '../../common/checksum.ts';
import { combineChecksums } from '../../common/transfer/chunk-checksums.ts';
import type { OpBlockChecksum } from '../../common/transfer/messages.ts';
import { CHECKSUM_CRC32C, STATUS } from '../../common/transfer/protocol.ts';
import type { Wire } from '../../common/transfer/wire.ts';
import type { TransferContext } from './data-server.ts';
import { readableReplica } from './readable-replica.ts';
import { refuse, respond } from './refusal.ts';

const MD5CRC = 1;
const COMPOSITE_CRC = 2;

/** BLOCK_CHECKSUM: the MD5 of a replica's checksums or the CRC of its bytes, of which HDFS makes a file's checksum. */
export async function answerBlockChecksum(
  wire: Wire,
  context: TransferContext,
  op: OpBlockChecksum,
): Promise<void> {
  try {
    const options = op.blockChecksumOptions ?? { blockChecksumType: MD5CRC, stripeLength: 0 };
    const { lengthBytes, md5, crc } = await digest(context, op);
    const composite = options.blockChecksumType === COMPOSITE_CRC;
    respond(wire, {
      status: STATUS.SUCCESS,
      checksumResponse: {
        bytesPerCrc: BYTES_PER_CHECKSUM,
        crcPerBlock: Math.ceil(lengthBytes / BYTES_PER_CHECKSUM),
        blockChecksum: composite ? crc : md5,
        crcType: CHECKSUM_CRC32C,
        blockChecksumOptions: options,
      },
    });
  } catch (thrown) {
    refuse(wire, thrown);
  }
}

interface Digest {
  readonly lengthBytes: number;
  readonly md5: Buffer;
  readonly crc: Buffer;
}

async function digest(context: TransferContext, op: OpBlockChecksum): Promise<Digest> {
  const replica = readableReplica(context, op.header.block);
  const hash = createHash('md5');
  let crc = 0;
  let lengthBytes = 0;
  for await (const { data, checksums } of context.store.read(replica.blockId, 0, replica.lengthBytes)) {
    hash.update(checksums);
    crc = combineChecksums(checksums, data.length, crc);
    lengthBytes += data.length;
  }
  const crcBytes = Buffer.allocUnsafe(4);
  crcBytes.writeUInt32BE(crc);
  return { lengthBytes, md5: hash.digest(), crc: crcBytes };
}
