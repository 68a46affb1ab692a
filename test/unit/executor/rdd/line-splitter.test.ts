import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LineRange, LineSplitter, readOffsetOf } from '../../../../executor/rdd/line-splitter.ts';

/** Reads a range as a task does: from its read offset on, in pieces, until it needs no more. */
function linesOf(file: Buffer, range: LineRange, pieceBytes = 5): { lines: string[]; readBytes: number } {
  const splitter = new LineSplitter(range);
  const lines: string[] = [];
  let at = readOffsetOf(range);
  for (; at < file.length && !splitter.isDone; at += pieceBytes) {
    lines.push(...splitter.push(file.subarray(at, at + pieceBytes)));
  }
  lines.push(...splitter.finish());
  return { lines, readBytes: at };
}

describe('a range of a text file', () => {
  it('ends lines at \\n and at \\r\\n, and the last at the end of the file', () => {
    const file = Buffer.from('one\r\n\ntwo\rx\nlast');
    expect(linesOf(file, { offsetBytes: 0, lengthBytes: file.length }).lines).toEqual([
      'one',
      '',
      'two\rx',
      'last',
    ]);
  });

  it('has no empty line after the last newline, and none in an empty file', () => {
    expect(linesOf(Buffer.from('a\n'), { offsetBytes: 0, lengthBytes: 2 }).lines).toEqual(['a']);
    expect(linesOf(Buffer.alloc(0), { offsetBytes: 0, lengthBytes: 0 }).lines).toEqual([]);
  });

  it('leaves out a byte order mark at the start of the file alone', () => {
    const file = Buffer.from('\uFEFFa\n\uFEFFb\n');
    expect(linesOf(file, { offsetBytes: 0, lengthBytes: file.length }).lines).toEqual(['a', '\uFEFFb']);
  });

  it('takes a line that starts at its first byte, and one that reaches over its end', () => {
    const file = Buffer.from('aa\nbb\ncc\n');
    expect(linesOf(file, { offsetBytes: 3, lengthBytes: 1 }).lines).toEqual(['bb']);
    expect(linesOf(file, { offsetBytes: 4, lengthBytes: 2 }).lines).toEqual([]);
    expect(linesOf(file, { offsetBytes: 2, lengthBytes: 2 }).lines).toEqual(['bb']);
  });

  it('reads little of what is behind it', () => {
    const file = Buffer.from(`${'x'.repeat(9)}\n`.repeat(100));
    expect(linesOf(file, { offsetBytes: 0, lengthBytes: 15 }).readBytes).toBeLessThan(30);
  });

  it('and its neighbours give every line once, wherever the file is cut and however it is read', () => {
    const line = fc
      .oneof(fc.constantFrom('', 'a', 'é', '😀', 'a,b\r'), fc.string({ maxLength: 12 }))
      .map((text) => text.replaceAll('\n', ' ').replace(/\r$/, '').replaceAll('\uFEFF', ''));
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 12 }),
        fc.boolean(),
        fc.constantFrom('\n', '\r\n'),
        fc.array(fc.nat(60), { maxLength: 5 }),
        fc.integer({ min: 1, max: 20 }),
        (lines, endsInNewline, newline, cuts, pieceBytes) => {
          const text = lines.join(newline) + (endsInNewline ? newline : '');
          const file = Buffer.from(text);
          const borders = [
            ...new Set([0, ...cuts.map((cut) => Math.min(cut, file.length)), file.length]),
          ].toSorted((left, right) => left - right);
          const read = borders
            .slice(1)
            .flatMap(
              (end, index) =>
                linesOf(
                  file,
                  { offsetBytes: borders[index]!, lengthBytes: end - borders[index]! },
                  pieceBytes,
                ).lines,
            );
          const expected = text.split('\n').map((one) => one.replace(/\r$/, ''));
          if (expected.at(-1) === '') expected.pop();
          expect(read).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});
