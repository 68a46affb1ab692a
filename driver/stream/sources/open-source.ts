import type { FileSystem } from '../../../client/fs/file-system.ts';
import type { Clock } from '../../../common/seams/clock.ts';
import type { FileIndex } from '../../files/file-index.ts';
import { isLogFormat } from '../../plan/log-options.ts';
import type { SourceLeaf } from '../compile-query.ts';
import { FileStreamSource } from './file-stream-source.ts';
import { LogStreamSource } from './log-stream-source.ts';
import { RateStreamSource } from './rate-stream-source.ts';
import type { StreamSource } from './stream-source.ts';

export interface SourceParts {
  readonly fileSystem: FileSystem;
  readonly files: FileIndex;
  readonly clock: Clock;
  /** Where the query keeps what it has seen of this source. */
  readonly directory: string;
}

export async function openSource(leaf: SourceLeaf, parts: SourceParts): Promise<StreamSource> {
  if (isLogFormat(leaf.format)) return LogStreamSource.open(leaf);
  if (leaf.format === 'rate') return new RateStreamSource(leaf, parts.clock);
  return new FileStreamSource(leaf, parts);
}
