import { QuarryError } from '../../common/quarry-error.ts';
import type {
  _spark_connect_Expression_SortOrderInput as SortOrderInput,
  ExpressionInput,
} from '../../proto/gen/spark/connect/Expression.ts';
import { isLiteralValue, type LiteralValue, literalMessage } from './literal.ts';
import type { WindowSpec } from './window.ts';

/** Where a function takes a column, a string is a column's name; where an operator takes a value, a string is a value. */
export type ColumnOrName = Column | string;
export type ColumnOrValue = Column | LiteralValue;

/**
 * An expression over the columns of a DataFrame. Immutable; nothing is computed here.
 *
 * @example col('sales').gt(10).and(col('store').isin('A', 'B'))
 */
export class Column {
  readonly expression: ExpressionInput;

  constructor(expression: ExpressionInput) {
    this.expression = expression;
  }

  eq(other: ColumnOrValue): Column {
    return call('==', this, toColumn(other));
  }
  neq(other: ColumnOrValue): Column {
    return this.eq(other).not();
  }
  /** Equality in which null equals null. */
  eqNullSafe(other: ColumnOrValue): Column {
    return call('<=>', this, toColumn(other));
  }
  gt(other: ColumnOrValue): Column {
    return call('>', this, toColumn(other));
  }
  ge(other: ColumnOrValue): Column {
    return call('>=', this, toColumn(other));
  }
  lt(other: ColumnOrValue): Column {
    return call('<', this, toColumn(other));
  }
  le(other: ColumnOrValue): Column {
    return call('<=', this, toColumn(other));
  }
  /** Both bounds belong to the range. */
  between(lower: ColumnOrValue, upper: ColumnOrValue): Column {
    return this.ge(lower).and(this.le(upper));
  }
  isin(...values: readonly ColumnOrValue[]): Column {
    return call('in', this, ...values.map(toColumn));
  }

  and(other: ColumnOrValue): Column {
    return call('and', this, toColumn(other));
  }
  or(other: ColumnOrValue): Column {
    return call('or', this, toColumn(other));
  }
  not(): Column {
    return call('not', this);
  }

  plus(other: ColumnOrValue): Column {
    return call('+', this, toColumn(other));
  }
  minus(other: ColumnOrValue): Column {
    return call('-', this, toColumn(other));
  }
  multiply(other: ColumnOrValue): Column {
    return call('*', this, toColumn(other));
  }
  divide(other: ColumnOrValue): Column {
    return call('/', this, toColumn(other));
  }
  mod(other: ColumnOrValue): Column {
    return call('%', this, toColumn(other));
  }
  negate(): Column {
    return call('negative', this);
  }
  bitwiseAnd(other: ColumnOrValue): Column {
    return call('&', this, toColumn(other));
  }
  bitwiseOr(other: ColumnOrValue): Column {
    return call('|', this, toColumn(other));
  }
  bitwiseXor(other: ColumnOrValue): Column {
    return call('^', this, toColumn(other));
  }

  isNull(): Column {
    return call('isNull', this);
  }
  isNotNull(): Column {
    return call('isNotNull', this);
  }
  isNaN(): Column {
    return call('isNaN', this);
  }

  contains(other: ColumnOrValue): Column {
    return call('contains', this, toColumn(other));
  }
  startsWith(other: ColumnOrValue): Column {
    return call('startsWith', this, toColumn(other));
  }
  endsWith(other: ColumnOrValue): Column {
    return call('endsWith', this, toColumn(other));
  }
  /** SQL's LIKE: `%` for any text, `_` for one character. */
  like(pattern: string): Column {
    return call('like', this, toColumn(pattern));
  }
  ilike(pattern: string): Column {
    return call('ilike', this, toColumn(pattern));
  }
  /** A regular expression that matches somewhere in the text. */
  rlike(pattern: string): Column {
    return call('rlike', this, toColumn(pattern));
  }
  /** `start` counts from 1. */
  substr(start: ColumnOrValue, length: ColumnOrValue): Column {
    return call('substr', this, toColumn(start), toColumn(length));
  }

  /** An element of an array (from 0), a value of a map, or a field of a struct. */
  getItem(key: ColumnOrValue): Column {
    return new Column({
      unresolvedExtractValue: { child: this.expression, extraction: toColumn(key).expression },
    });
  }
  getField(name: string): Column {
    return this.getItem(name);
  }

