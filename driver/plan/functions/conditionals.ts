import type { Expression } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import { BOOLEAN, LONG, STRING } from '../types/coercion.ts';
import { simpleString } from '../types/simple-string.ts';
import { FunctionFamily, coerce, unify, type Bound } from './function-spec.ts';

function allNullable(args: readonly Expression[]): boolean {
  return args.every((arg) => arg.nullable);
}

/** `when(c1, v1, c2, v2, ..., [otherwise])`: how a data frame's CASE travels. */
function bindWhen(args: readonly Expression[]): Bound {
  const branches = Math.floor(args.length / 2);
  const values = Array.from({ length: branches }, (_, index) => args[index * 2 + 1]!);
  const otherwise = args.length % 2 === 1 ? args.at(-1)! : undefined;
  const unified = unify('CASE', otherwise === undefined ? values : [...values, otherwise]);
  const bound = Array.from({ length: branches }, (_, index) => [
    coerce(args[index * 2]!, BOOLEAN),
    unified[index]!,
  ]).flat();
  if (otherwise !== undefined) bound.push(unified.at(-1)!);
  return {
    key: 'when',
    args: bound,
    type: unified[0]!.type,
    nullable: otherwise === undefined || unified.some((value) => value.nullable),
  };
}

function caseText(args: readonly string[]): string {
  const parts: string[] = [];
  for (let index = 0; index + 1 < args.length; index += 2) {
    parts.push(`WHEN ${args[index]} THEN ${args[index + 1]}`);
  }
  if (args.length % 2 === 1) parts.push(`ELSE ${args.at(-1)}`);
  return `CASE ${parts.join(' ')} END`;
}

function pair(args: readonly Expression[]): Expression[] {
  return unify('ifnull', args.slice(0, 2));
}

function choice(key: string, result: (args: readonly Expression[]) => boolean) {
  return (args: readonly Expression[]): Bound => {
    const unified = unify(key, args);
    return { key, args: unified, type: unified[0]!.type, nullable: result(unified) };
  };
}

/** NaN is the greatest value, as in DuckDB; nulls are passed over. */
export const conditionals = new FunctionFamily()
  .special('when case_when', {
    kind: 'scalar',
    exact: true,
    bind: bindWhen,
    render: caseText,
    display: caseText,
  })
  .special('if iff', {
    kind: 'scalar',
    exact: true,
    bind: (args) => {
      const values = unify('if', args.slice(1));
      return {
        key: 'if',
        args: [coerce(args[0]!, BOOLEAN), ...values],
        type: values[0]!.type,
        nullable: values.some((value) => value.nullable),
      };
    },
    render: ([condition, yes, no]) => `CASE WHEN ${condition} THEN ${yes} ELSE ${no} END`,
    display: ([condition, yes, no]) => `(IF(${condition}, ${yes}, ${no}))`,
  })
  .special('coalesce', {
    kind: 'scalar',
    exact: true,
    bind: choice('coalesce', allNullable),
    render: (args) => `coalesce(${args.join(', ')})`,
  })
  .special('ifnull nvl', {
    kind: 'scalar',
    exact: true,
    bind: (args) => {
      const unified = pair(args);
      return { key: 'ifnull', args: unified, type: unified[0]!.type, nullable: allNullable(unified) };
    },
    render: (args) => `coalesce(${args.join(', ')})`,
  })
  .special('nvl2', {
    kind: 'scalar',
    exact: true,
    bind: (args) => {
      const values = unify('nvl2', args.slice(1));
      return {
        key: 'nvl2',
        args: [args[0]!, ...values],
        type: values[0]!.type,
        nullable: values.some((value) => value.nullable),
      };
    },
    render: ([value, yes, no]) => `CASE WHEN ${value} IS NOT NULL THEN ${yes} ELSE ${no} END`,
  })
  .special('nullif', {
    kind: 'scalar',
    bind: (args) => {
      const unified = unify('nullif', args);
      return { key: 'nullif', args: unified, type: unified[0]!.type, nullable: true };
    },
    render: (args) => `nullif(${args.join(', ')})`,
  })
  .special('nanvl', {
    kind: 'scalar',
    exact: true,
    bind: choice('nanvl', (args) => args.some((arg) => arg.nullable)),
    render: ([a, b]) => `CASE WHEN isnan(${a}) THEN ${b} ELSE ${a} END`,
  })
  .special('greatest', {
    kind: 'scalar',
    exact: true,
    bind: choice('greatest', allNullable),
    render: (args) => `greatest(${args.join(', ')})`,
  })
  .special('least', {
    kind: 'scalar',
    exact: true,
    bind: choice('least', allNullable),
    render: (args) => `least(${args.join(', ')})`,
  })
  .add('isnan', 'double', BOOLEAN, 'coalesce(isnan($1), false)', { nullable: 'never', exact: true })
  .add('assert_true', 'boolean string?', { kind: 'null' }, (args) => {
    const text = args[1] ?? "'''assert_true'' is false'";
    return `CASE WHEN coalesce(${args[0]}, false) THEN NULL ELSE error('[USER_RAISED_EXCEPTION] ' || ${text} || ' SQLSTATE: P0001') END`;
  })
  .add(
    'raise_error',
    'string',
    { kind: 'null' },
    `error('[USER_RAISED_EXCEPTION] ' || $1 || ' SQLSTATE: P0001')`,
  )
  .add('typeof', 'any', STRING, (_, call) => `'${typeofText(call.args[0]!.type)}'`, { nullable: 'never' })
  .add('monotonically_increasing_id', '', LONG, 'row_number() OVER () - 1', { nullable: 'never' })
  .add('current_catalog', '', STRING, `'spark_catalog'`, { nullable: 'never' })
  .add('current_database current_schema', '', STRING, `'default'`, {
    nullable: 'never',
    display: () => 'current_schema()',
  })
  .add('uuid', '', STRING, 'CAST(uuid() AS VARCHAR)', { nullable: 'never' });

function typeofText(type: SparkType): string {
  return simpleString(type).replaceAll("'", "''");
}
