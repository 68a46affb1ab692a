import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../../common/quarry-error.ts';
import {
  checkMetadata,
  decodeEntry,
  encodeEntry,
  type OffsetEntry,
} from '../../../../driver/stream/checkpoint/checkpoint-codec.ts';

const entry: OffsetEntry = {
  batchId: 7,
  timestampMs: 1_700_000_000_000,
  starts: [{ clicks: { 0: 1 } }],
  ends: [{ clicks: { 0: 9 } }],
  watermarkUs: 1_700_000_000_000_000,
  clearedUs: null,
};

describe('checkpoint entries', () => {
  it('come back as they were', () => {
    expect(decodeEntry<OffsetEntry>(encodeEntry(entry), '/ck/offsets/7')).toEqual(entry);
  });

  it('of another version or damaged say so', () => {
    const text = encodeEntry(entry);
    const read = (changed: string) => () => decodeEntry(changed, '/ck/offsets/7');
    expect(read(text.replace('stream-1', 'stream-9'))).toThrow(/not written by this version/);
    expect(read('')).toThrow(/not written by this version/);
    expect(read(text.slice(0, 60))).toThrow(/is damaged/);
  });

  it('of another query are refused with both sides of the difference', () => {
    const kept = { id: 'x', statePartitions: 2, fingerprint: ['source 0: kafka', 'state 0: a'] };
    const same = { statePartitions: 2, fingerprint: ['source 0: kafka', 'state 0: a'] };
    expect(() => checkMetadata(kept, same, '/ck')).not.toThrow();
    const other = { statePartitions: 2, fingerprint: ['source 0: kafka', 'state 0: b'] };
    expect(() => checkMetadata(kept, other, '/ck')).toThrow(/was: state 0: a; is: state 0: b/);
    try {
      checkMetadata(kept, other, '/ck');
    } catch (thrown) {
      expect(hasCode(thrown, 'CHECKPOINT_MISMATCH')).toBe(true);
    }
  });
});