  /** `type` in SQL's words: 'int', 'decimal(10,2)', 'array<string>'. Bad input is an error; see tryCast. */
  cast(type: string): Column {
    return new Column({ cast: { expr: this.expression, typeStr: type } });
  }
  /** Null where `cast` would fail. */
  tryCast(type: string): Column {
    return new Column({ cast: { expr: this.expression, typeStr: type, evalMode: 'EVAL_MODE_TRY' } });
  }
  /** Names the result; several names for a function that makes several columns. */
  alias(...names: readonly string[]): Column {
    return new Column({ alias: { expr: this.expression, name: [...names] } });
  }
  as(name: string): Column {
    return this.alias(name);
  }

  /** Ascending, nulls first. */
  asc(): Column {
    return sorted(this, 'SORT_DIRECTION_ASCENDING', 'SORT_NULLS_FIRST');
  }
  ascNullsLast(): Column {
    return sorted(this, 'SORT_DIRECTION_ASCENDING', 'SORT_NULLS_LAST');
  }
  /** Descending, nulls last. */
  desc(): Column {
    return sorted(this, 'SORT_DIRECTION_DESCENDING', 'SORT_NULLS_LAST');
  }
  descNullsFirst(): Column {
    return sorted(this, 'SORT_DIRECTION_DESCENDING', 'SORT_NULLS_FIRST');
  }

  /** Computes a window or aggregate function over a window of rows instead of a group. */
  over(window: WindowSpec): Column {
    return new Column({ window: { windowFunction: this.expression, ...window.message() } });
  }

  /** Another branch of `when(...)`. */
  when(condition: Column, value: ColumnOrValue): Column {
    return call('when', ...this.#branches(), condition, toColumn(value));
  }
  /** The value where no branch of `when(...)` holds; null without it. */
  otherwise(value: ColumnOrValue): Column {
    return call('when', ...this.#branches(), toColumn(value));
  }

  #branches(): Column[] {
    const when = this.expression.unresolvedFunction;
    const parts = when?.functionName === 'when' ? (when.arguments ?? []) : [];
    if (parts.length === 0 || parts.length % 2 === 1) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        'when() and otherwise() continue functions.when(condition, value), and otherwise() ends it',
      );
    }
    return parts.map((part) => new Column(part));
  }
}

/** A column by name: `a`, `t.a`, `struct.field`; `*` and `t.*` for all. */
export function columnNamed(name: string, planId?: string): Column {
  const plan = planId === undefined ? {} : { planId };
  if (name === '*') return new Column({ unresolvedStar: plan });
  if (name.endsWith('.*')) return new Column({ unresolvedStar: { unparsedTarget: name, ...plan } });
  return new Column({ unresolvedAttribute: { unparsedIdentifier: name, ...plan } });
}

export function literalColumn(value: LiteralValue): Column {
  return new Column({ literal: literalMessage(value) });
}

/** The function of that name, which the server resolves. */
export function call(name: string, ...args: readonly Column[]): Column {
  return new Column({
    unresolvedFunction: { functionName: name, arguments: args.map(({ expression }) => expression) },
  });
}

export function toColumn(value: ColumnOrValue): Column {
  if (value instanceof Column) return value;
  if (isLiteralValue(value)) return literalColumn(value);
  throw new QuarryError('INVALID_ARGUMENT', `a value of an expression cannot be a ${typeof value}`);
}

export function columnOf(column: ColumnOrName): Column {
  return typeof column === 'string' ? columnNamed(column) : column;
}

/** The sort order of a column; ascending with nulls first unless it says otherwise. */
export function sortOrderOf(column: ColumnOrName): SortOrderInput {
  const { expression } = columnOf(column);
  if (expression.sortOrder !== undefined && expression.sortOrder !== null) return expression.sortOrder;
  return {
    child: expression,
    direction: 'SORT_DIRECTION_ASCENDING',
    nullOrdering: 'SORT_NULLS_FIRST',
  };
}

function sorted(
  column: Column,
  direction: 'SORT_DIRECTION_ASCENDING' | 'SORT_DIRECTION_DESCENDING',
  nullOrdering: 'SORT_NULLS_FIRST' | 'SORT_NULLS_LAST',
): Column {
  return new Column({ sortOrder: { child: column.expression, direction, nullOrdering } });
}
