import type { Any } from '../../proto/gen/google/protobuf/Any.ts';
import type { Relation } from '../../proto/gen/spark/connect/Relation.ts';
import { checkBatch } from '../plan/check-streaming.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import type { StructType } from '../plan/spark-type.ts';
import type { QueryContext, QueryRunner } from '../schedule/query-runner.ts';
import type { Session } from '../session/session.ts';
import { renderRows } from './arrow-rows.ts';
import { catalogResult } from './catalog.ts';
import { structOf } from './data-type.ts';
import type { ExtensionTable } from './extensions.ts';
import type { TableWriter } from '../tables/table-writer.ts';
import type { Planner } from './planner.ts';
import { planResult, type Result, rowsResult } from './result.ts';
import { htmlString, showString } from './show-string.ts';
import type { StreamSources } from './start-stream.ts';

export interface ResultSources {
  readonly planner: Planner;
  readonly queries: QueryRunner;
  readonly extensions: ExtensionTable;
  /** Writes with format jdbc; without one they are refused. */
  readonly tables?: TableWriter;
  readonly streams?: StreamSources;
}

/** Takes apart what only a root can be (show, catalog calls, extensions); everything else is the analyzer's. */
export async function openResult(
  relation: Relation,
  session: Session,
  sources: ResultSources,
): Promise<Result> {
  switch (relation.relType) {
    case 'showString':
      return showResult(relation, session, sources);
    case 'htmlString':
      return htmlResult(relation, session, sources);
    case 'catalog':
      return catalogResult(relation.catalog!, session);
    case 'extension':
      return sources.extensions.open(relation.extension as Any);
    default: {
      const plan = await sources.planner.analyze(session, relation);
      return planResult(plan, sources.queries);
    }
  }
}

async function showResult(relation: Relation, session: Session, sources: ResultSources): Promise<Result> {
  const { input, numRows, truncate, vertical } = relation.showString!;
  const table = await firstRows(input, numRows, session, sources);
  return textResult('show_string', async (context) =>
    showString(await table(context), { rowCountMax: shownRows(numRows), truncate, vertical }),
  );
}

async function htmlResult(relation: Relation, session: Session, sources: ResultSources): Promise<Result> {
  const { input, numRows, truncate } = relation.htmlString!;
  const table = await firstRows(input, numRows, session, sources);
  return textResult('html_string', async (context) =>
    htmlString(await table(context), { rowCountMax: shownRows(numRows), truncate }),
  );
}

/** Spark shows no more than a text can hold; a driver should not either. */
function shownRows(numRows: number): number {
  return Math.min(Math.max(numRows, 0), 1_000_000);
}

async function firstRows(input: Relation | null, numRows: number, session: Session, sources: ResultSources) {
  const plan = await sources.planner.analyze(session, input!);
  checkBatch(plan);
  const schema = structOf(plan.output);
  const limited: LogicalPlan = {
    kind: 'limit',
    output: plan.output,
    input: plan,
    limit: shownRows(numRows) + 1,
    offset: 0,
  };
  return async (context: QueryContext) => ({
    header: schema.fields.map(({ name }) => name),
    rows: await renderRows(sources.queries.run(limited, context), schema, session.timeZone),
  });
}

function textResult(column: string, text: (context: QueryContext) => Promise<string>): Result {
  const schema: StructType = {
    kind: 'struct',
    fields: [{ name: column, type: { kind: 'string' }, nullable: false }],
  };
  return rowsResult(schema, async (context) => [[await text(context)]]);
}
