import type { RelationInput } from '../../proto/gen/spark/connect/Relation.ts';
import type { DataFrame } from './dataframe.ts';
import { type LiteralValue, literalMessage } from './literal.ts';

/** `dataFrame.na`. */
export class NullFunctions {
  readonly #input: RelationInput;
  readonly #make: (relation: RelationInput) => DataFrame;

  constructor(dataFrame: DataFrame, make: (relation: RelationInput) => DataFrame) {
    this.#input = dataFrame.relation;
    this.#make = make;
  }

  /** Puts a value in the place of nulls: the same in `columns` (all of its type without any), or one a column. */
  fill(
    value: LiteralValue | Readonly<Record<string, LiteralValue>>,
    columns: readonly string[] = [],
  ): DataFrame {
    const isByColumn =
      typeof value === 'object' &&
      value !== null &&
      !(value instanceof Date) &&
      !(value instanceof Uint8Array);
    const [cols, values] = isByColumn
      ? [Object.keys(value), Object.values(value as Record<string, LiteralValue>)]
      : [[...columns], [value as LiteralValue]];
    return this.#make({ fillNa: { input: this.#input, cols, values: values.map(literalMessage) } });
  }

  /** Rows without a null in `columns`; `how: 'all'` keeps those with at least one value, `thresh` those with that many. */
  drop(
    options: {
      readonly how?: 'any' | 'all';
      readonly thresh?: number;
      readonly columns?: readonly string[];
    } = {},
  ): DataFrame {
    const minNonNulls = options.thresh ?? (options.how === 'all' ? 1 : undefined);
    return this.#make({
      dropNa: {
        input: this.#input,
        cols: [...(options.columns ?? [])],
        ...(minNonNulls === undefined ? {} : { minNonNulls }),
      },
    });
  }
}
