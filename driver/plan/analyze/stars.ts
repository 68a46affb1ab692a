import { analysisError, unsupported } from '../errors.ts';
import type { Attribute } from '../expression.ts';
import type { UnresolvedExpression } from '../unresolved.ts';
import { type NameRule, quoted } from './scope.ts';

function named(attribute: Attribute): UnresolvedExpression {
  return { kind: 'resolved', attribute };
}

function starOf(
  star: Extract<UnresolvedExpression, { kind: 'star' }>,
  attributes: readonly Attribute[],
  rule: NameRule,
): UnresolvedExpression[] {
  const { qualifier, planId, except = [] } = star;
  const visible = attributes.filter(
    (each) =>
      (planId === undefined || each.planIds.includes(planId)) &&
      !except.some((name) => rule.same(name, each.name)),
  );
  if (qualifier === undefined || qualifier.length === 0) return visible.map(named);
  const found = visible.filter((each) => each.qualifiers.some((name) => rule.same(name, qualifier.at(-1)!)));
  if (found.length > 0) return found.map(named);
  const struct = visible.find((each) => rule.same(each.name, qualifier[0]!));
  if (struct?.type.kind === 'struct') {
    return struct.type.fields.map((field) => ({
      kind: 'alias',
      input: {
        kind: 'extract',
        input: named(struct),
        key: { kind: 'literal', value: field.name, type: { kind: 'string' } },
      },
      names: [field.name],
    }));
  }
  throw analysisError(
    'UNRESOLVED_COLUMN.WITHOUT_SUGGESTION',
    `Cannot resolve ${quoted([...qualifier])}.*: there is no such table or struct.`,
  );
}

function columnPattern(pattern: string, rule: NameRule): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`, rule.caseSensitive ? 'u' : 'iu');
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw analysisError(
      'INVALID_REGEXP',
      `The pattern ${quoted([pattern])} of column names is no regular expression: ${thrown.message}.`,
    );
  }
}

/** A select list with its stars and patterns as columns; stars inside `struct(*)` and the like too. */
export function expandStars(
  columns: readonly UnresolvedExpression[],
  attributes: readonly Attribute[],
  rule: NameRule,
): UnresolvedExpression[] {
  return columns.flatMap((column): UnresolvedExpression[] => {
    if (column.kind === 'star') return starOf(column, attributes, rule);
    if (column.kind === 'regex') {
      const pattern = columnPattern(column.pattern, rule);
      return attributes.filter((each) => pattern.test(each.name)).map(named);
    }
    if (column.kind === 'alias' && column.input.kind === 'star') throw unsupported('An alias of a star');
    return [inside(column, attributes, rule)];
  });
}

function inside(
  column: UnresolvedExpression,
  attributes: readonly Attribute[],
  rule: NameRule,
): UnresolvedExpression {
  if (column.kind === 'alias') return { ...column, input: inside(column.input, attributes, rule) };
  const takesStar = column.kind === 'function' && column.args.some((arg) => arg.kind === 'star');
  if (!takesStar || column.name.toLowerCase() === 'count') return column;
  return { ...column, args: expandStars(column.args, attributes, rule) };
}
