import { checkBatch } from '../plan/check-streaming.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import type { StructType } from '../plan/spark-type.ts';
import type { QueryBatch, QueryContext, QueryRunner } from '../schedule/query-runner.ts';
import { arrowBatch, type DriverCell } from './arrow-rows.ts';
import { structOf } from './data-type.ts';

/** A relation that can be asked for its schema, and for its rows when it runs. */
export interface Result {
  readonly schema: StructType;
  run(context: QueryContext): AsyncIterable<QueryBatch>;
}

export function planResult(plan: LogicalPlan, queries: QueryRunner): Result {
  return {
    schema: structOf(plan.output),
    run: (context) => {
      checkBatch(plan);
      return queries.run(plan, context);
    },
  };
}

/** Rows that the driver makes itself, when it is run. */
export function rowsResult(
  schema: StructType,
  rows: (context: QueryContext) => Promise<DriverCell[][]> | DriverCell[][],
): Result {
  return {
    schema,
    async *run(context) {
      yield await arrowBatch(schema, await rows(context));
    },
  };
}
