import type { Attribute, Expression } from '../expression.ts';
import { BOOLEAN } from '../types/coercion.ts';

/** An expression with what Spark calls it: `text` inside a larger one, `name` as a column of its own. */
export interface Resolved {
  readonly value: Expression;
  readonly text: string;
  readonly name: string;
  /** Set where the expression is just a column: it keeps its identity through a select. */
  readonly attribute?: Attribute;
  /** Names that an alias gives; several for a generator. */
  readonly names?: readonly string[];
}

export function both(left: Expression, right: Expression): Expression {
  return {
    kind: 'call',
    name: 'and',
    args: [left, right],
    type: BOOLEAN,
    nullable: left.nullable || right.nullable,
  };
}

export function plain(value: Expression, text: string): Resolved {
  return { value, text, name: text };
}
