import type { FileStatus } from '../../proto/gen/quarry/FileStatus.ts';
import { BlockRangeReader } from './block-range-reader.ts';
import { checksumBytes } from '../../common/transfer/chunk-checksums.ts';
import { ReusedBuffers } from '../../common/transfer/reused-buffers.ts';
import type { FsContext } from './fs-context.ts';
import type { LocatedFile } from './located-file.ts';
import { LocatedReplicas } from './located-replicas.ts';
import { ReplicaChoice } from './replica-choice.ts';
import { Stretch } from './stretch.ts';

const MiB = 1024 * 1024;
/** One request: long enough that its round trip costs nothing beside its bytes, short enough to hold several in memory. */
const STRETCH_BYTES = 4 * MiB;
/** What is left of a range is not cut when it is no longer than that. */
const UNCUT_BYTES = 6 * MiB;
/** Bytes asked for and not handed out yet, over all stretches: that much memory a reader takes at most, and reads in vain when it is left early. */
const WINDOW_BYTES = 12 * MiB;

export interface FileRange {
  readonly offsetBytes: number;
  readonly endBytes: number;
  /** What `read` answers is overwritten after the next call: for callers that use bytes at once, half the work. */
  readonly reuseBuffers: boolean;
}

/**
 * A range of a file, front to back. Every byte was checked against its checksum. Also an async iterable of its buffers.
 * The range is cut into stretches; those ahead of the one being read are fetched at the same time, from other replicas
 * where there are equally near ones.
 */
export class FileReader {
  readonly status: FileStatus;
  /** Bytes that this reader gives in all. */
  readonly lengthBytes: number;
  /** Host label of the node that the last buffer came from; undefined before the first. */
  servedBy: string | undefined;
  readonly #stretches: Generator<Stretch, void>;
  /** Started ones, the one being read first. */
  readonly #ahead: Stretch[] = [];
  #next: Stretch | undefined;
  /** Of the started stretches, not handed out yet. */
  #aheadBytes = 0;

  readonly #buffers: ReusedBuffers | undefined;
  #lent: Buffer | undefined;

  /** The range's end is cut to the file's. */
  constructor(context: FsContext, file: LocatedFile, range: FileRange) {
    this.status = file.status;
    const end = Math.min(range.endBytes, file.status.lengthBytes);
    this.lengthBytes = Math.max(0, end - range.offsetBytes);
    const { 'client.packetBytes': packetBytes } = context.config;
    if (range.reuseBuffers) {
      const packet = packetBytes + checksumBytes(packetBytes);
      this.#buffers = new ReusedBuffers(packet, Math.ceil(WINDOW_BYTES / packetBytes));
    }
    this.#stretches = stretchesOf(context, file, { ...range, endBytes: end }, this.#buffers);
    this.#advance();
  }

  /**
   * Undefined at the end. The buffer belongs to the caller; where buffers are reused, until the next call only.
   * Errors: BLOCK_UNAVAILABLE, FILE_NOT_FOUND.
   */
  async read(): Promise<Buffer | undefined> {
    if (this.#lent !== undefined) this.#buffers?.release(this.#lent);
    this.#lent = undefined;
    for (;;) {
      if (this.#ahead.length === 0) this.#startNext();
      // Whoever comes back for more reads on: from then on it is fetched ahead.
      else while (this.#next !== undefined && this.#fits(this.#next)) this.#startNext();
      const [current] = this.#ahead;
      if (current === undefined) return undefined;
      const piece = await current.read();
      if (piece !== undefined) {
        this.#aheadBytes -= piece.data.length;
        this.servedBy = piece.servedBy;
        this.#lent = piece.data;
        return piece.data;
      }
      this.#ahead.shift();
    }
  }

  close(): void {
    this.#next = undefined;
    for (const stretch of this.#ahead.splice(0)) stretch.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    try {
      for (let data = await this.read(); data !== undefined; data = await this.read()) yield data;
    } finally {
      this.close();
    }
  }

  #fits({ lengthBytes }: Stretch): boolean {
    return this.#aheadBytes + lengthBytes <= WINDOW_BYTES;
  }

  #startNext(): void {
    const stretch = this.#next;
    if (stretch === undefined) return;
    stretch.start();
    this.#ahead.push(stretch);
    this.#aheadBytes += stretch.lengthBytes;
    this.#advance();
  }

  #advance(): void {
    this.#next = this.#stretches.next().value ?? undefined;
  }
}

function* stretchesOf(
  context: FsContext,
  file: LocatedFile,
  { offsetBytes, endBytes }: FileRange,
  buffers: ReusedBuffers | undefined,
): Generator<Stretch, void> {
  const allocate = buffers && ((lengthBytes: number) => buffers.take(lengthBytes));
  const choice = new ReplicaChoice(context);
  for (const located of file.blocks) {
    const start = located.offsetBytes;
    const to = Math.min(endBytes, start + (located.block?.lengthBytes ?? 0)) - start;
    let from = Math.max(offsetBytes, start) - start;
    if (from >= to) continue;
    const replicas = new LocatedReplicas(context, file.status.path, located, choice);
    while (from < to) {
      const cut = to - from <= UNCUT_BYTES ? to : from + STRETCH_BYTES;
      const range = { offsetBytes: from, endBytes: cut };
      yield new Stretch(new BlockRangeReader(context, replicas, range, allocate));
      from = cut;
    }
  }
}
