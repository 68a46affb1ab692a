import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Table,
  tableToIPC,
  vectorFromArray,
  Int32,
  Utf8,
  TimestampMicrosecond,
  Decimal,
  List,
  Field,
} from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogicalPlan } from '../../../../driver/plan/logical-plan.ts';
import { optimize } from '../../../../driver/plan/optimize.ts';
import { PlanFixture } from './plan-fixture.ts';

let directory: string;
let fixture: PlanFixture;

function scansOf(plan: LogicalPlan): Extract<LogicalPlan, { kind: 'scan' }>[] {
  if (plan.kind === 'scan') return [plan];
  if ('input' in plan) return scansOf(plan.input);
  if ('left' in plan) return [...scansOf(plan.left), ...scansOf(plan.right)];
  return 'inputs' in plan ? plan.inputs.flatMap(scansOf) : [];
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-scan-'));
  fixture = await PlanFixture.open({ timeZone: 'Asia/Seoul' });
  const files = [];
  for (const [day, shop] of [
    ['2017-01-01', '1'],
    ['2017-01-02', '2'],
    [null, '2'],
  ] as const) {
    const folder = join(directory, `day=${day ?? '__HIVE_DEFAULT_PARTITION__'}`, `shop=${shop}`);
    await mkdir(folder, { recursive: true });
    const path = join(folder, 'part.parquet');
    const extra = day === '2017-01-02' ? ", 'new' AS note" : '';
    await fixture.connection.run(
      `COPY (SELECT CAST(range AS INTEGER) AS id, TIMESTAMPTZ '2017-01-01 20:00:00+00' AS at${extra} FROM range(2)) TO '${path}' (FORMAT parquet)`,
    );
    files.push({ path, inodeId: 1, generation: 1, lengthBytes: 1, partitionValues: [day, shop] });
  }
  const field = (name: string, kind: 'integer' | 'timestamp' | 'date') =>
    ({ name, type: { kind }, nullable: true }) as const;
  fixture.addFiles('/events', {
    files,
    schema: { kind: 'struct', fields: [field('id', 'integer'), field('at', 'timestamp')] },
    partitionColumns: [field('day', 'date'), field('shop', 'integer')],
  });
});

afterAll(async () => {
  fixture.close();
  await rm(directory, { recursive: true });
});

describe('a scan', () => {
  it('gives columns of directories their values and types', async () => {
    const answer = await fixture.sql('SELECT * FROM parquet.`/events` ORDER BY day NULLS LAST, id');
    expect(answer.names).toEqual(['id', 'at', 'day', 'shop']);
    expect(answer.types).toEqual(['int', 'timestamp', 'date', 'int']);
    expect(answer.rows.map(([id, , day, shop]) => [id, day, shop])).toEqual([
      [0, '2017-01-01', 1],
      [1, '2017-01-01', 1],
      [0, '2017-01-02', 2],
      [1, '2017-01-02', 2],
      [0, null, 2],
      [1, null, 2],
    ]);
  });

  it('keeps only the files and columns that a query needs', async () => {
    const plan = (await fixture.analyzer.analyzeSql(
      `SELECT id FROM parquet.\`/events\` WHERE day = '2017-01-01' AND shop IN (1, 3)`,
    )) as LogicalPlan;
    const [scan] = scansOf(optimize(plan));
    expect(scan?.files.map(({ partitionValues }) => partitionValues)).toEqual([['2017-01-01', '1']]);
    expect(scan?.output.map(({ name }) => name)).toEqual(['id', 'day', 'shop']);
    expect((await fixture.run(plan)).rows).toEqual([[0], [1]]);
  });

  it('reads one table twice in a query without mixing its columns', async () => {
    const answer = await fixture.sql(
      'SELECT a.id, b.id FROM parquet.`/events` a JOIN parquet.`/events` b ON a.id = b.id + 1 AND a.day = b.day ORDER BY a.day',
    );
    expect(answer.rows).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });
});

describe('optimize', () => {
  it('moves filters through joins and projections to their scans', async () => {
    const plan = (await fixture.analyzer.analyzeSql(
      'SELECT x FROM (SELECT a.id + 1 AS x, b.shop AS s FROM parquet.`/events` a, parquet.`/events` b WHERE a.id = b.id) WHERE x = 2 AND s = 1 LIMIT 3',
    )) as LogicalPlan;
    const optimized = optimize(plan);
    expect(optimized).toMatchObject({
      kind: 'project',
      input: { kind: 'project', input: { kind: 'limit', limit: 3, input: { kind: 'join', type: 'inner' } } },
    });
    expect(scansOf(optimized).map(({ files }) => files.length)).toEqual([3, 1]);
    expect((await fixture.run(plan)).rows.length).toBe(3);
  });
});

describe('rows that a client sends', () => {
  it('are decoded from Arrow', async () => {
    const table = new Table({
      n: vectorFromArray([1, null], new Int32()),
      s: vectorFromArray(['a', null], new Utf8()),
      at: vectorFromArray([1_500_000_000_123, 0], new TimestampMicrosecond('UTC')),
      xs: vectorFromArray([[1, 2], []], new List(new Field('item', new Int32(), true))),
    });
    const answer = await fixture.query({ localRelation: { data: Buffer.from(tableToIPC(table, 'stream')) } });
    expect(answer.types).toEqual(['int', 'string', 'timestamp', 'array<int>']);
    expect(answer.rows).toEqual([
      [1, 'a', '2017-07-14 02:40:00.123+00', [1, 2]],
      [null, null, '1970-01-01 00:00:00+00', []],
    ]);
  });

  it('take the names and types of the schema they come with', async () => {
    const table = new Table({ col0: vectorFromArray([1, 2], new Int32()) });
    const data = Buffer.from(tableToIPC(table, 'stream'));
    const answer = await fixture.query({ localRelation: { data, schema: 'id bigint NOT NULL' } });
    expect([answer.names, answer.types, answer.nullable, answer.rows]).toEqual([
      ['id'],
      ['bigint'],
      [false],
      [['1'], ['2']],
    ]);
    expect((await fixture.query({ localRelation: { schema: 'a int, b string' } })).rows).toEqual([]);
  });

  it('keep every digit of a decimal', async () => {
    const type = new Decimal(2, 38, 128);
    const words = new Uint32Array(8);
    words.set([12_345, 0, 0, 0]);
    words.fill(0xffffffff, 4);
    const { makeData, Vector } = await import('apache-arrow');
    const column = new Vector([makeData({ type, length: 2, nullCount: 0, data: words })]);
    const data = Buffer.from(tableToIPC(new Table({ d: column }), 'stream'));
    expect((await fixture.query({ localRelation: { data } })).rows).toEqual([['123.45'], ['-0.01']]);
  });
});
