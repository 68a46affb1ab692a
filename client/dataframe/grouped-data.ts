import type { AggregateInput } from '../../proto/gen/spark/connect/Aggregate.ts';
import type { RelationInput } from '../../proto/gen/spark/connect/Relation.ts';
import { call, type Column, type ColumnOrName, columnNamed, columnOf, literalColumn } from './column.ts';
import type { DataFrame } from './dataframe.ts';
import { type LiteralValue, literalMessage } from './literal.ts';

/** Groups of rows, before it is said what is computed of each. */
export class GroupedData {
  readonly #aggregate: AggregateInput;
  readonly #make: (relation: RelationInput) => DataFrame;

  constructor(aggregate: AggregateInput, make: (relation: RelationInput) => DataFrame) {
    this.#aggregate = aggregate;
    this.#make = make;
  }

  /** One row a group: its grouping columns, then these. */
  agg(...columns: readonly Column[]): DataFrame {
    return this.#make({
      aggregate: {
        ...this.#aggregate,
        aggregateExpressions: columns.map(({ expression }) => expression),
      },
    });
  }

  count(): DataFrame {
    return this.agg(call('count', literalColumn(1)).as('count'));
  }
  sum(...columns: readonly string[]): DataFrame {
    return this.#each('sum', columns);
  }
  avg(...columns: readonly string[]): DataFrame {
    return this.#each('avg', columns);
  }
  min(...columns: readonly string[]): DataFrame {
    return this.#each('min', columns);
  }
  max(...columns: readonly string[]): DataFrame {
    return this.#each('max', columns);
  }

  /** One column for each value of `column`; without `values` the server looks for them first. */
  pivot(column: ColumnOrName, values: readonly LiteralValue[] = []): GroupedData {
    return new GroupedData(
      {
        ...this.#aggregate,
        groupType: 'GROUP_TYPE_PIVOT',
        pivot: { col: columnOf(column).expression, values: values.map(literalMessage) },
      },
      this.#make,
    );
  }

  #each(name: string, columns: readonly string[]): DataFrame {
    return this.agg(...columns.map((column) => call(name, columnNamed(column))));
  }
}
