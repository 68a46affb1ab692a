import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventTimes } from '../../../../../driver/plan/event-time.ts';
import type { LogicalPlan } from '../../../../../driver/plan/logical-plan.ts';
import type { ExpressionInput } from '../../../../../proto/gen/spark/connect/Expression.ts';
import type { RelationInput } from '../../../../../proto/gen/spark/connect/Relation.ts';
import { PlanFixture, readOf } from '../plan-fixture.ts';

let fixture: PlanFixture;

beforeAll(async () => {
  fixture = await PlanFixture.open();
  await fixture.table('clicks', 'ts timestamp, product string', [
    `'2026-01-01 10:00:00', 'a'`,
    `'2026-01-01 10:04:59.999', 'a'`,
    `'2026-01-01 10:05:00', 'b'`,
    `NULL, 'c'`,
  ]);
});
afterAll(() => fixture.close());

const stream = (format: string, options: Record<string, string> = {}, schema?: string): RelationInput => ({
  read: {
    isStreaming: true,
    dataSource: { format, options, ...(schema === undefined ? {} : { schema }) },
  },
});
const attribute = (name: string): ExpressionInput => ({
  unresolvedAttribute: { unparsedIdentifier: name },
});
const text = (value: string): ExpressionInput => ({ literal: { string: value } });
const call = (functionName: string, ...args: ExpressionInput[]): ExpressionInput => ({
  unresolvedFunction: { functionName, arguments: args },
});
const grouped = (input: RelationInput, ...keys: ExpressionInput[]): RelationInput => ({
  aggregate: {
    input,
    groupType: 'GROUP_TYPE_GROUPBY',
    groupingExpressions: keys,
    aggregateExpressions: [call('count', { literal: { integer: 1 } })],
  },
});
const watermarked = (input: RelationInput, eventTime: string, delayThreshold: string): RelationInput => ({
  withWatermark: { input, eventTime, delayThreshold },
});
const kafka = { 'kafka.bootstrap.servers': 'h:1', subscribe: 'clicks' };

