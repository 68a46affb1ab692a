import { describe, expect, it } from 'vitest';
import type { Log, LogSource, PartitionOffsets } from '../../../../log/log.ts';
import { resolveLog } from '../../../../driver/session/resolve-log.ts';

/** Two topics of two partitions with offsets 5..20 and 0..3; a millisecond an offset. */
const ends: Record<string, readonly (readonly [number, number])[]> = {
  clicks: [
    [5, 20],
    [0, 3],
  ],
  orders: [
    [0, 0],
    [1, 2],
  ],
};
const offsets = (topic: string, which: 0 | 1): PartitionOffsets[] =>
  ends[topic]!.map((each, partition) => ({ partition, offset: each[which] }));
const source: Partial<LogSource> = {
  topics: async () => Object.keys(ends),
  earliest: async (topic) => offsets(topic, 0),
  latest: async (topic) => offsets(topic, 1),
  offsetsAtTime: async (topic, timestampMs) =>
    ends[topic]!.map(([from, until], partition) => ({
      partition,
      offset: Math.min(Math.max(timestampMs, from), until),
    })),
};
let closed = 0;
const open = async (): Promise<Log> => ({ source, close: async () => void (closed += 1) }) as unknown as Log;

async function ranges(options: Record<string, string>): Promise<string[]> {
  const resolved = await resolveLog({ format: 'quarry-log', options: { url: 'h:1', ...options } }, open);
  return resolved.ranges.map(({ topic, partition, from, until }) => `${topic}/${partition} ${from}-${until}`);
}

describe('a batch read of a log', () => {
  it('is from the earliest to the latest offset unless told', async () => {
    expect(await ranges({ subscribe: 'clicks, orders' })).toEqual([
      'clicks/0 5-20',
      'clicks/1 0-3',
      'orders/1 1-2',
    ]);
    expect(await ranges({ subscribePattern: 'cl.*' })).toEqual(['clicks/0 5-20', 'clicks/1 0-3']);
    expect(await ranges({ assign: '{"clicks":[1]}' })).toEqual(['clicks/1 0-3']);
    expect(closed).toBe(3);
  });

  it('takes offsets and times, never outside what is kept', async () => {
    const subscribe = 'clicks';
    const startingOffsets = '{"clicks":{"0":7,"1":-2}}';
    const endingOffsets = '{"clicks":{"0":99,"1":-1}}';
    expect(await ranges({ subscribe, startingOffsets, endingOffsets })).toEqual([
      'clicks/0 7-20',
      'clicks/1 0-3',
    ]);
    expect(await ranges({ subscribe, startingTimestamp: '2' })).toEqual(['clicks/0 5-20', 'clicks/1 2-3']);
    expect(await ranges({ subscribe, endingOffsetsByTimestamp: '{"clicks":{"0":6,"1":0}}' })).toEqual([
      'clicks/0 5-6',
    ]);
  });

  it('knows the log by its options', async () => {
    const url = async (format: string, options: Record<string, string>) =>
      (await resolveLog({ format, options: { subscribe: 'clicks', ...options } }, open)).url;
    expect(await url('kafka', { 'kafka.bootstrap.servers': 'a:1,b:2' })).toBe('kafka://a:1,b:2');
    expect(await url('quarry-log', { URL: 'quarry-log://a:1' })).toBe('quarry-log://a:1');
  });

  it("hands on what is meant for Kafka's client", async () => {
    const given: unknown[] = [];
    const options = {
      'kafka.bootstrap.servers': 'a:1',
      'kafka.security.protocol': 'SASL_SSL',
      'Kafka.sasl.jaas.config': 'a.B required username="U";',
      subscribe: 'clicks',
    };
    const settings = { 'security.protocol': 'SASL_SSL', 'sasl.jaas.config': 'a.B required username="U";' };
    const resolved = await resolveLog({ format: 'kafka', options }, async (_, told) => {
      given.push(told);
      return open();
    });
    expect(given).toEqual([{ settings }]);
    expect(resolved.settings).toEqual(settings);
  });

  it('refuses ends that cannot be', async () => {
    const fails = (options: Record<string, string>, message: RegExp) =>
      expect(ranges({ subscribe: 'clicks', ...options })).rejects.toThrow(message);
    await fails({ startingOffsets: 'latest' }, /can't be latest/);
    await fails({ endingOffsets: 'earliest' }, /can't be earliest/);
    await fails({ startingOffsets: '{"clicks":{"0":1}}' }, /do not name partition 1/);
    await fails({ assign: '{"clicks":[0]}' }, /only one/);
    await fails({ startingTimestamp: 'noon' }, /no number of milliseconds/);
    await expect(ranges({ assign: '{"clicks":[7]}' })).rejects.toThrow('has no partition 7');
  });
});
