import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Log, RecordBatch, RecordInput } from '../../../log/log.ts';
import { type OpenLogOptions, openLog } from '../../../log/open-log.ts';

export interface LogUnderTest {
  readonly url: string;
  /** kill -9, or what is nearest to it, and back again on the same address with the same data. */
  crash(): Promise<void>;
  /** Gone until `restore`. */
  down(): Promise<void>;
  restore(): Promise<void>;
  stop(): Promise<void>;
}

const text = (field: Buffer | null) => field?.toString() ?? null;

export interface ReadRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
}

function recordsOf(batch: RecordBatch): ReadRecord[] {
  return batch.offsets.map((offset, index) => ({
    offset,
    timestampMs: batch.timestampsMs[index]!,
    key: text(batch.keys[index]!),
    value: text(batch.values[index]!),
  }));
}

/** All records of a partition, or of a range of it. */
export async function readAll(
  log: Log,
  topic: string,
  partition = 0,
  range: { from?: number; until?: number } = {},
): Promise<ReadRecord[]> {
  const from = range.from ?? (await log.source.earliest(topic))[partition]!.offset;
  const until = range.until ?? (await log.source.latest(topic))[partition]!.offset;
  const records: ReadRecord[] = [];
  for await (const batch of log.source.read({ topic, partition, from, until }))
    records.push(...recordsOf(batch));
  return records;
}

const values = (records: readonly ReadRecord[]) => records.map(({ value }) => value);

function record(topic: string, value: string | null, more: Partial<RecordInput> = {}): RecordInput {
  return {
    topic,
    partition: 0,
    key: null,
    value: value === null ? null : Buffer.from(value),
    timestampMs: 1_000,
    ...more,
  };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (thrown: unknown) => (thrown as { code?: string }).code ?? String(thrown),
  );
}

