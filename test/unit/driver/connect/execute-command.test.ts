import { describe, expect, it } from 'vitest';
import { SystemClock } from '../../../../common/seams/clock.ts';
import { tableFromIPC } from 'apache-arrow';
import { explainString } from '../../../../driver/connect/explain-string.ts';
import { jobName } from '../../../../driver/connect/job-name.ts';
import { canonicalPlan, semanticHash } from '../../../../driver/connect/plan-identity.ts';
import { carryOut } from '../../../../driver/connect/sql-statement.ts';
import type { LogicalPlan } from '../../../../driver/plan/logical-plan.ts';
import type { SqlStatement } from '../../../../driver/plan/sql-statement.ts';
import type { QueryContext } from '../../../../driver/schedule/query-runner.ts';
import { SessionTable } from '../../../../driver/session/session-table.ts';

function range(id: number, end: bigint): LogicalPlan {
  const output = [
    { id, name: 'id', type: { kind: 'long' }, nullable: false, planIds: [id], qualifiers: [] },
  ] as const;
  return { kind: 'range', output, start: 0n, end, step: 1n, partitions: undefined };
}
function atMost(input: LogicalPlan, limit: number): LogicalPlan {
  return { kind: 'limit', output: input.output, input, limit, offset: 0 };
}

const context: QueryContext = {
  sessionId: 's',
  operationId: 'o',
  jobName: 'j',
  timeZone: 'UTC',
  conf: new Map(),
};

function newSession() {
  const sessions = new SessionTable({
    clock: new SystemClock(),
    resolveFiles: () => Promise.reject(new Error('none')),
  });
  const sessionId = '00112233-4455-6677-8899-aabbccddeeff';
  const session = sessions.open({ userId: 'u', sessionId, observedServerSideSessionId: undefined });
  sessions.close();
  return session;
}

async function rows(statement: SqlStatement, session = newSession()): Promise<unknown[]> {
  const relation = await carryOut(statement, session, context);
  const { data } = relation.localRelation!;
  if (data === undefined) return [];
  return tableFromIPC(data as Buffer)
    .toArray()
    .map((row) => Object.values((row as { toJSON(): object }).toJSON()));
}

describe('SQL statements', () => {
  it('make, show and drop views', async () => {
    const session = newSession();
    const view = {
      kind: 'create-view',
      name: 'v',
      global: false,
      replace: false,
      plan: range(1, 5n),
    } as const;
    expect(await rows(view, session)).toEqual([]);
    await expect(rows(view, session)).rejects.toThrow('TEMP_TABLE_OR_VIEW_ALREADY_EXISTS');
    expect(await rows({ kind: 'show-tables', pattern: undefined }, session)).toEqual([['', 'v', true]]);
    expect(await rows({ kind: 'show-tables', pattern: 'x*' }, session)).toEqual([]);
    expect(await rows({ kind: 'describe', plan: session.tempView('v')! }, session)).toEqual([
      ['id', 'bigint', null],
    ]);
    await rows({ kind: 'drop-view', name: 'v', ifExists: false }, session);
    await expect(rows({ kind: 'drop-view', name: 'v', ifExists: false }, session)).rejects.toThrow(
      'TABLE_OR_VIEW_NOT_FOUND',
    );
    await rows({ kind: 'drop-view', name: 'v', ifExists: true }, session);
  });

  it('set, ask for and reset settings', async () => {
    const session = newSession();
    const key = 'spark.sql.ansi.enabled';
    expect(await rows({ kind: 'set', key, value: 'false' }, session)).toEqual([[key, 'false']]);
    expect(await rows({ kind: 'set', key: undefined, value: undefined }, session)).toEqual([[key, 'false']]);
    await rows({ kind: 'reset', key }, session);
    expect(await rows({ kind: 'set', key, value: undefined }, session)).toEqual([[key, 'true']]);
    expect(await rows({ kind: 'set', key: 'no.such', value: undefined }, session)).toEqual([
      ['no.such', '<undefined>'],
    ]);
  });

  it('explain', async () => {
    const [[text]] = (await rows({ kind: 'explain', extended: false, plan: atMost(range(7, 5n), 3) })) as [
      [string],
    ];
    expect(text).toBe('== Physical Plan ==\nLimit 3 [id#7]\n+- Range [id#7]\n');
    expect(explainString(range(1, 1n), true)).toContain('Analyzed Logical Plan');
  });
});

describe('plans that mean the same', () => {
  it('are equal whichever ids their columns got', () => {
    const [a, b, c] = [atMost(range(1, 5n), 3), atMost(range(9, 5n), 3), atMost(range(1, 5n), 4)];
    expect(canonicalPlan(a)).toBe(canonicalPlan(b));
    expect(canonicalPlan(a)).not.toBe(canonicalPlan(c));
    expect(semanticHash(a)).toBe(semanticHash(b));
  });

  it('differ when they call another function', () => {
    const call = (name: string): LogicalPlan => {
      const input = range(1, 5n);
      const id = { kind: 'column', id: 1, type: { kind: 'long' }, nullable: false } as const;
      const value = { kind: 'call', name, args: [id, id], type: { kind: 'long' }, nullable: false } as const;
      const attribute = { ...input.output[0]!, id: 2, name: 'x' };
      return { kind: 'project', output: [attribute], input, columns: [{ attribute, value }] };
    };
    expect(canonicalPlan(call('+'))).not.toBe(canonicalPlan(call('*')));
  });
});

describe('jobName', () => {
  it('is the SQL text, or what is done to what', () => {
    const sql = { common: null, relType: 'sql' as const, sql: { query: 'SELECT\n  1' } };
    const shown = { common: null, relType: 'showString' as const, showString: { input: sql } };
    expect(jobName({ opType: 'root', root: shown } as never)).toBe('SELECT 1');
    const read = { relType: 'read', read: { dataSource: { paths: ['/data/sales'] } } };
    const grouped = {
      relType: 'aggregate',
      aggregate: { input: { relType: 'filter', filter: { input: read } } },
    };
    expect(jobName({ opType: 'root', root: grouped } as never)).toBe('aggregate /data/sales');
    const write = { commandType: 'writeOperation', writeOperation: { input: grouped } };
    expect(jobName({ opType: 'command', command: write } as never)).toBe('write operation /data/sales');
  });
});
