import { assert } from '../../common/assert.ts';
import type { BlockRecord } from '../namespace/records.ts';
import { IdIndex } from './id-index.ts';

/** What is known of a replica besides where it is. A replica in the map is finalized with the block's stamp and length, unless CORRUPT. */
export const DURABLE = 1 << 24;
export const VERIFIED = 1 << 25;
export const CORRUPT = 1 << 26;
/** Its deletion has been decided: it counts no more and is not served. */
export const INVALIDATED = 1 << 27;
const NODE_MASK = (1 << 24) - 1;

export interface Replica {
  readonly node: number;
  readonly flags: number;
}

export const isGood = (replica: Replica): boolean => (replica.flags & (CORRUPT | INVALIDATED)) === 0;

const INLINE = 4;
const COMMITTED = 1;

/**
 * Block -> replicas, in typed arrays: 47 bytes a block and 12 to 24 of index. Blocks come from the namespace, replicas from
 * reports. Rows are stable and iterated in order of allocation, which is the same in every run.
 */
export class BlockMap {
  readonly #index = new IdIndex();
  #capacity = 1024;
  #rows = 0;
  readonly #free: number[] = [];
  #ids = new Float64Array(this.#capacity);
  #stamps = new Float64Array(this.#capacity);
  #lengths = new Float64Array(this.#capacity);
  #inodes = new Float64Array(this.#capacity);
  #targets = new Uint16Array(this.#capacity);
  #flags = new Uint8Array(this.#capacity);
  /** Node index + 1 in the low bits, so that 0 is an empty place. */
  #replicas = new Uint32Array(this.#capacity * INLINE);
  readonly #overflow = new Map<number, number[]>();

  /** Committed blocks, those with a good replica, those with as many as they should have, those with a corrupt one. */
  committed = 0;
  available = 0;
  satisfied = 0;
  withCorrupt = 0;

  get size(): number {
    return this.#index.size;
  }

  /** One past the highest row. */
  get rows(): number {
    return this.#rows;
  }

  /** -1 when the block is unknown. */
  row(id: number): number {
    return id > 0 ? this.#index.get(id) : -1;
  }

