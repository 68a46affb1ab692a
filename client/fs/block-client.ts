import type { Seams } from '../../common/seams/seams.ts';
import { type BlockTransferRequest, transferBlock } from '../../common/transfer/block-transfer.ts';
import {
  type BlockReader,
  type BlockReadRequest,
  openBlockReader,
} from '../../common/transfer/block-reader.ts';
import {
  type BlockWriter,
  type BlockWriteRequest,
  openBlockWriter,
} from '../../common/transfer/block-writer.ts';

/** How the client reaches blocks; the seam at which tests put their own. */
export interface BlockClient {
  openReader(request: BlockReadRequest): Promise<BlockReader>;
  openWriter(request: BlockWriteRequest): Promise<BlockWriter>;
  /** Has one datanode copy its replica to others. */
  transfer(request: BlockTransferRequest): Promise<void>;
}

/** Blocks over DataTransferProtocol. */
export function transferBlockClient(seams: Pick<Seams, 'net' | 'clock'>): BlockClient {
  return {
    openReader: (request) => openBlockReader(seams, request),
    openWriter: (request) => openBlockWriter(seams, request),
    transfer: (request) => transferBlock(seams, request),
  };
}