/** What every implementation of `Log` does. */
export function logSuite(name: string, start: () => Promise<LogUnderTest>): void {
  describe(`log: ${name}`, () => {
    let server: LogUnderTest;
    let log: Log;
    const opened: Log[] = [];
    const open = async (options: OpenLogOptions = {}) => {
      const another = await openLog(server.url, { timeoutMs: 30_000, ...options });
      opened.push(another);
      return another;
    };
    const newTopic = async (partitions = 1, more: object = {}) => {
      const topic = `t-${randomBytes(5).toString('hex')}`;
      expect(await log.sink.createTopic(topic, { partitions, ...more })).toBe(true);
      return topic;
    };

    beforeAll(async () => {
      server = await start();
      log = await open();
    }, 120_000);
    afterAll(async () => {
      for (const each of opened) await each.close();
      await server?.stop();
    });

    it('creates topics once, and refuses bad names and another partition count', async () => {
      const topic = await newTopic(3);
      expect(await log.sink.createTopic(topic, { partitions: 3 })).toBe(false);
      expect(await codeOf(log.sink.createTopic(topic, { partitions: 4 }))).toBe('INVALID_ARGUMENT');
      expect(await codeOf(log.sink.createTopic('a/b', { partitions: 1 }))).toBe('INVALID_ARGUMENT');
      expect(await codeOf(log.sink.createTopic('none', { partitions: 0 }))).toBe('INVALID_ARGUMENT');
      expect(await log.source.partitionCount(topic)).toBe(3);
      expect(await log.source.topics()).toContain(topic);
    });

    it('knows that a topic is not there, quickly, and does not create it', async () => {
      const topic = `missing-${randomBytes(5).toString('hex')}`;
      const startedMs = performance.now();
      expect(await codeOf(log.source.partitionCount(topic))).toBe('TOPIC_NOT_FOUND');
      expect(await codeOf(log.source.earliest(topic))).toBe('TOPIC_NOT_FOUND');
      expect(await codeOf(log.source.latest(topic))).toBe('TOPIC_NOT_FOUND');
      expect(await codeOf(log.source.offsetsAtTime(topic, 0))).toBe('TOPIC_NOT_FOUND');
      expect(await codeOf(readAll(log, topic, 0, { from: 0, until: 1 }))).toBe('TOPIC_NOT_FOUND');
      expect(await codeOf(log.sink.append([record(topic, 'x')]))).toBe('TOPIC_NOT_FOUND');
      const producer = await log.sink.transactional(`p-${topic}`);
      expect(await codeOf(producer.commit([record(topic, 'x')]))).toBe('TOPIC_NOT_FOUND');
      await producer.close();
      expect(performance.now() - startedMs).toBeLessThan(10_000);
      expect(await log.source.topics()).not.toContain(topic);
    });

    it('gives back keys, values, tombstones and times, in order', async () => {
      const topic = await newTopic();
      await log.sink.append([
        record(topic, 'a', { key: Buffer.from('k'), timestampMs: 5_000 }),
        record(topic, null, { key: Buffer.from('k'), timestampMs: 1_700_000_000_123 }),
        record(topic, '', { key: Buffer.alloc(0), timestampMs: 3 }),
        record(topic, 'é€😀'),
      ]);
      expect(await readAll(log, topic)).toEqual([
        { offset: 0, key: 'k', value: 'a', timestampMs: 5_000 },
        { offset: 1, key: 'k', value: null, timestampMs: 1_700_000_000_123 },
        { offset: 2, key: '', value: '', timestampMs: 3 },
        { offset: 3, key: null, value: 'é€😀', timestampMs: 1_000 },
      ]);
    });

    it('reads exactly the range, also from and up to the middle of a batch', async () => {
      const topic = await newTopic();
      await log.sink.append(Array.from({ length: 100 }, (_, index) => record(topic, `v${index}`)));
      await log.sink.append(Array.from({ length: 100 }, (_, index) => record(topic, `v${100 + index}`)));
      const some = await readAll(log, topic, 0, { from: 37, until: 161 });
      expect(some.map(({ offset }) => offset)).toEqual(Array.from({ length: 124 }, (_, index) => 37 + index));
      expect(values(some)).toEqual(some.map(({ offset }) => `v${offset}`));
      expect(await readAll(log, topic, 0, { from: 50, until: 50 })).toEqual([]);
    });

    it('spreads keys as Kafka does', async () => {
      const topic = await newTopic(3);
      const keys = Array.from({ length: 60 }, (_, index) => `key-${index}`);
      await log.sink.append(
        keys.map((key) => ({ topic, key: Buffer.from(key), value: Buffer.from(key), timestampMs: 1 })),
      );
      const byPartition = await Promise.all([0, 1, 2].map((partition) => readAll(log, topic, partition)));
      expect(byPartition.flat().length).toBe(60);
      expect(byPartition.map((records) => records.length)).toEqual(KAFKA_SPREAD);
    });

    it('finds offsets by time, the first record at or after it', async () => {
      const topic = await newTopic();
      // Out of order: 3000 stands before 2000.
      const timesMs = [1_000, 3_000, 2_000, 4_000, 4_000, 9_000];
      for (const timestampMs of timesMs)
        await log.sink.append([record(topic, String(timestampMs), { timestampMs })]);
      const at = async (timestampMs: number) =>
        (await log.source.offsetsAtTime(topic, timestampMs))[0]!.offset;
      expect([await at(0), await at(1_000), await at(1_001), await at(2_500), await at(3_001)]).toEqual([
        0, 0, 1, 1, 3,
      ]);
      expect([await at(4_000), await at(4_001), await at(9_001)]).toEqual([3, 5, 6]);
    });

    it('says when records are not kept or never were', async () => {
      const topic = await newTopic();
      await log.sink.append([record(topic, 'a')]);
      expect(await codeOf(readAll(log, topic, 0, { from: 7, until: 9 }))).toBe('OFFSET_OUT_OF_RANGE');
      const hasty = await open({ timeoutMs: 1_500 });
      expect(await codeOf(readAll(hasty, topic, 0, { from: 0, until: 5 }))).toBe('OFFSET_OUT_OF_RANGE');
      expect(await codeOf(readAll(log, topic, 4, { from: 0, until: 5 }))).toBe('TOPIC_NOT_FOUND');
    });

    it('refuses huge records and bad ones, and nothing of the call is kept', async () => {
      const topic = await newTopic();
      const huge = record(topic, null, { value: Buffer.alloc(1_000_001) });
      expect(await codeOf(log.sink.append([record(topic, 'a'), huge]))).toBe('LIMIT_EXCEEDED');
      expect(await codeOf(log.sink.append([record(topic, 'a', { partition: 1 })]))).toBe('INVALID_ARGUMENT');
      expect(await codeOf(log.sink.append([record(topic, 'a', { timestampMs: Number.NaN })]))).toBe(
        'INVALID_ARGUMENT',
      );
      const producer = await log.sink.transactional(`p-${topic}`);
      expect(await codeOf(producer.commit([record(topic, 'a'), huge]))).toBe('LIMIT_EXCEEDED');
      await producer.commit([
        record(topic, 'b'),
        record(topic, null, { value: Buffer.alloc(1_000_000, 'y') }),
      ]);
      expect((await readAll(log, topic)).map(({ value }) => value?.length)).toEqual([1, 1_000_000]);
      await producer.close();
    });

    it('keeps the order of appends that were not waited for', async () => {
      const topic = await newTopic();
      const appends = Array.from({ length: 200 }, (_, index) =>
        log.sink.append([record(topic, `${index}a`), record(topic, `${index}b`)]),
      );
      await Promise.all(appends);
      const expected = Array.from({ length: 200 }, (_, index) => [`${index}a`, `${index}b`]).flat();
      expect(values(await readAll(log, topic))).toEqual(expected);
    });

    it('appends more than one request holds', async () => {
      const topic = await newTopic(2);
      const value = Buffer.alloc(10_000, 'x');
      const records = Array.from({ length: 2_500 }, (_, index) =>
        record(topic, null, { value, partition: index % 2 }),
      );
      await log.sink.append(records);
      expect((await log.source.latest(topic)).map(({ offset }) => offset)).toEqual([1_250, 1_250]);
    });

    it('follows what is appended, and ends without an error when it is stopped', async () => {
      const topic = await newTopic();
      await log.sink.append([record(topic, 'a')]);
      const stop = new AbortController();
      const seen: (string | null)[] = [];
      const following = (async () => {
        for await (const batch of log.source.follow(
          { topic, partition: 0, from: 0 },
          { signal: stop.signal },
        )) {
          seen.push(...values(recordsOf(batch)));
        }
      })();
      await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(1);
      await log.sink.append([record(topic, 'b'), record(topic, 'c')]);
      await expect.poll(() => seen, { timeout: 10_000 }).toEqual(['a', 'b', 'c']);
      stop.abort();
      await following;
    });

    it('stops a read with INTERRUPTED', async () => {
      const topic = await newTopic();
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 200);
      const reading = async () => {
        const range = { topic, partition: 0, from: 0, until: 10 };
        for await (const batch of log.source.read(range, { signal: stop.signal }))
          expect(batch.offsets).toEqual([]);
      };
      expect(await codeOf(reading())).toBe('INTERRUPTED');
    });

    it('commits all of a transaction or nothing, over topics', async () => {
      const [one, two] = [await newTopic(), await newTopic(2)];
      const producer = await log.sink.transactional(`p-${one}`);
      await producer.commit([record(one, 'a'), record(two, 'b', { partition: 1 }), record(one, 'c')]);
      await producer.commit([record(one, 'd')]);
      expect(values(await readAll(log, one))).toEqual(['a', 'c', 'd']);
      expect(values(await readAll(log, two, 1))).toEqual(['b']);
      await producer.close();
    });

    it('fences every earlier producer of the same name', async () => {
      const topic = await newTopic();
      const first = await log.sink.transactional(`p-${topic}`);
      await first.commit([record(topic, 'first')]);
      const second = await (await open()).sink.transactional(`p-${topic}`);
      expect(await codeOf(first.commit([record(topic, 'zombie')]))).toBe('FENCED');
      expect(await codeOf(first.commit([record(topic, 'zombie')]))).toBe('FENCED');
      await second.commit([record(topic, 'second')]);
      expect(values(await readAll(log, topic))).toEqual(['first', 'second']);
      await first.close();
      await second.close();
    });

    it('reads over gaps up to the end that it names', async () => {
      const topic = await newTopic();
      const producer = await log.sink.transactional(`p-${topic}`);
      await producer.commit([record(topic, 'a')]);
      await producer.commit([record(topic, 'b')]);
      const [latest] = await log.source.latest(topic);
      let nextOffset = 0;
      for await (const batch of log.source.read({ topic, partition: 0, from: 0, until: latest!.offset })) {
        expect(batch.nextOffset).toBeGreaterThan(nextOffset);
        nextOffset = batch.nextOffset;
      }
      expect(nextOffset).toBe(latest!.offset);
      await producer.close();
    });

    it('loses nothing acknowledged in a crash, and goes on by itself', async () => {
      const topic = await newTopic();
      const acknowledged: string[] = [];
      let running = true;
      const producing = (async () => {
        for (let index = 0; running; index++) {
          // Kafka forgets a producer, and with it what it has sent, a day after its newest record's time.
          await log.sink.append([record(topic, `v${index}`, { timestampMs: Date.now() })]);
          acknowledged.push(`v${index}`);
        }
      })();
      const producer = await log.sink.transactional(`p-${topic}`);
      await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(20);
      await server.crash();
      const before = acknowledged.length;
      await expect.poll(() => acknowledged.length, { timeout: 30_000 }).toBeGreaterThan(before + 20);
      running = false;
      await producing;
      // Sent again after the crash, and kept once: the very values in their order.
      expect(values(await readAll(log, topic))).toEqual(acknowledged);
      await producer.commit([record(topic, 'after')]);
      expect(values(await readAll(log, topic)).at(-1)).toBe('after');
      await producer.close();
    }, 90_000);

    it('commits once over a crash, also events of long ago', async () => {
      const [topic, offsets] = [await newTopic(), await newTopic(1, { compacted: true })];
      const producer = await log.sink.transactional(`p-${topic}`);
      const committed: string[] = [];
      let running = true;
      const committing = (async () => {
        for (let index = 0; running; index++) {
          const position = record(offsets, `v${index}`, { key: Buffer.from('position') });
          await producer.commit([record(topic, `v${index}`), record(topic, `w${index}`), position]);
          committed.push(`v${index}`, `w${index}`);
        }
      })();
      await expect.poll(() => committed.length, { timeout: 20_000 }).toBeGreaterThan(20);
      await server.crash();
      const before = committed.length;
      await expect.poll(() => committed.length, { timeout: 30_000 }).toBeGreaterThan(before + 20);
      running = false;
      await committing;
      expect(values(await readAll(log, topic))).toEqual(committed);
      expect(values(await readAll(log, offsets)).at(-1)).toBe(committed.at(-2));
      await producer.close();
    }, 90_000);

    it('says that the log is away, in its time', async () => {
      const topic = await newTopic();
      const hasty = await open({ timeoutMs: 800 });
      await hasty.sink.append([record(topic, 'a')]);
      const producer = await hasty.sink.transactional(`p-${topic}`);
      await server.down();
      try {
        const startedMs = performance.now();
        expect(await codeOf(hasty.source.latest(topic))).toBe('LOG_UNAVAILABLE');
        expect(await codeOf(hasty.sink.append([record(topic, 'b')]))).toBe('LOG_UNAVAILABLE');
        expect(await codeOf(producer.commit([record(topic, 'c')]))).toBe('LOG_UNAVAILABLE');
        expect(await codeOf(readAll(hasty, topic, 0, { from: 0, until: 1 }))).toBe('LOG_UNAVAILABLE');
        expect(performance.now() - startedMs).toBeLessThan(8_000);
      } finally {
        await server.restore();
      }
      const again = await log.sink.transactional(`p-${topic}`);
      await again.commit([record(topic, 'e')]);
      const kept = values(await readAll(log, topic));
      expect(kept[0]).toBe('a');
      expect(kept.at(-1)).toBe('e');
      expect(kept).not.toContain('c');
      await again.close();
    }, 90_000);
  });
}

/** How the partitioner of Kafka's clients spreads key-0 to key-59 over three partitions. */
const KAFKA_SPREAD = [15, 23, 22];
