import { describe, expect, it } from 'vitest';
import {
  LAST_REPLICA,
  levelOf,
  LOW,
  MISPLACED,
  ReplicationQueue,
  UNAVAILABLE,
  VERY_LOW,
} from '../../../../namenode/blocks/replication-queue.ts';

const health = (good: number, target: number, misplaced = false) => ({
  good,
  target,
  misplaced,
  reachable: misplaced,
});

describe('replication queue', () => {
  it('ranks blocks by what is left of them', () => {
    expect(levelOf(health(0, 3))).toBe(UNAVAILABLE);
    expect(levelOf(health(1, 3))).toBe(LAST_REPLICA);
    expect(levelOf(health(2, 7))).toBe(VERY_LOW);
    expect(levelOf(health(2, 3))).toBe(LOW);
    expect(levelOf(health(3, 3, true))).toBe(MISPLACED);
    expect(levelOf(health(3, 3))).toBeUndefined();
    expect(levelOf(health(1, 1))).toBeUndefined();
  });

  it('takes the most urgent first and leaves a share to the rest', () => {
    const queue = new ReplicationQueue();
    for (let id = 1; id <= 100; id++) queue.put(id, LAST_REPLICA);
    for (let id = 101; id <= 200; id++) queue.put(id, LOW);
    const taken = queue.take(20);
    expect(taken).toHaveLength(20);
    expect(taken.filter((id) => id <= 100)).toHaveLength(18);
    expect(taken.filter((id) => id > 100)).toHaveLength(2);
  });

  it('goes round within a level, never hands out the unavailable, and forgets the healed', () => {
    const queue = new ReplicationQueue();
    for (const id of [1, 2, 3]) queue.put(id, LOW);
    queue.put(9, UNAVAILABLE);
    expect(queue.take(2)).toEqual([1, 2]);
    expect(queue.take(2)).toEqual([3, 1]);
    queue.put(2, undefined);
    expect(queue.take(10)).toEqual([3, 1]);
    expect([queue.size, queue.sizeOf(UNAVAILABLE), queue.level(2)]).toEqual([3, 1, undefined]);
    queue.put(3, LAST_REPLICA);
    expect(queue.take(10)).toEqual([3, 1]);
  });
});
