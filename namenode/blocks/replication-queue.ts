/** How urgent a block is, most urgent first. */
export const LAST_REPLICA = 0; // one replica left
export const VERY_LOW = 1; // less than a third of the target
export const LOW = 2;
export const MISPLACED = 3; // enough replicas, two on one label
export const UNAVAILABLE = 4; // none to copy from; kept for counting and for when one returns
const LEVELS = 5;

export interface Health {
  readonly good: number;
  readonly target: number;
  readonly misplaced: boolean;
  /** A target that cannot be met with the labels there are is not work. */
  readonly reachable: boolean;
}

/** The level of a block, or undefined when it needs nothing. */
export function levelOf({ good, target, misplaced, reachable }: Health): number | undefined {
  if (good === 0) return UNAVAILABLE;
  if (good >= target) return misplaced && reachable ? MISPLACED : undefined;
  if (good === 1) return LAST_REPLICA;
  return good * 3 < target ? VERY_LOW : LOW;
}

/**
 * Blocks that need copies, by urgency, round robin within a level: a block that was looked at goes to the back, so that one
 * that cannot be copied now holds up no other. A tenth of each round goes to the lower levels, so that none starves.
 */
export class ReplicationQueue {
  readonly #levels = Array.from({ length: LEVELS }, () => new Set<number>());
  readonly #levelOf = new Map<number, number>();

  put(blockId: number, level: number | undefined): void {
    const before = this.#levelOf.get(blockId);
    if (before === level) return;
    if (before !== undefined) this.#levels[before]!.delete(blockId);
    if (level === undefined) {
      this.#levelOf.delete(blockId);
      return;
    }
    this.#levels[level]!.add(blockId);
    this.#levelOf.set(blockId, level);
  }

  level(blockId: number): number | undefined {
    return this.#levelOf.get(blockId);
  }

  get size(): number {
    return this.#levelOf.size;
  }

  sizeOf(level: number): number {
    return this.#levels[level]!.size;
  }

  /** The next blocks to work on, at most `slots`; each moves to the back of its level. */
  take(slots: number): number[] {
    const lower = Math.min(
      Math.max(1, Math.ceil(slots / 10)),
      this.sizeOf(VERY_LOW) + this.sizeOf(LOW) + this.sizeOf(MISPLACED),
    );
    const taken = this.#rotate(LAST_REPLICA, Math.max(0, slots - lower));
    for (let level = VERY_LOW; level <= MISPLACED && taken.length < slots; level++) {
      const below = this.#waitingBelow(level);
      const room = slots - taken.length;
      taken.push(...this.#rotate(level, Math.max(1, room - Math.min(below, Math.ceil(room / 10)))));
    }
    // What the lower levels left is the first level's.
    if (taken.length < slots) {
      const had = new Set(taken);
      for (const id of this.#rotate(LAST_REPLICA, slots - taken.length)) if (!had.has(id)) taken.push(id);
    }
    return taken;
  }

  #waitingBelow(level: number): number {
    let waiting = 0;
    for (let lower = level + 1; lower <= MISPLACED; lower++) waiting += this.sizeOf(lower);
    return waiting;
  }

  #rotate(level: number, count: number): number[] {
    const queue = this.#levels[level]!;
    const taken: number[] = [];
    for (const id of queue) {
      if (taken.length >= count) break;
      taken.push(id);
    }
    for (const id of taken) {
      queue.delete(id);
      queue.add(id);
    }
    return taken;
  }
}
