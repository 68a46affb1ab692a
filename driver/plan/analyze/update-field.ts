import { analysisError } from '../errors.ts';
import type { Expression } from '../expression.ts';
import type { StructField } from '../spark-type.ts';
import { STRING } from '../types/coercion.ts';
import { sqlTypeName } from '../types/simple-string.ts';
import type { UnresolvedExpression } from '../unresolved.ts';
import type { ExpressionResolver } from './expression-resolver.ts';
import type { Resolved } from './resolved.ts';
import { fieldOf } from './scope.ts';

type Update = Extract<UnresolvedExpression, { kind: 'update-field' }>;

function makeStruct(fields: readonly { name: string; value: Expression }[], source: Expression): Expression {
  const args = fields.flatMap(({ name, value }): Expression[] => [
    { kind: 'literal', value: name, type: STRING, nullable: false },
    value,
  ]);
  const types: StructField[] = fields.map(({ name, value }) => ({
    name,
    type: value.type,
    nullable: value.nullable,
  }));
  const made: Expression = {
    kind: 'call',
    name: '$struct',
    args,
    type: { kind: 'struct', fields: types },
    nullable: false,
  };
  if (!source.nullable) return made;
  const missing: Expression = {
    kind: 'call',
    name: 'isnull',
    args: [source],
    type: { kind: 'boolean' },
    nullable: false,
  };
  const none: Expression = { kind: 'literal', value: null, type: made.type, nullable: true };
  return {
    kind: 'case',
    branches: [{ when: missing, result: none }],
    otherwise: made,
    type: made.type,
    nullable: true,
  };
}

function change(
  source: Expression,
  path: readonly string[],
  value: Expression | undefined,
  resolver: ExpressionResolver,
): Expression {
  const type = source.type;
  if (type.kind !== 'struct') {
    throw analysisError(
      'DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE',
      `Cannot resolve "update_fields" due to data type mismatch: it requires the "STRUCT" type, but has "${sqlTypeName(type)}".`,
    );
  }
  const { rule } = resolver.options;
  const name = path[0]!;
  const fields = type.fields.map((field) => ({
    name: field.name,
    value: fieldOf(source, field.name, rule),
  }));
  const index = fields.findIndex((field) => rule.same(field.name, name));
  if (path.length > 1) {
    const inner = fieldOf(source, name, rule);
    fields[index] = { name: fields[index]!.name, value: change(inner, path.slice(1), value, resolver) };
  } else if (value === undefined) {
    return makeStruct(
      fields.filter((field) => !rule.same(field.name, name)),
      source,
    );
  } else if (index >= 0) fields[index] = { name, value };
  else fields.push({ name, value });
  return makeStruct(fields, source);
}

/** `withField` and `dropFields`: the struct made anew, null where it was null. */
export function updateField(update: Update, resolver: ExpressionResolver): Resolved {
  const source = resolver.resolve(update.input);
  const value = update.value === undefined ? undefined : resolver.resolve(update.value);
  const text =
    value === undefined
      ? `update_fields(${source.text}, dropfield())`
      : `update_fields(${source.text}, WithField(${value.text}))`;
  return { value: change(source.value, update.path, value?.value, resolver), text, name: text };
}
