import { QuarrySession } from '../../client/session.ts';
import type { SqlAction } from '../core/dag-model.ts';
import { taskOutput } from './task-output.ts';

/** The output is the first row of the last statement. */
export async function runSql(action: SqlAction) {
  await using session = await QuarrySession.connect({
    appName: `${process.env['QUARRY_DAG_ID'] ?? ''}.${process.env['QUARRY_TASK_ID'] ?? ''}`,
  });
  let first: unknown;
  for (const statement of action.statements) {
    console.log(statement);
    const rows = await session.sql(statement).collect();
    console.log(`${rows.length} rows`);
    first = rows[0];
  }
  return taskOutput(first);
}
