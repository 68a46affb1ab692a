import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogicalPlan } from '../../../../driver/plan/logical-plan.ts';
import { optimize } from '../../../../driver/plan/optimize.ts';
import { inputsOf } from '../../../../driver/plan/plan-tree.ts';
import { pushJson } from '../../../../driver/stream/push-json.ts';
import { PlanFixture } from '../plan/plan-fixture.ts';

let fixture: PlanFixture;

beforeAll(async () => {
  fixture = await PlanFixture.open();
  const column = (id: number, name: string, kind: string) => ({
    id: 5_000 + id,
    name,
    type: { kind } as never,
    nullable: true,
    planIds: [],
    qualifiers: [],
  });
  fixture.addView('clicks', {
    kind: 'stream-source',
    format: 'kafka',
    options: {},
    userSchema: undefined,
    output: [column(1, 'key', 'binary'), column(2, 'value', 'binary'), column(3, 'offset', 'long')],
  });
});

afterAll(() => fixture.close());

function sourceOf(plan: LogicalPlan): Extract<LogicalPlan, { kind: 'stream-source' }> {
  return plan.kind === 'stream-source' ? plan : sourceOf(inputsOf(plan)[0]!);
}

async function pushed(sql: string) {
  const plan = pushJson(optimize((await fixture.analyzer.analyzeSql(sql)) as LogicalPlan));
  const { json = [], output } = sourceOf(plan);
  return {
    fields: json.map(({ field }) => field).toSorted(),
    output: output.map(({ name }) => name).toSorted(),
  };
}

const PARSED = `(SELECT from_json(CAST(value AS STRING), 'msec DOUBLE, product STRING, user STRING') AS j, offset FROM clicks)`;

describe('fields of JSON', () => {
  it('that are used are read while records are loaded, and nothing else of them', async () => {
    expect(await pushed(`SELECT j.product, count(*) FROM ${PARSED} WHERE j.msec > 1 GROUP BY 1`)).toEqual({
      fields: ['msec', 'product'],
      output: ['msec', 'product'],
    });
    expect(await pushed(`SELECT j.user, offset FROM ${PARSED}`)).toEqual({
      fields: ['user'],
      output: ['offset', 'user'],
    });
    expect(
      await pushed(`SELECT get_json_object(CAST(value AS STRING), '$.product') AS p FROM clicks`),
    ).toEqual({
      fields: ['product'],
      output: ['product'],
    });
  });

  it('stay where they are when the whole value is wanted', async () => {
    expect(await pushed(`SELECT j, j.product FROM ${PARSED}`)).toEqual({ fields: [], output: ['value'] });
    expect(await pushed(`SELECT get_json_object(CAST(value AS STRING), '$.a.b') AS p FROM clicks`)).toEqual({
      fields: [],
      output: ['value'],
    });
  });
});
