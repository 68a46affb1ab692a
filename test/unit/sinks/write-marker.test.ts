import { describe, expect, it } from 'vitest';
import type { TableWrite, WriteKey } from '../../../sinks/table-store.ts';
import { checkColumns, checkWrite, isCommitted, markerId } from '../../../sinks/write-marker.ts';

const run: WriteKey = { kind: 'run', dag: 'd', task: 't', runId: 'r', ordinal: 0 };
const stream = (epoch: number, batchId: number): WriteKey => ({
  kind: 'stream',
  queryId: 'q',
  epoch,
  batchId,
});
const marker = (epoch: number, batchId: number) => ({ attempt: 'a', epoch, batchId, rowCount: 1 });
const write: TableWrite = {
  table: 't',
  columns: [{ name: 'ds', type: 'string', nullable: true }],
  mode: 'append',
  truncate: false,
  key: undefined,
  replaceKeys: [],
  batchRows: 1,
};

describe('the marker of a write', () => {
  it('is one a table and write of a run, and one a query and table', () => {
    expect(markerId(run, 'a')).toBe(markerId(run, 'A'));
    expect(markerId(run, 'a')).not.toBe(markerId(run, 'b'));
    expect(markerId({ ...run, name: '0' }, 'a')).not.toBe(markerId(run, 'a'));
    expect(markerId({ ...run, name: 'n', ordinal: 1 }, 'a')).toBe(markerId({ ...run, name: 'n' }, 'a'));
    expect(markerId(run, 'a')).not.toBe(markerId({ ...run, ordinal: 1 }, 'a'));
    expect(markerId({ ...run, dag: 'd"', task: 't' }, 'a')).not.toBe(
      markerId({ ...run, dag: 'd', task: '"t' }, 'a'),
    );
    expect(markerId(stream(1, 5), 'a')).toBe(markerId(stream(2, 6), 'A'));
    expect(markerId(stream(1, 5), 'a')).not.toBe(markerId(stream(1, 5), 'b'));
  });

  it('says which writes are committed', () => {
    expect(isCommitted(run, undefined)).toBe(false);
    expect(isCommitted(run, marker(0, 0))).toBe(true);
    expect(isCommitted(stream(1, 4), marker(1, 4))).toBe(true);
    expect(isCommitted(stream(2, 3), marker(1, 4))).toBe(true);
    expect(isCommitted(stream(2, 5), marker(1, 4))).toBe(false);
    expect(() => isCommitted(stream(1, 5), marker(2, 4))).toThrow(
      expect.objectContaining({ code: 'FENCED' }),
    );
  });
});

describe('a write', () => {
  it.each([
    [{ table: 'a.b.c' }, 'INVALID_ARGUMENT'],
    [{ table: '' }, 'INVALID_ARGUMENT'],
    [{ columns: [] }, 'INVALID_ARGUMENT'],
    [{ columns: [...write.columns, { name: 'DS', type: 'int', nullable: true }] }, 'INVALID_ARGUMENT'],
    [{ batchRows: 0 }, 'INVALID_ARGUMENT'],
    [{ replaceKeys: ['day'] }, 'ANALYSIS'],
  ])('%j is refused', (wrong, code) => {
    expect(() => checkWrite({ ...write, ...wrong })).toThrow(expect.objectContaining({ code }));
  });

  it('is taken with names in any case', () => {
    checkWrite({ ...write, table: 's.t', replaceKeys: ['Ds'] });
    checkColumns(write, ['other', 'DS']);
    expect(() => checkColumns(write, ['other'])).toThrow(/no column ds: it has other/);
  });
});
