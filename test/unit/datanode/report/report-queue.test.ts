import { describe, expect, it } from 'vitest';
import { fullReportParts } from '../../../../datanode/report/full-report.ts';
import { ReportQueue } from '../../../../datanode/report/report-queue.ts';
import type { EventKind } from '../../../../datanode/report/replica-info.ts';
import type { Replica } from '../../../../datanode/store/block-store.ts';

const replica = (blockId: number, state: Replica['state'] = 'FINALIZED'): Replica => ({
  blockId,
  generationStamp: 1,
  state,
  lengthBytes: 10,
  durableLengthBytes: state === 'FINALIZED' ? 10 : 0,
});
const change = (kind: EventKind, blockId: number) => ({ kind, replica: replica(blockId) });

describe('the report queue', () => {
  it('keeps a batch and its number until it is acknowledged', () => {
    const queue = new ReportQueue();
    expect(queue.next()).toBeUndefined();
    queue.push(change('RECEIVED', 1));
    const first = queue.next()!;
    queue.push(change('RECEIVED', 2));
    expect(queue.next()).toBe(first);
    expect(first).toMatchObject({ sequence: 1, changes: [{ replica: { blockId: 1 } }] });
    queue.acknowledge(first);
    expect(queue.next()).toMatchObject({ sequence: 2, changes: [{ replica: { blockId: 2 } }] });
    expect(queue.isEmpty).toBe(false);
  });

  it('starts a session with what no full report tells', () => {
    const queue = new ReportQueue();
    queue.push(change('CORRUPT', 1));
    queue.push(change('RECEIVED', 2));
    queue.next();
    queue.push(change('VERIFIED', 3));
    queue.push(change('DELETED', 4));
    queue.restart();
    expect(queue.next()).toMatchObject({
      sequence: 1,
      changes: [{ kind: 'CORRUPT' }, { kind: 'VERIFIED' }],
    });
  });
});

describe('a full report', () => {
  it('is one empty part of an empty store', () => {
    expect(fullReportParts([])).toEqual([[]]);
  });

  it('is cut into parts and leaves out copies that are being received', () => {
    const replicas = [replica(1), replica(2, 'TEMPORARY'), replica(3, 'RBW'), replica(4)];
    const parts = fullReportParts(replicas, 2);
    expect(parts.map((part) => part.map(({ block, durable }) => [block?.blockId, durable]))).toEqual([
      [
        [1, true],
        [3, false],
      ],
      [[4, true]],
    ]);
  });
});
