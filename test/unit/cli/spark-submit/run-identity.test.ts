import { describe, expect, it } from 'vitest';
import { connectUrl as urlOf } from '../../../../cli/spark-submit/run-identity.ts';

/** What the driver gets: the client decodes the parameter, the driver the header. */
function headers(url: string): Record<string, string> {
  return Object.fromEntries(
    url
      .slice(url.indexOf('/;') + 2)
      .split(';')
      .map((pair) => pair.split('='))
      .map(([name, value]) => [name, decodeURIComponent(decodeURIComponent(value!))]),
  );
}

const connectUrl = (
  connect: string,
  applicationName: string | undefined,
  env: Record<string, string>,
  mapIndex?: string,
) => urlOf(connect, { applicationName, mapIndex, attempt: 'a1' }, env);

const AIRFLOW = {
  AIRFLOW_CTX_DAG_ID: 'nightly',
  AIRFLOW_CTX_TASK_ID: 'group.ranking',
  AIRFLOW_CTX_DAG_RUN_ID: 'manual__2026-11-21T00:00:00+00:00',
};

describe('the URL that says whose run it is', () => {
  it('carries what Airflow sets, whatever characters it has', () => {
    const url = connectUrl('sc://h:1', '일별 랭킹; a=b %41', AIRFLOW);
    expect(url).toMatch(/^sc:\/\/h:1\/;[\x21-\x7e]+$/);
    for (const pair of url.slice(url.indexOf('/;') + 2).split(';')) expect(pair.split('=')).toHaveLength(2);
    expect(headers(url)).toEqual({
      'x-quarry-app': '일별 랭킹; a=b %41',
      'x-quarry-dag': 'nightly',
      'x-quarry-task': 'group.ranking',
      'x-quarry-run-id': 'manual__2026-11-21T00:00:00+00:00',
      'x-quarry-attempt': 'a1',
    });
  });

  it('is the same for each try of a run', () => {
    const first = connectUrl('sc://h:1', 'a', { ...AIRFLOW, AIRFLOW_CTX_TRY_NUMBER: '1' });
    expect(connectUrl('sc://h:1', 'a', { ...AIRFLOW, AIRFLOW_CTX_TRY_NUMBER: '2' })).toBe(first);
  });

  it('lets QUARRY_ variables and a key in SPARK_REMOTE go first', () => {
    const mapped = connectUrl('sc://h:1/;user_id=u', undefined, { ...AIRFLOW, QUARRY_TASK_ID: 'ranking~3' });
    expect(mapped.startsWith('sc://h:1/;user_id=u;x-quarry-dag=')).toBe(true);
    expect(headers(mapped)['x-quarry-task']).toBe('ranking~3');
    const own = 'sc://other:2/;x-quarry-dag=d;x-quarry-task=t;x-quarry-run-id=r~clear1';
    expect(connectUrl('sc://h:1', undefined, { ...AIRFLOW, SPARK_REMOTE: own })).toBe(
      'sc://h:1/;x-quarry-dag=d;x-quarry-task=t;x-quarry-run-id=r~clear1;x-quarry-attempt=a1',
    );
    const whole = `${own};x-quarry-attempt=of-the-scheduler`;
    expect(headers(connectUrl('sc://h:1', undefined, { SPARK_REMOTE: whole }))['x-quarry-attempt']).toBe(
      'of-the-scheduler',
    );
  });

  it('tells mapped tasks apart by their index', () => {
    const task = (env: Record<string, string>, mapIndex?: string) =>
      headers(connectUrl('sc://h:1', undefined, { ...AIRFLOW, ...env }, mapIndex))['x-quarry-task'];
    expect(task({ AIRFLOW_CTX_MAP_INDEX: '2' })).toBe('group.ranking[2]');
    expect(task({ AIRFLOW_CTX_MAP_INDEX: '-1' })).toBe('group.ranking');
    expect(task({ QUARRY_MAP_INDEX: '4', AIRFLOW_CTX_MAP_INDEX: '2' })).toBe('group.ranking[4]');
    expect(task({ AIRFLOW_CTX_MAP_INDEX: '2' }, '7')).toBe('group.ranking[7]');
  });

  it('is the bare URL without a run and without a name', () => {
    expect(connectUrl('sc://h:1', undefined, {})).toBe('sc://h:1');
  });
});