  /** 0 for a free row. */
  id = (row: number): number => this.#ids[row]!;
  stamp = (row: number): number => this.#stamps[row]!;
  lengthBytes = (row: number): number => this.#lengths[row]!;
  inodeId = (row: number): number => this.#inodes[row]!;
  target = (row: number): number => this.#targets[row]!;
  isCommitted = (row: number): boolean => (this.#flags[row]! & COMMITTED) !== 0;

  /** Adds the block, or takes up what has changed in its record. */
  put(block: BlockRecord): void {
    let row = this.#index.get(block.id);
    if (row < 0) {
      row = this.#free.pop() ?? this.#rows++;
      if (row >= this.#capacity) this.#grow();
      this.#index.set(block.id, row);
      this.#ids[row] = block.id;
      this.#flags[row] = 0;
    }
    this.#uncount(row);
    this.#stamps[row] = block.stamp;
    this.#lengths[row] = block.lengthBytes;
    this.#inodes[row] = block.inodeId;
    this.#targets[row] = block.target;
    this.#flags[row] = block.committed ? COMMITTED : 0;
    this.#count(row);
  }

  remove(id: number): void {
    const row = this.#index.get(id);
    if (row < 0) return;
    this.#uncount(row);
    this.#index.delete(id);
    this.#ids[row] = 0;
    this.#flags[row] = 0;
    this.#replicas.fill(0, row * INLINE, (row + 1) * INLINE);
    this.#overflow.delete(row);
    this.#free.push(row);
  }

  replicas(row: number): Replica[] {
    const found: Replica[] = [];
    for (let at = row * INLINE; at < (row + 1) * INLINE; at++) {
      const word = this.#replicas[at]!;
      if (word !== 0) found.push(unpack(word));
    }
    for (const word of this.#overflow.get(row) ?? []) found.push(unpack(word));
    return found;
  }

  replicaOn(row: number, node: number): Replica | undefined {
    return this.replicas(row).find((replica) => replica.node === node);
  }

  goodReplicas(row: number): Replica[] {
    return this.replicas(row).filter(isGood);
  }

  durableCount(row: number): number {
    return this.goodReplicas(row).filter((replica) => replica.flags & DURABLE).length;
  }

  setReplica(row: number, node: number, flags: number): void {
    this.#uncount(row);
    const word = ((node + 1) | flags) >>> 0;
    const more = this.#overflow.get(row);
    const inOverflow = more?.findIndex((other) => (other & NODE_MASK) === node + 1) ?? -1;
    if (inOverflow >= 0) more![inOverflow] = word;
    else {
      const base = row * INLINE;
      let place = -1;
      for (let at = base; at < base + INLINE; at++) {
        const other = this.#replicas[at]! & NODE_MASK;
        if (other === node + 1) {
          place = at;
          break;
        }
        if (other === 0 && place < 0) place = at;
      }
      if (place >= 0) this.#replicas[place] = word;
      else if (more) more.push(word);
      else this.#overflow.set(row, [word]);
    }
    this.#count(row);
  }

  dropReplica(row: number, node: number): void {
    this.#uncount(row);
    for (let at = row * INLINE; at < (row + 1) * INLINE; at++) {
      if ((this.#replicas[at]! & NODE_MASK) === node + 1) this.#replicas[at] = 0;
    }
    const more = this.#overflow.get(row)?.filter((word) => (word & NODE_MASK) !== node + 1);
    if (more && more.length > 0) this.#overflow.set(row, more);
    else this.#overflow.delete(row);
    this.#count(row);
  }

  /** Rows with a replica on the node; a scan of a 10M-block map takes about 0.1 s. */
  rowsOn(node: number): number[] {
    const found: number[] = [];
    for (let row = 0; row < this.#rows; row++) {
      if (this.#ids[row] !== 0 && this.#isOn(row, node)) found.push(row);
    }
    return found;
  }

  #isOn(row: number, node: number): boolean {
    for (let at = row * INLINE; at < (row + 1) * INLINE; at++) {
      if ((this.#replicas[at]! & NODE_MASK) === node + 1) return true;
    }
    return this.#overflow.get(row)?.some((word) => (word & NODE_MASK) === node + 1) ?? false;
  }

  #count(row: number): void {
    this.#tally(row, 1);
  }

  #uncount(row: number): void {
    this.#tally(row, -1);
  }

  #tally(row: number, by: 1 | -1): void {
    if ((this.#flags[row]! & COMMITTED) === 0) return;
    let good = 0;
    let corrupt = false;
    const look = (word: number) => {
      if (word === 0) return;
      if ((word & (CORRUPT | INVALIDATED)) === 0) good++;
      else if ((word & INVALIDATED) === 0) corrupt = true;
    };
    for (let at = row * INLINE; at < (row + 1) * INLINE; at++) look(this.#replicas[at]!);
    this.#overflow.get(row)?.forEach(look);
    this.committed += by;
    if (good > 0) this.available += by;
    if (good >= this.#targets[row]!) this.satisfied += by;
    if (corrupt) this.withCorrupt += by;
    assert(this.committed >= 0, 'blocks are counted once');
  }

  #grow(): void {
    const capacity = this.#capacity * 2;
    this.#capacity = capacity;
    this.#ids = grown(this.#ids, new Float64Array(capacity));
    this.#stamps = grown(this.#stamps, new Float64Array(capacity));
    this.#lengths = grown(this.#lengths, new Float64Array(capacity));
    this.#inodes = grown(this.#inodes, new Float64Array(capacity));
    this.#targets = grown(this.#targets, new Uint16Array(capacity));
    this.#flags = grown(this.#flags, new Uint8Array(capacity));
    this.#replicas = grown(this.#replicas, new Uint32Array(capacity * INLINE));
  }
}

function unpack(word: number): Replica {
  return { node: (word & NODE_MASK) - 1, flags: word & ~NODE_MASK };
}

function grown<A extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
