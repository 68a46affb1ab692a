import { describe, expect, it } from 'vitest';
import { agree, type RecoveryCandidate } from '../../../../datanode/recovery/agreement.ts';

type Given = [
  nodeId: string,
  state: RecoveryCandidate['state'],
  length: number,
  durable?: number,
  stamp?: number,
];

const candidates = (...given: Given[]): RecoveryCandidate[] =>
  given.map(([nodeId, state, lengthBytes, durableLengthBytes = 0, generationStamp = 5]) => ({
    nodeId,
    state,
    lengthBytes,
    durableLengthBytes,
    generationStamp,
  }));

const cases: [string, RecoveryCandidate[], number, object][] = [
  [
    'a finalized length is the length; shorter replicas are left out, longer ones cut',
    candidates(['a', 'FINALIZED', 100], ['b', 'RBW', 90], ['c', 'RBW', 120]),
    0,
    { kind: 'agreed', lengthBytes: 100, nodeIds: ['a', 'c'] },
  ],
  [
    'finalized replicas of unequal length are an alarm',
    candidates(['a', 'FINALIZED', 100], ['b', 'FINALIZED', 99]),
    0,
    { kind: 'unequal', lengthsBytes: [100, 99] },
  ],
  [
    'the shortest of those being written has everything that was acknowledged',
    candidates(['a', 'RBW', 100], ['b', 'RBW', 90], ['c', 'RWR', 30]),
    0,
    { kind: 'agreed', lengthBytes: 90, nodeIds: ['a', 'b'] },
  ],
  [
    'nothing that is durable on one of them is cut',
    candidates(['a', 'RBW', 100, 95], ['b', 'RBW', 90]),
    0,
    { kind: 'agreed', lengthBytes: 95, nodeIds: ['a'] },
  ],
  [
    'after restarts the longest counts',
    candidates(['a', 'RWR', 70, 70], ['b', 'RWR', 90, 90], ['c', 'RWR', 90, 90]),
    0,
    { kind: 'agreed', lengthBytes: 90, nodeIds: ['b', 'c'] },
  ],
  [
    'a replica of an older stamp has missed a pipeline recovery',
    candidates(['a', 'RBW', 100, 0, 4], ['b', 'RBW', 90]),
    0,
    { kind: 'agreed', lengthBytes: 90, nodeIds: ['b'] },
  ],
  [
    'the length that the namenode knows to be durable is a floor',
    candidates(['a', 'RBW', 100], ['b', 'RBW', 50]),
    80,
    { kind: 'agreed', lengthBytes: 80, nodeIds: ['a'] },
  ],
  [
    'nothing is cut below it when nobody has as much',
    candidates(['a', 'RBW', 70], ['b', 'RWR', 60]),
    80,
    { kind: 'too-short', lengthBytes: 70, promisedBytes: 80 },
  ],
  ['copies do not count', candidates(['a', 'TEMPORARY', 100]), 0, { kind: 'none' }],
  ['nothing is nothing', [], 0, { kind: 'none' }],
  [
    'an empty block is agreed on too',
    candidates(['a', 'RBW', 0], ['b', 'RWR', 0]),
    0,
    { kind: 'agreed', lengthBytes: 0, nodeIds: ['a', 'b'] },
  ],
];

describe('the agreement of a recovery', () => {
  it.each(cases)('%s', (_, given, promisedBytes, expected) => {
    expect(agree({ generationStamp: 5, promisedBytes }, given)).toEqual(expected);
  });
});
