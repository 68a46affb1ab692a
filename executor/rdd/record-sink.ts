import type { RddCombine, RddSink } from '../../common/rdd/rdd-task.ts';
import { encodeKey, encodeValue } from '../../common/rdd/value-codec.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { LineBatch, PartitionBatches } from './line-batch.ts';
import type { Sandbox } from './sandbox.ts';
import { pairOf } from './steps.ts';
import type { ThreadChannel } from './thread-channel.ts';

/** Keys that a map task combines before it lets go of them: what is left to combine, the other side of the shuffle does. */
const COMBINED_KEYS_MAX = 200_000;

type ShuffleSink = RddSink & { readonly kind: 'shuffle' };

/** Takes all records to where they go; answers how many were taken. */
export function drain(
  records: Iterable<unknown>,
  sink: RddSink,
  channel: ThreadChannel,
  sandbox: Sandbox,
): number {
  switch (sink.kind) {
    case 'rows':
      return sendLines(limited(records, sink.limit), encodeValue, channel);
    case 'file':
      return sendLines(records, sink.format === 'json' ? encodeValue : lineOf, channel);
    case 'count':
      return count(records);
    case 'shuffle':
      return sink.combine === undefined
        ? shuffle(records, sink, channel)
        : combineAndShuffle(records, sink.combine, { sink, channel, sandbox });
  }
}

function* limited(records: Iterable<unknown>, limit: number | undefined): Generator<unknown> {
  if (limit === 0) return;
  let taken = 0;
  for (const record of records) {
    yield record;
    taken++;
    if (taken === limit) return;
  }
}

/** A record in a text file: a string as it is, anything else as JSON. */
function lineOf(record: unknown): string {
  if (typeof record !== 'string') return encodeValue(record);
  if (record.includes('\n')) {
    throw new QuarryError(
      'USER_CODE',
      'saveAsTextFile: a record holds a line break; it would be read as two',
    );
  }
  return record;
}

function sendLines(
  records: Iterable<unknown>,
  encode: (record: unknown) => string,
  channel: ThreadChannel,
): number {
  const batch = new LineBatch((lines, rowCount) => channel.send({ kind: 'rows', lines, rowCount }));
  let sent = 0;
  for (const record of records) {
    batch.add(encode(record));
    sent++;
  }
  batch.flush();
  return sent;
}

function count(records: Iterable<unknown>): number {
  let counted = 0;
  for (const record of records) {
    void record;
    counted++;
  }
  return counted;
}

function shuffle(records: Iterable<unknown>, sink: ShuffleSink, channel: ThreadChannel): number {
  const batches = batchesFor(sink, channel);
  let sent = 0;
  for (const record of records) {
    switch (sink.by) {
      case 'pair': {
        const [key, value] = pairOf(record, 'a shuffle by key');
        batches.addKeyed(encodeKey(key), encodeValue(value));
        break;
      }
      case 'record':
        batches.addKeyed(encodeKey(record), '');
        break;
      case 'turn':
        batches.add(sent % sink.partitions, '', encodeValue(record));
        break;
      case 'first':
        batches.add(0, '', encodeValue(record));
    }
    sent++;
  }
  batches.flush();
  return sent;
}

function combineAndShuffle(
  records: Iterable<unknown>,
  combine: RddCombine,
  { sink, channel, sandbox }: { sink: ShuffleSink; channel: ThreadChannel; sandbox: Sandbox },
): number {
  const batches = batchesFor(sink, channel);
  const call = combine.kind === 'reduce' ? sandbox.compile(combine.function) : undefined;
  const values = new Map<string, unknown>();
  let sent = 0;
  const letGo = () => {
    for (const [key, value] of values) batches.addKeyed(key, call === undefined ? '' : encodeValue(value));
    sent += values.size;
    values.clear();
  };
  for (const record of records) {
    if (call === undefined) values.set(encodeKey(record), undefined);
    else {
      const [key, value] = pairOf(record, 'reduceByKey');
      const text = encodeKey(key);
      values.set(text, values.has(text) ? call(values.get(text), value) : value);
    }
    if (values.size >= COMBINED_KEYS_MAX) letGo();
  }
  letGo();
  batches.flush();
  return sent;
}

function batchesFor({ partitions }: ShuffleSink, channel: ThreadChannel): PartitionBatches {
  return new PartitionBatches(partitions, (partition, lines, rowCount) =>
    channel.send({ kind: 'partition', partition, lines, rowCount }),
  );
}
