import { assert } from '../../common/assert.ts';
import type { Logger } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Disk } from '../../common/seams/disk.ts';
import type { Chunk } from './block-store.ts';
import { type ChunkId, encodeChunkValue } from './chunk-codec.ts';
import { listSegments, Segment, segmentName } from './segment.ts';

export interface SegmentOptions {
  readonly segmentBytes: number;
  readonly writeBufferBytes: number;
}

/** Sealed databases that stay open: each costs file handles and mappings, opening one again a few milliseconds. */
const SEALED_OPEN_MAX = 16;
/** Places left free when the next segment is named, for chunks that still go to the one before while it opens. */
const SEQ_RESERVE = 2 ** 20;

/** All segments. New chunks go to the last one, in arrival order; the others are read only. */
export class Segments {
  readonly #disk: Disk;
  readonly #options: SegmentOptions;
  readonly #log: Logger;
  /** Rising by first seq; the last one takes the writes. */
  readonly #segments: Segment[] = [];
  #nextSeq = 1;
  #uses = 0;
  #rolling: Promise<void> | undefined;
  readonly #background = new Set<Promise<void>>();

  constructor(disk: Disk, options: SegmentOptions, log: Logger) {
    this.#disk = disk;
    this.#options = options;
    this.#log = log;
  }

