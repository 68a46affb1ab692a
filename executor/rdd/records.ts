import { rowsOfArrow } from '../../common/compute/arrow-rows.ts';
import { decodeValue } from '../../common/rdd/value-codec.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { type LineRange, LineSplitter } from './line-splitter.ts';
import type { Sandbox } from './sandbox.ts';
import type { ThreadChannel } from './thread-channel.ts';

/** A record of a shuffle: the text of its key, '' where records have none, and of its value. */
export interface KeyedText {
  readonly key: string;
  readonly value: string;
}

/** The chunks of one input, each released when the next is asked for. Leaving early says that no more is wanted. */
function* chunksOf(channel: ThreadChannel, input: number): Generator<Uint8Array> {
  let isAtEnd = false;
  try {
    for (;;) {
      const message = channel.receive(input);
      if (message.kind === 'end') {
        isAtEnd = true;
        return;
      }
      yield message.bytes;
      channel.consumed();
    }
  } finally {
    if (!isAtEnd) channel.enough();
  }
}

/** The lines of a file that start in a range. */
export function* linesOf(channel: ThreadChannel, range: LineRange): Generator<string> {
  const splitter = new LineSplitter(range);
  for (const chunk of chunksOf(channel, 0)) {
    yield* splitter.push(chunk);
    if (splitter.isDone) return;
  }
  yield* splitter.finish();
}

/** Errors: BAD_DATA, with the line, for one that is no JSON. */
export function* jsonLinesOf(
  channel: ThreadChannel,
  range: LineRange,
  path: string,
  sandbox: Sandbox,
): Generator<unknown> {
  for (const line of linesOf(channel, range)) {
    if (line.trim() === '') continue;
    let record: unknown;
    try {
      record = sandbox.realm.JSON.parse(line);
    } catch (cause) {
      throw new QuarryError('BAD_DATA', `${path} holds a line that is no JSON: ${line.slice(0, 100)}`, {
        cause,
        details: { path },
      });
    }
    yield record;
  }
}

export function* arrowRowsOf(channel: ThreadChannel, sandbox: Sandbox): Generator<unknown> {
  for (const chunk of chunksOf(channel, 0)) yield* rowsOfArrow(chunk, sandbox.realm);
}

export function* valuesOf(values: readonly string[], sandbox: Sandbox): Generator<unknown> {
  for (const value of values) yield decodeValue(value, sandbox.realm);
}

/** The records of one input of a shuffle, in the order of the map tasks. */
export function* keyedTextsOf(channel: ThreadChannel, input: number): Generator<KeyedText> {
  for (const chunk of chunksOf(channel, input)) yield* keyedTextsIn(chunk);
}

/** `chunk` is whole lines `key \t value`. */
export function* keyedTextsIn(chunk: Uint8Array): Generator<KeyedText> {
  const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString();
  let start = 0;
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
    // JSON texts hold neither: both are escaped in strings.
    const tab = text.indexOf('\t', start);
    yield { key: text.slice(start, tab), value: text.slice(tab + 1, end) };
    start = end + 1;
  }
}
