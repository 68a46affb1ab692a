import { QuarryError } from '../../common/quarry-error.ts';
import type { RelationInput } from '../../proto/gen/spark/connect/Relation.ts';
import type { StructType } from '../plan/spark-type.ts';
import type { SqlStatement } from '../plan/sql-statement.ts';
import { simpleString } from '../plan/types/simple-string.ts';
import type { QueryContext } from '../schedule/query-runner.ts';
import type { Session } from '../session/session.ts';
import type { DriverCell } from './arrow-rows.ts';
import { showTablesResult } from './catalog.ts';
import { explainString } from './explain-string.ts';
import { type Result, rowsResult } from './result.ts';

/** Does what a SQL statement says and answers its rows as a relation that holds them. */
export async function carryOut(
  statement: SqlStatement,
  session: Session,
  context: QueryContext,
): Promise<RelationInput> {
  const result = resultOf(statement, session);
  if (result === undefined) return { localRelation: { schema: '{"type":"struct","fields":[]}' } };
  for await (const { arrowIpc } of result.run(context)) return { localRelation: { data: arrowIpc } };
  throw new QuarryError('INTERNAL', `${statement.kind} made no rows`);
}

function resultOf(statement: SqlStatement, session: Session): Result | undefined {
  switch (statement.kind) {
    case 'create-view': {
      const { name, plan, replace, global } = statement;
      (global ? session.views.global : session.views.temporary).put(name, plan, replace);
      return undefined;
    }
    case 'drop-view':
      if (!session.views.drop(statement.name) && !statement.ifExists) throw viewNotFound(statement.name);
      return undefined;
    case 'set':
      return setResult(statement.key, statement.value, session);
    case 'reset':
      if (statement.key === undefined) session.settings.reset();
      else session.settings.unset(statement.key);
      return undefined;
    case 'show-tables':
      return showTablesResult(session, statement.pattern);
    case 'describe':
      return textRows(
        ['col_name', 'data_type', 'comment'],
        statement.plan.output.map(({ name, type }) => [name, simpleString(type), null]),
      );
    case 'explain':
      return textRows(['plan'], [[explainString(statement.plan, statement.extended)]]);
  }
}

function setResult(key: string | undefined, value: string | undefined, session: Session): Result {
  if (key !== undefined && value !== undefined) session.settings.set(key, value);
  const pairs: [string, string][] =
    key === undefined
      ? [...session.settings.changed()]
      : [[key, session.settings.find(key) ?? '<undefined>']];
  return textRows(['key', 'value'], pairs);
}

function textRows(names: readonly string[], rows: DriverCell[][]): Result {
  const schema: StructType = {
    kind: 'struct',
    fields: names.map((name) => ({ name, type: { kind: 'string' }, nullable: name === 'comment' })),
  };
  return rowsResult(schema, () => rows);
}

function viewNotFound(name: string): QuarryError {
  return new QuarryError(
    'ANALYSIS',
    `[TABLE_OR_VIEW_NOT_FOUND] The table or view \`${name}\` cannot be found. Verify the spelling and correctness of the schema and catalog. ` +
      'To tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE IF EXISTS. SQLSTATE: 42P01',
    {
      details: { errorClass: 'TABLE_OR_VIEW_NOT_FOUND', sqlState: '42P01', relationName: `\`${name}\`` },
    },
  );
}
