import { analysisError } from '../errors.ts';
import type { Attribute, Expression } from '../expression.ts';
import { STRING } from '../types/coercion.ts';
import type { SparkType } from '../spark-type.ts';
import { sqlTypeName } from '../types/simple-string.ts';

const SUGGESTIONS_MAX = 5;

export interface Match {
  readonly attribute: Attribute;
  /** Struct fields named behind the column. */
  readonly nested: readonly string[];
}

export function quoted(parts: readonly string[]): string {
  return parts.map((part) => `\`${part.replaceAll('`', '``')}\``).join('.');
}

/** Names as a session compares them. */
export class NameRule {
  readonly caseSensitive: boolean;

  constructor(caseSensitive: boolean) {
    this.caseSensitive = caseSensitive;
  }

  same(a: string, b: string): boolean {
    return this.caseSensitive ? a === b : a.toLowerCase() === b.toLowerCase();
  }

  key(name: string): string {
    return this.caseSensitive ? name : name.toLowerCase();
  }
}

/** The attributes a name can mean. A qualifier wins over a struct column of the same name, as in Spark. */
export function matches(attributes: readonly Attribute[], parts: readonly string[], rule: NameRule): Match[] {
  // The longest qualifier first: catalog.schema.table.column, then table.column, then column with fields behind it.
  for (let index = Math.min(parts.length - 1, 3); index >= 1; index -= 1) {
    const qualifier = parts[index - 1]!;
    const name = parts[index]!;
    const found = attributes.filter(
      (attribute) =>
        rule.same(attribute.name, name) && attribute.qualifiers.some((each) => rule.same(each, qualifier)),
    );
    if (found.length > 0) return found.map((attribute) => ({ attribute, nested: parts.slice(index + 1) }));
  }
  return attributes
    .filter((attribute) => rule.same(attribute.name, parts[0] ?? ''))
    .map((attribute) => ({ attribute, nested: parts.slice(1) }));
}

/** A data frame's column: among equals, the one that passed the fewest relations since that data frame. */
export function nearest(found: readonly Match[], planId: number): Match[] {
  const depth = ({ attribute }: Match): number =>
    attribute.planIds.length - 1 - attribute.planIds.lastIndexOf(planId);
  const named = found.filter(({ attribute }) => attribute.planIds.includes(planId));
  const least = Math.min(...named.map(depth));
  return named.filter((match) => depth(match) === least);
}

/** The one attribute a name means here, or undefined when none does. Throws when several do. */
export function findAttribute(
  attributes: readonly Attribute[],
  parts: readonly string[],
  planId: number | undefined,
  rule: NameRule,
): Match | undefined {
  const all = matches(attributes, parts, rule);
  const found = planId === undefined ? all : nearest(all, planId);
  const ids = new Set(found.map(({ attribute }) => attribute.id));
  if (ids.size <= 1) return found[0];
  if (planId !== undefined) {
    throw analysisError(
      'AMBIGUOUS_COLUMN_REFERENCE',
      `Column ${quoted(parts)} is ambiguous. It's because you joined several DataFrame together, and some of these DataFrames are the same. Give the DataFrames different names with \`DataFrame.alias\` before joining, and name the column by them: \`col("a.${parts.join('.')}")\`.`,
    );
  }
  const names = found.map(({ attribute }) => quoted([...attribute.qualifiers.slice(-1), attribute.name]));
  throw analysisError(
    'AMBIGUOUS_REFERENCE',
    `Reference ${quoted(parts)} is ambiguous, could be: [${names.join(', ')}].`,
  );
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}

export function unresolvedColumn(parts: readonly string[], attributes: readonly Attribute[]): Error {
  const name = parts.at(-1)?.toLowerCase() ?? '';
  const text = `A column, variable, or function parameter with name ${quoted(parts)} cannot be resolved.`;
  if (attributes.length === 0) return analysisError('UNRESOLVED_COLUMN.WITHOUT_SUGGESTION', text);
  const several = new Set(attributes.flatMap(({ qualifiers }) => qualifiers)).size > 1;
  const suggestions = attributes
    .map((attribute) => ({
      text: quoted(several ? [...attribute.qualifiers.slice(-1), attribute.name] : [attribute.name]),
      far: distance(attribute.name.toLowerCase(), name),
    }))
    .toSorted((a, b) => a.far - b.far)
    .slice(0, SUGGESTIONS_MAX);
  return analysisError(
    'UNRESOLVED_COLUMN.WITH_SUGGESTION',
    `${text} Did you mean one of the following? [${suggestions.map((each) => each.text).join(', ')}].`,
  );
}

export function columnOf(attribute: Attribute): Expression {
  return { kind: 'column', id: attribute.id, type: attribute.type, nullable: attribute.nullable };
}

/** `input.name` of a struct, or of every struct in an array. Throws FIELD_NOT_FOUND. */
export function fieldOf(input: Expression, name: string, rule: NameRule): Expression {
  const type = input.type;
  const struct = type.kind === 'array' ? type.element : type;
  if (type.kind === 'map') {
    const key: Expression = { kind: 'literal', value: name, type: STRING, nullable: false };
    return { kind: 'call', name: '$map_value', args: [input, key], type: type.value, nullable: true };
  }
  if (struct.kind !== 'struct') {
    throw analysisError(
      'INVALID_EXTRACT_BASE_FIELD_TYPE',
      `Can't extract a value from "${name}". Need a complex type [STRUCT, ARRAY, MAP] but got "${sqlTypeName(type)}".`,
    );
  }
  const field = struct.fields.find((each) => rule.same(each.name, name));
  if (field === undefined) {
    throw analysisError(
      'FIELD_NOT_FOUND',
      `No such struct field ${quoted([name])} in ${struct.fields.map((each) => quoted([each.name])).join(', ')}.`,
    );
  }
  const key: Expression = { kind: 'literal', value: field.name, type: STRING, nullable: false };
  if (type.kind === 'array') {
    const element: SparkType = {
      kind: 'array',
      element: field.type,
      containsNull: type.containsNull || field.nullable,
    };
    return {
      kind: 'call',
      name: '$array_field',
      args: [input, key],
      type: element,
      nullable: input.nullable,
    };
  }
  return {
    kind: 'call',
    name: '$field',
    args: [input, key],
    type: field.type,
    nullable: input.nullable || field.nullable,
  };
}
