import { assert } from '../../common/assert.ts';
import type { Replica, ReplicaState } from './block-store.ts';
import { type ChunkId, CHUNK_HEADER_BYTES, checksumBytes } from './chunk-codec.ts';
import { type Extent, extentsEnd, truncated, withChunk } from './extent.ts';
import { staleStamp } from './replica-errors.ts';
import type { ReplicaRecord } from './replica-record.ts';
import type { Segments } from './segments.ts';

/** A replica as the store works with it. Changed inside the block's lock, but for appends, which a lock waits out. */
export class ReplicaEntry {
  readonly blockId: number;
  generationStamp: number;
  /** Under a recovery: what it was before. */
  state: Exclude<ReplicaState, 'RUR'>;
  underRecovery = false;
  recoveryStamp: number;
  lengthBytes: number;
  durableLengthBytes: number;
  scanFromSeq: number;
  usage: Map<number, number>;
  /** Of a finalized replica they may be unloaded. */
  extents: Extent[] | undefined;
  /** Where the next append goes on, with those under way. */
  pendingEndBytes: number;
  /** Monotonic. */
  lastAppendMs = 0;
  #appends = 0;
  #onDrained: (() => void)[] = [];

  constructor(record: ReplicaRecord, extents: Extent[] | undefined) {
    this.blockId = record.blockId;
    this.generationStamp = record.generationStamp;
    this.state = record.state;
    this.recoveryStamp = record.recoveryStamp;
    this.lengthBytes = record.lengthBytes;
    this.durableLengthBytes = record.durableLengthBytes;
    this.scanFromSeq = record.scanFromSeq;
    this.usage = new Map(record.usage);
    this.pendingEndBytes = record.lengthBytes;
    this.extents = extents;
  }

  /** Of the recovery that has started and not ended; 0 without one. */
  get openRecoveryStamp(): number {
    return this.underRecovery ? this.recoveryStamp : 0;
  }

  get record(): ReplicaRecord {
    const { blockId, generationStamp, state, lengthBytes, durableLengthBytes } = this;
    const { recoveryStamp, scanFromSeq, usage } = this;
    return {
      blockId,
      generationStamp,
      state,
      lengthBytes,
      durableLengthBytes,
      recoveryStamp,
      scanFromSeq,
      usage,
    };
  }

  snapshot(): Replica {
    return {
      blockId: this.blockId,
      generationStamp: this.generationStamp,
      state: this.underRecovery ? 'RUR' : this.state,
      lengthBytes: this.lengthBytes,
      durableLengthBytes: this.durableLengthBytes,
    };
  }

  /** Errors: STALE_GENERATION when the replica has another stamp or a recovery has taken it. */
  checkWriter(generationStamp: number): void {
    if (this.generationStamp !== generationStamp || this.underRecovery) {
      throw staleStamp(this.blockId, generationStamp, Math.max(this.generationStamp, this.recoveryStamp));
    }
  }

  /** Counts an append that is under way. */
  beginAppend(endBytes: number): void {
    this.#appends++;
    this.pendingEndBytes = Math.max(this.pendingEndBytes, endBytes);
  }

  /**
   * Ends what `beginAppend` began. Answers by how much the replica grew; undefined when nothing was added: the write
   * has failed (no id), or an earlier one has and this one leaves a gap.
   */
  endAppend(segments: Segments, id: ChunkId | undefined): number | undefined {
    this.#appends--;
    const before = this.lengthBytes;
    const fits = id !== undefined && id.offsetBytes <= before;
    if (fits) this.#add(segments, id);
    if (this.#appends === 0) {
      this.pendingEndBytes = this.lengthBytes;
      for (const resume of this.#onDrained.splice(0)) resume();
    }
    return fits ? this.lengthBytes - before : undefined;
  }

  /** Resolves when no append is under way. */
  async drained(): Promise<void> {
    while (this.#appends > 0) await new Promise<void>((resume) => this.#onDrained.push(resume));
  }

  /** Cuts to `lengthBytes`. */
  truncate(extents: Extent[], lengthBytes: number): void {
    this.extents = truncated(extents, lengthBytes);
    this.lengthBytes = lengthBytes;
    this.pendingEndBytes = lengthBytes;
    this.durableLengthBytes = Math.min(this.durableLengthBytes, lengthBytes);
  }

  #add(segments: Segments, id: ChunkId): void {
    assert(this.extents !== undefined, 'only a replica that is being written grows');
    if (id.offsetBytes === this.lengthBytes) {
      this.extents.push({ ...id, fromBytes: id.offsetBytes, toBytes: id.offsetBytes + id.lengthBytes });
    } else this.extents = withChunk(this.extents, id);
    this.lengthBytes = extentsEnd(this.extents);
    const segment = segments.find(id.seq);
    assert(segment !== undefined, 'a segment with a new chunk is gone');
    const bytes = valueBytes(id.lengthBytes);
    segment.liveBytes += bytes;
    this.usage.set(segment.firstSeq, (this.usage.get(segment.firstSeq) ?? 0) + bytes);
  }

  /** Counts `extents` as what the replica takes of its segments from now on. */
  account(segments: Segments, extents: readonly Extent[]): void {
    const usage = usageOf(segments, extents);
    addLive(segments, this.usage, -1);
    addLive(segments, usage, 1);
    this.usage = usage;
  }
}

export function valueBytes(lengthBytes: number): number {
  return CHUNK_HEADER_BYTES + checksumBytes(lengthBytes) + lengthBytes;
}

export function addLive(segments: Segments, usage: ReadonlyMap<number, number>, sign: 1 | -1): void {
  for (const [firstSeq, bytes] of usage) {
    const segment = segments.find(firstSeq);
    if (segment?.firstSeq === firstSeq) segment.liveBytes += sign * bytes;
  }
}

function usageOf(segments: Segments, extents: readonly Extent[]): Map<number, number> {
  const usage = new Map<number, number>();
  const seen = new Set<number>();
  for (const { seq, lengthBytes } of extents) {
    const segment = segments.find(seq);
    // A chunk that was cut in two by a newer one has two extents.
    if (segment === undefined || seen.has(seq)) continue;
    seen.add(seq);
    usage.set(segment.firstSeq, (usage.get(segment.firstSeq) ?? 0) + valueBytes(lengthBytes));
  }
  return usage;
}
