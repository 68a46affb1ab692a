import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogicalPlan } from '../../../../../driver/plan/logical-plan.ts';
import { StreamFixture } from '../stream-fixture.ts';

let fixture: StreamFixture;
const SECOND = 1_000;

/** Topic `a` of two partitions, `b` of one: record `n` of each is of second `n`. */
beforeEach(async () => {
  fixture = await StreamFixture.open();
  await fixture.log.sink.createTopic('a', { partitions: 2 });
  await fixture.log.sink.createTopic('b', { partitions: 1 });
  for (const [topic, partition] of [
    ['a', 0],
    ['a', 1],
    ['b', 0],
  ] as const) {
    for (let n = 0; n < 4; n++)
      await fixture.append(topic, [`${topic}${partition}${n}`], partition, n * SECOND);
  }
});
afterEach(async () => {
  await fixture.close();
});

let views = 0;

/** The values that a query with these options reads, in order of their names; `'/ck'` goes on where the last one was. */
async function values(options: Record<string, string>, checkpoint?: string): Promise<string[]> {
  const view = `view${views++}`;
  const columns = [['value', 'binary']] as const;
  const all = { url: fixture.logUrl, ...options };
  fixture.plans.addView(view, fixture.source('quarry-log', columns, all));
  const read: string[] = [];
  const query = await fixture.start(await fixture.sql(`SELECT CAST(value AS STRING) AS v FROM ${view}`), {
    options: checkpoint === undefined ? {} : { checkpointLocation: checkpoint },
    foreachBatch: async (batch: LogicalPlan) => {
      if (batch.kind === 'local') read.push(...batch.rows.map(([value]) => String(value)));
    },
  });
  await query.awaitTermination();
  return read.toSorted();
}

const ALL_A = ['a00', 'a01', 'a02', 'a03', 'a10', 'a11', 'a12', 'a13'];
const ALL_B = ['b00', 'b01', 'b02', 'b03'];

describe('a stream of a log', () => {
  it('chooses topics by name, pattern and partition', async () => {
    const startingOffsets = 'earliest';
    expect(await values({ subscribe: 'a,b', startingOffsets })).toEqual([...ALL_A, ...ALL_B]);
    expect(await values({ subscribePattern: '[b-z]', startingOffsets })).toEqual(ALL_B);
    expect(await values({ assign: '{"a":[1]}', startingOffsets })).toEqual(ALL_A.slice(4));
    await expect(values({ assign: '{"a":[2]}', startingOffsets })).rejects.toThrow(/has no partition 2/);
    await expect(values({ subscribe: 'a', assign: '{"a":[1]}' })).rejects.toThrow(/only one/);
  });

  it('takes up topics that come to match a pattern', async () => {
    const options = { subscribePattern: 'n.*', startingOffsets: 'earliest' };
    expect(await values(options, '/ck')).toEqual([]);
    await fixture.log.sink.createTopic('new', { partitions: 1 });
    await fixture.append('new', ['x', 'y']);
    expect(await values(options, '/ck')).toEqual(['x', 'y']);
  });

  it('begins at offsets', async () => {
    const subscribe = 'a';
    expect(await values({ subscribe })).toEqual([]);
    expect(await values({ subscribe, startingOffsets: '{"a":{"0":2,"1":-2}}' })).toEqual([
      'a02',
      'a03',
      ...ALL_A.slice(4),
    ]);
    expect(await values({ subscribe, startingOffsets: '{"a":{"0":3,"1":-1}}' })).toEqual(['a03']);
    const refused = (startingOffsets: string, message: RegExp) =>
      expect(values({ subscribe, startingOffsets })).rejects.toThrow(message);
    await refused('{"a":{"0":2}}', /must specify all TopicPartitions.*a-1 not named/);
    await refused('{"a":{"0":2,"1":0,"2":0}}', /a-2 not there/);
    await refused('{"a":{"0":2,"1":0},"b":{"0":0}}', /b-0 not there/);
    await refused('{"a":{"0":99,"1":0}}', /ends at 4, before offset 99/);
    await refused('first', /Expected e.g./);
  });

  it('begins at times, by partition or for all', async () => {
    const subscribe = 'a';
    expect(await values({ subscribe, startingTimestamp: '1500' })).toEqual(['a02', 'a03', 'a12', 'a13']);
    expect(await values({ subscribe, startingOffsetsByTimestamp: '{"a":{"0":3000,"1":0}}' })).toEqual([
      'a03',
      ...ALL_A.slice(4),
    ]);
    const late = { subscribe, startingTimestamp: '99999' };
    await expect(values(late)).rejects.toThrow(/No offset matched.*a-0/);
    expect(await values({ ...late, startingOffsetsByTimestampStrategy: 'latest' })).toEqual([]);
    await expect(values({ ...late, startingOffsetsByTimestampStrategy: 'x' })).rejects.toThrow(
      /error or latest/,
    );
    await expect(values({ subscribe, startingOffsetsByTimestamp: '{"a":{"0":1}}' })).rejects.toThrow(/a-1/);
  });

  it('says when what it has read is gone, or goes on with what there is', async () => {
    const options = { subscribe: 'b', startingOffsets: 'earliest' };
    expect(await values(options, '/ck')).toEqual(ALL_B);
    // As after the topic was made anew: the checkpoint is past its end.
    const path = '/ck/offsets/0';
    const { content } = fixture.files.files.get(path)!;
    await fixture.files.writeFile(path, content.toString().replace('"b":{"0":4}', '"b":{"0":9}'), {
      overwrite: true,
    });
    await expect(values(options, '/ck')).rejects.toThrow(/ends at 4, before offset 9.*failOnDataLoss/);
    expect(await values({ ...options, failOnDataLoss: 'false' }, '/ck')).toEqual([]);
    await fixture.append('b', ['b04', 'b05']);
    expect(await values({ ...options, failOnDataLoss: 'false' }, '/ck')).toEqual(['b04', 'b05']);
  });
});