  /** Goes on in the last segment; a last one that cannot be opened is left to its readers to find, and a new one started. */
  async open(): Promise<void> {
    for (const firstSeq of await listSegments(this.#disk)) this.#segments.push(this.#segment(firstSeq));
    const last = this.#segments.at(-1);
    if (last === undefined) return this.#start(1);
    this.#nextSeq = last.firstSeq;
    try {
      this.#nextSeq = ((await last.lastSeq()) ?? last.firstSeq - 1) + 1;
    } catch (thrown) {
      this.#log.error({ err: thrown, segment: last.name }, 'segment.unreadable');
      await this.#start(last.firstSeq + SEQ_RESERVE * SEQ_RESERVE);
    }
  }

  get nextSeq(): number {
    return this.#nextSeq;
  }

  get all(): readonly Segment[] {
    return this.#segments;
  }

  get current(): Segment {
    return this.#segments.at(-1)!;
  }

  /** No chunk gets a place up to `seq` any more. */
  skipTo(seq: number): void {
    this.#nextSeq = Math.max(this.#nextSeq, seq);
  }

  /** The segment of a place; undefined when it has been removed or lost. */
  find(seq: number): Segment | undefined {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#segments[middle]!.firstSeq <= seq) low = middle + 1;
      else high = middle;
    }
    return this.#segments[low - 1];
  }

  has(firstSeq: number): boolean {
    return this.find(firstSeq)?.firstSeq === firstSeq;
  }

  /** Resolves when the put has returned. Chunks of one block resolve in the order of the calls. */
  async put(blockId: number, generationStamp: number, chunk: Chunk): Promise<ChunkId> {
    const segment = this.current;
    const id: ChunkId = {
      seq: this.#nextSeq++,
      blockId,
      generationStamp,
      offsetBytes: chunk.offsetBytes,
      lengthBytes: chunk.data.length,
    };
    segment.lastUse = ++this.#uses;
    const put = segment.put(id, encodeChunkValue(blockId, generationStamp, chunk));
    if (segment.writtenBytes >= this.#options.segmentBytes) this.#roll();
    await put;
    return id;
  }

  /** Errors: BLOCK_CORRUPT when the chunk's segment is gone or does not open. */
  async get(id: ChunkId): Promise<Buffer | undefined> {
    const segment = this.find(id.seq);
    if (segment === undefined) return undefined;
    segment.lastUse = ++this.#uses;
    const wasOpen = segment.isOpen;
    try {
      return await segment.get(id);
    } catch (cause) {
      throw new QuarryError(
        'BLOCK_CORRUPT',
        `block ${id.blockId} cannot be read on this node: read another replica`,
        { cause, details: { blockId: id.blockId } },
      );
    } finally {
      if (!wasOpen) this.#closeIdle();
    }
  }

  /** Ids of all chunks from `seq` on, in arrival order; segments that do not open are left out. */
  async *ids(seq: number): AsyncIterable<ChunkId> {
    for (const segment of this.#segments) {
      const next = this.#segments[this.#segments.indexOf(segment) + 1];
      if (next !== undefined && next.firstSeq <= seq) continue;
      try {
        yield* segment.ids(seq);
      } catch (thrown) {
        this.#log.error({ err: thrown, segment: segment.name }, 'segment.unreadable');
      }
    }
  }

  /** The chunks in these places survive a power cut when it resolves: segment by segment, up to its highest place. */
  async sync(seqs: Iterable<number>): Promise<void> {
    const upTo = new Map<Segment, number>();
    for (const seq of seqs) {
      const segment = this.find(seq);
      assert(segment !== undefined, 'a live segment is gone');
      upTo.set(segment, Math.max(seq, upTo.get(segment) ?? 0));
    }
    await Promise.all([...upTo].map(([segment, seq]) => segment.sync(seq)));
  }

  /** After a failed write: LevelDB refuses every further one, so the writes go to a new database. */
  async startNext(): Promise<void> {
    await this.#rolling;
    const failed = this.current;
    await failed.close();
    await this.#start(this.#nextSeq + 1);
  }

  /** Frees the memory of the last segment's memtable. */
  flush(): Promise<void> {
    return this.current.flushMemtable();
  }

  async remove(segment: Segment): Promise<void> {
    assert(segment !== this.current && segment.liveBytes === 0, 'a segment in use is removed');
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    await segment.close();
    await this.#disk.destroyStore(segment.name);
  }

  async close(): Promise<void> {
    await this.#rolling;
    await Promise.all(this.#background);
    await Promise.all(this.#segments.map((segment) => segment.close()));
  }

  #roll(): void {
    if (this.#rolling !== undefined) return;
    const full = this.current;
    this.#rolling = this.#start(this.#nextSeq + SEQ_RESERVE)
      .then(() => this.#inBackground(this.#seal(full)))
      // The full one goes on taking writes; the next write tries again.
      .catch((thrown: unknown) => this.#log.error({ err: thrown }, 'segment.start-failed'))
      .finally(() => {
        this.#rolling = undefined;
      });
  }

  async #start(firstSeq: number): Promise<void> {
    const segment = this.#segment(firstSeq);
    await segment.open(true);
    const previous = this.#segments.at(-1);
    if (previous !== undefined) segment.settleAfter(previous.drained());
    this.#segments.push(segment);
    this.#nextSeq = firstSeq;
  }

  /** Its memtable becomes a table now, so that it can be closed and opened later without a replay. */
  async #seal(segment: Segment): Promise<void> {
    await segment.flushMemtable();
    await segment.sync(segment.firstSeq);
    this.#closeIdle();
  }

  #closeIdle(): void {
    const open = this.#segments.filter(
      (segment) => segment !== this.current && segment.isOpen && segment.isIdle,
    );
    const surplus = open
      .toSorted((a, b) => a.lastUse - b.lastUse)
      .slice(0, Math.max(0, open.length - SEALED_OPEN_MAX));
    for (const segment of surplus) this.#inBackground(segment.close());
  }

  #inBackground(work: Promise<void>): void {
    const done = work
      .catch((thrown: unknown) => this.#log.error({ err: thrown }, 'segment.failed'))
      .finally(() => this.#background.delete(done));
    this.#background.add(done);
  }

  #segment(firstSeq: number): Segment {
    assert(segmentName(firstSeq).length < 32, 'places stay below 2^53');
    return new Segment(this.#disk, firstSeq, this.#options.writeBufferBytes);
  }
}
