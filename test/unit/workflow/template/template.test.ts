import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../../../../workflow/core/records.ts';
import { runScope } from '../../../../workflow/template/run-scope.ts';
import { checkTemplates, render } from '../../../../workflow/template/template.ts';

const scope = { ds: '2026-11-01', params: { top: 10, tags: ['a', 'b'] }, outputs: { count: { rows: 3 } } };

describe('render', () => {
  it.each([
    ['--date {{ ds }}', '--date 2026-11-01'],
    ['{{ds}}{{ ds }}', '2026-11-012026-11-01'],
    ['{{ params.top }} {{ params.tags }}', '10 ["a","b"]'],
    ['{{ outputs.count.rows }}', '3'],
    ['{{ ds | addDays(-1) }}', '2026-10-31'],
    ['/raw/{{ ds | addDays(-1) | format("yyyy/MM/dd") }}/x', '/raw/2026/10/31/x'],
    ["{{ ds | format('dd}}MM') }}", '01}}11'],
    ['{{ "{{" }} .Names }}', '{{ .Names }}'],
    ['no template { here }}', 'no template { here }}'],
  ])('%s', (text, expected) => {
    expect(render(text, scope)).toBe(expected);
  });

  it('goes into arrays and objects and leaves other values', () => {
    expect(render({ a: ['{{ ds }}', 1], b: null }, scope)).toEqual({ a: ['2026-11-01', 1], b: null });
  });

  it('refuses a name without a value', () => {
    expect(() => render('{{ outputs.other }}', scope)).toThrow(/has no value/);
  });
});

describe('check', () => {
  it.each([
    ['{{ ds', 'without its }}'],
    ['{{ }}', 'is no template'],
    ['{{ a + b }}', 'is no template'],
    ['{{ ds | nope }}', 'no template filter nope'],
    ['{{ ds | addDays("x") }}', 'whole number of days'],
    ['{{ ds | format }}', 'format takes a pattern'],
    ['{{ ds | ds(3) }}', 'takes no argument'],
  ])('%s: %s', (text, message) => {
    expect(() => checkTemplates([text], () => undefined)).toThrow(message);
  });

  it('names every path', () => {
    const paths: string[] = [];
    checkTemplates({ a: '{{ ds }}', b: [{ c: '{{ params.x | json }}' }] }, (path) =>
      paths.push(path.join('.')),
    );
    expect(paths).toEqual(['ds', 'params.x']);
  });
});

it('a nightly run in Seoul: ds is the UTC date, ds_local the date there, and the intervals join', () => {
  const run = {
    dagId: 'd',
    runId: 'r',
    kind: 'scheduled',
    logicalMs: Date.parse('2026-11-21T02:00:00+09:00'),
    intervalStartMs: Date.parse('2026-11-21T02:00:00+09:00'),
    intervalEndMs: Date.parse('2026-11-22T02:00:00+09:00'),
    params: {},
  } as unknown as RunRecord;
  const schedule = { expression: '0 2 * * *', timezone: 'Asia/Seoul', semantics: 'interval' } as const;
  const values = runScope({ run, schedule, taskId: 't', tryNumber: 1, outputs: {}, error: undefined });
  expect(values).toMatchObject({
    ds: '2026-11-20',
    ds_nodash: '20261120',
    ds_local: '2026-11-21',
    ts: '2026-11-20T17:00:00+00:00',
    ts_nodash: '20261120T170000',
    data_interval_start: '2026-11-20T17:00:00+00:00',
    data_interval_end: '2026-11-21T17:00:00+00:00',
    prev_data_interval_start: '2026-11-19T17:00:00+00:00',
    prev_data_interval_end: '2026-11-20T17:00:00+00:00',
    next_data_interval_start: '2026-11-21T17:00:00+00:00',
    next_data_interval_end: '2026-11-22T17:00:00+00:00',
  });
});