describe('sources of streams', () => {
  it("have Kafka's columns, the rate's, or the user's", async () => {
    const log = await fixture.analyze(stream('kafka', kafka));
    expect(log).toMatchObject({ kind: 'stream-source', format: 'kafka', options: kafka });
    expect(log.output.map(({ name, type }) => `${name} ${type.kind}`).join(', ')).toBe(
      'key binary, value binary, topic string, partition integer, offset long, timestamp timestamp, timestampType integer',
    );
    const rate = await fixture.analyze(stream('rate', { rowsPerSecond: '5' }));
    expect(rate.output.map(({ name }) => name)).toEqual(['timestamp', 'value']);
    const files = await fixture.analyze(stream('json', { path: '/in' }, 'a INT, b STRING'));
    expect(files).toMatchObject({ userSchema: { kind: 'struct' }, options: { path: '/in' } });
    expect(files.output.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('refuse what cannot be right before anything starts', async () => {
    const fails = (relation: RelationInput, message: RegExp) =>
      expect(fixture.analyze(relation)).rejects.toThrow(message);
    await fails(stream('kafka', { subscribe: 'a' }), /kafka\.bootstrap\.servers/);
    await fails(stream('kafka', { 'kafka.bootstrap.servers': 'h:1' }), /subscribe/);
    await fails(stream('kafka', kafka, 'a INT'), /fixed schema/);
    await fails(stream('kafka', { ...kafka, includeHeaders: 'true' }), /includeHeaders/);
    await fails(stream('kafka', { ...kafka, startingOffsets: '{"clicks":[1]}' }), /startingOffsets/);
    await fails(stream('rate', { rowsPerSecond: '0' }), /must be positive/);
    await fails(stream('parquet', { path: '/in' }), /Schema must be specified/);
    await fails(stream('no-such'), /DATA_SOURCE_NOT_FOUND/);
  });
});

describe('watermarks', () => {
  it('stand on a time, in streams alone', async () => {
    const plan = await fixture.analyze(watermarked(stream('rate'), 'timestamp', '10 minutes'));
    expect(plan).toMatchObject({ kind: 'watermark', delayMs: 600_000, columnId: plan.output[0]!.id });
    const batch = await fixture.analyze(watermarked(readOf('/tables/clicks'), 'ts', '1 hour 30 seconds'));
    expect(batch.kind).toBe('scan');
    const fails = (column: string, delay: string, message: RegExp) =>
      expect(fixture.analyze(watermarked(stream('rate'), column, delay))).rejects.toThrow(message);
    await fails('value', '1 minute', /EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE.*`value`.*"BIGINT".*42K09/);
    await fails('timestamp', 'soon', /CANNOT_PARSE_INTERVAL/);
    await fails('timestamp', '1 month', /CANNOT_PARSE_INTERVAL/);
    await fails('timestamp', '-1 minutes', /should not be negative/);
    await fails('nothing', '1 minute', /UNRESOLVED_COLUMN/);
  });

  it('are known of windows and their fields', async () => {
    const input = watermarked(stream('rate'), 'timestamp', '1 minute');
    const window = call('window', attribute('timestamp'), text('5 minutes'));
    const plan = await fixture.analyze(grouped(input, window, attribute('value')));
    expect(plan.output.map(({ name }) => name)).toEqual(['window', 'value', 'count(1)']);
    const [time, ...others] = plan.output.map(({ id }) => eventTimes(plan).get(id));
    expect(time).toMatchObject({ of: 'window', durationUs: 300_000_000, watermark: { delayMs: 60_000 } });
    expect(others).toEqual([undefined, undefined]);
    const fields = await fixture.analyze({
      project: {
        input: grouped(input, call('window', attribute('timestamp'), text('10 minutes'), text('5 minutes'))),
        expressions: [
          attribute('window.start'),
          attribute('window.end'),
          call('window_time', attribute('window')),
        ],
      },
    });
    const times = fields.output.map(({ id }) => eventTimes(fields).get(id)?.of);
    expect(times).toEqual(['window-start', 'window-end', 'time']);
  });
});

describe('dropDuplicates', () => {
  const unique = (input: RelationInput, columnNames: string[], withinWatermark = false): RelationInput => ({
    deduplicate: { input, columnNames, allColumnsAsKeys: columnNames.length === 0, withinWatermark },
  });

  it('keeps state in a stream and groups in a batch', async () => {
    const plan = await fixture.analyze(unique(stream('rate'), ['value']));
    expect(plan).toMatchObject({ kind: 'deduplicate', keyIds: [plan.output[1]!.id], withinWatermark: false });
    expect(await fixture.analyze(unique(stream('rate'), []))).toMatchObject({ kind: 'deduplicate' });
    expect((await fixture.analyze(unique(readOf('/tables/clicks'), ['product']))).kind).toBe('aggregate');
    await expect(fixture.analyze(unique(readOf('/tables/clicks'), ['product'], true))).rejects.toThrow(
      'dropDuplicatesWithinWatermark',
    );
  });
});

describe('window', () => {
  it('puts each row into its window; rows without a time into none', async () => {
    const plan: LogicalPlan = await fixture.analyze(
      grouped(
        readOf('/tables/clicks'),
        call('window', attribute('ts'), text('5 minutes')),
        attribute('product'),
      ),
    );
    const { rows } = await fixture.run(plan);
    expect(rows.map((row) => JSON.stringify(row)).toSorted()).toEqual([
      `[{"start":"2026-01-01 10:00:00+00","end":"2026-01-01 10:05:00+00"},"a","2"]`,
      `[{"start":"2026-01-01 10:05:00+00","end":"2026-01-01 10:10:00+00"},"b","1"]`,
    ]);
  });

  it('puts a row into all windows that slide over it, in SQL too', async () => {
    const { rows } = await fixture.sql(
      `SELECT product, date_format(window.start, 'HH:mm') s, date_format(window.end, 'HH:mm') e, count(*) FROM clicks
       GROUP BY window(ts, '10 minutes', '5 minutes'), product`,
    );
    expect(rows.map((row) => row.join()).toSorted()).toEqual([
      'a,09:55,10:05,2',
      'a,10:00,10:10,2',
      'b,10:00,10:10,1',
      'b,10:05,10:15,1',
    ]);
  });

  it('takes slides that do not divide the length, offsets, selects and other columns', async () => {
    const { rows } = await fixture.sql(
      `SELECT product, date_format(w.start, 'HH:mm:ss') s FROM (SELECT product, window(ts, '7 minutes', '5 minutes', '1 minute') w FROM clicks WHERE product = 'b')`,
    );
    expect(rows.map((row) => row.join())).toEqual(['b,10:01:00']);
    const three = await fixture.sql(
      `SELECT date_format(window(ts, '7 minutes', '3 minutes').start, 'HH:mm') s FROM clicks WHERE product = 'b'`,
    );
    expect(three.rows.map((row) => row.join()).toSorted()).toEqual(['10:00', '10:03']);
    const named = await fixture.query({
      withColumns: {
        input: readOf('/tables/clicks'),
        aliases: [{ name: ['w'], expr: call('window', attribute('ts'), text('1 day')) }],
      },
    });
    expect(named.names).toEqual(['ts', 'product', 'w']);
    expect(named.rows).toHaveLength(3);
  });

  it('refuses lengths that cannot be', async () => {
    const fails = (list: string, message: RegExp) =>
      expect(fixture.sql(`SELECT ${list} FROM clicks`)).rejects.toThrow(message);
    await fails(`window(ts, '0 minutes')`, /window_duration\(0L\) must be > 0/);
    await fails(`window(ts, '5 minutes', '6 minutes')`, /must be <= the window_duration/);
    await fails(`window(ts, '5 minutes', '5 minutes', '5 minutes')`, /must be < the slide_duration/);
    await fails(`window(ts, '1 month')`, /CANNOT_PARSE_INTERVAL/);
    await fails(`window(ts, '1 minute'), window(ts, '2 minutes')`, /Multiple time\/session window/);
    await fails(`session_window(ts, '1 minute')`, /session_window is not supported/);
  });
});
