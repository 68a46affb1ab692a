import type { ColumnInput } from '../../../proto/gen/quarry/Column.ts';
import type { Attribute } from '../../plan/expression.ts';
import { renderCast } from '../../plan/render/render-cast.ts';
import { columnName } from '../../plan/render/render-expression.ts';
import type { SparkType } from '../../plan/spark-type.ts';
import { STRING } from '../../plan/types/coercion.ts';
import { columnOf } from '../../stages/column-type.ts';
import type { SinkOutput } from './stream-sink.ts';

/** Rows as they are, to the driver. */
export function plainOutput(output: readonly Attribute[], label: string): SinkOutput {
  const columns = output.map(columnOf) as never[];
  return {
    output: { kind: 'result' },
    label,
    wrap: (fragment) => fragment,
    task: () => ({ result: { columns } }),
  };
}

/** How a value of a column leaves the kernel for a store outside: `type` is what comes. */
export interface SentColumn {
  readonly attribute: Attribute;
  readonly type: SparkType;
  readonly sql: string;
}

/** Columns computed in the last fragment, in the forms that stores outside take. */
export function sentOutput(columns: readonly SentColumn[], label: string): SinkOutput {
  // By place: one column may be sent twice, and names that are numbers would change the order of a row's cells.
  const sent = columns.map(
    ({ type }, index): ColumnInput => columnOf({ name: `v${index}`, type, nullable: true }),
  );
  const list = columns.map(({ sql }, index) => `${sql} AS v${index}`).join(', ');
  return {
    output: { kind: 'result' },
    label,
    wrap: (fragment) => `SELECT ${list} FROM (${fragment}) AS t`,
    task: () => ({ result: { columns: sent as never[] } }),
  };
}

/** Text as Spark's cast makes it: exact for decimals, 64-bit integers and times. */
export function asText(attribute: Attribute): SentColumn {
  const sql = renderCast(columnName(attribute.id), attribute.type, STRING, false);
  return { attribute, type: STRING, sql };
}

export function asItIs(attribute: Attribute): SentColumn {
  return { attribute, type: attribute.type, sql: columnName(attribute.id) };
}
