import { QuarryError } from '../../common/quarry-error.ts';

interface NamedReplica {
  readonly blockId: number;
  readonly generationStamp: number;
}

export function staleStamp(blockId: number, stamp: number, stored: number): QuarryError {
  return new QuarryError(
    'STALE_GENERATION',
    `block ${blockId} has generation stamp ${stored} on this node, not ${stamp}: ask the namenode for the block again`,
    { details: { blockId, generationStamp: stored } },
  );
}

export function notFound(blockId: number): QuarryError {
  return new QuarryError('BLOCK_NOT_FOUND', `block ${blockId} is not on this node: read another replica`, {
    details: { blockId },
  });
}

export function exists(entry: NamedReplica): QuarryError {
  return new QuarryError(
    'FILE_EXISTS',
    `block ${entry.blockId} is on this node already, with generation stamp ${entry.generationStamp}`,
    { details: { blockId: entry.blockId, generationStamp: entry.generationStamp } },
  );
}

export function invalid(entry: NamedReplica, what: string): QuarryError {
  return new QuarryError('INVALID_ARGUMENT', `block ${entry.blockId} ${what}`, {
    details: { blockId: entry.blockId },
  });
}
