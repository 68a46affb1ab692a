import { crc32 } from '@node-rs/crc32';
import { QuarryError } from '../../common/quarry-error.ts';
import type { AddArtifactsRequest } from '../../proto/gen/spark/connect/AddArtifactsRequest.ts';
import type { ArtifactStore } from '../session/artifact-store.ts';

interface Chunk {
  readonly data: Buffer;
  readonly crc: string;
}

interface OpenArtifact {
  readonly name: string;
  readonly lengthBytes: number;
  readonly chunks: Buffer[];
  remaining: number;
  isIntact: boolean;
}

export interface ArtifactSummary {
  readonly name: string;
  readonly isCrcSuccessful: boolean;
}

/** One AddArtifacts stream: whole artifacts in batches, or one in chunks. An artifact with a wrong checksum is not stored. */
export class ArtifactUpload {
  readonly #summaries: ArtifactSummary[] = [];
  #open: OpenArtifact | undefined;

  /** Errors: INVALID_ARGUMENT for chunks out of order, UNSUPPORTED and LIMIT_EXCEEDED from the store. */
  add(request: AddArtifactsRequest, store: ArtifactStore): void {
    switch (request.payload) {
      case 'batch':
        for (const { name, data } of request.batch!.artifacts) {
          this.#finish(name, data!.data, isIntact(data!), store);
        }
        return;
      case 'beginChunk': {
        const { name, totalBytes, numChunks, initialChunk } = request.beginChunk!;
        this.#open = {
          name,
          lengthBytes: Number(totalBytes),
          chunks: [],
          remaining: Number(numChunks),
          isIntact: true,
        };
        this.#addChunk(initialChunk!, store);
        return;
      }
      case 'chunk':
        this.#addChunk(request.chunk!, store);
        return;
      default:
        throw new QuarryError('INVALID_ARGUMENT', 'the artifact message has no payload');
    }
  }

  /** Errors: INVALID_ARGUMENT when chunks are missing. */
  end(): readonly ArtifactSummary[] {
    if (this.#open !== undefined) {
      throw new QuarryError('INVALID_ARGUMENT', `artifact ${this.#open.name} ended before its last chunk`);
    }
    return this.#summaries;
  }

  #addChunk(chunk: Chunk, store: ArtifactStore): void {
    const artifact = this.#open;
    if (artifact === undefined) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        'an artifact chunk came before the beginning of its artifact',
      );
    }
    artifact.chunks.push(chunk.data);
    artifact.isIntact &&= isIntact(chunk);
    artifact.remaining -= 1;
    if (artifact.remaining > 0) return;
    this.#open = undefined;
    const bytes = Buffer.concat(artifact.chunks);
    const isWhole = artifact.isIntact && bytes.length === artifact.lengthBytes;
    this.#finish(artifact.name, bytes, isWhole, store);
  }

  #finish(name: string, bytes: Buffer, isCrcSuccessful: boolean, store: ArtifactStore): void {
    if (isCrcSuccessful) store.put(name, bytes);
    this.#summaries.push({ name, isCrcSuccessful });
  }
}

function isIntact({ data, crc }: Chunk): boolean {
  return crc32(data) === Number(crc);
}
