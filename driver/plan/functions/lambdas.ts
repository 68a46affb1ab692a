import { analysisError } from '../errors.ts';
import type { Expression } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import { BOOLEAN, INTEGER, arrayOf, commonType } from '../types/coercion.ts';
import { duckdbType } from '../types/duckdb-type.ts';
import {
  FunctionFamily,
  bindOnce,
  coerce,
  type Bound,
  type FunctionSpec,
  type LambdaParameter,
} from './function-spec.ts';

function elementOf(list: Expression | undefined): LambdaParameter {
  const type = list?.type;
  if (type?.kind !== 'array') {
    throw analysisError(
      'DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE',
      'Cannot resolve the function due to data type mismatch: its first argument requires the "ARRAY" type.',
    );
  }
  return { type: type.element, nullable: type.containsNull };
}

function entryOf(map: Expression | undefined): { key: LambdaParameter; value: LambdaParameter } {
  const type = map?.type;
  if (type?.kind !== 'map') {
    throw analysisError(
      'DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE',
      'Cannot resolve the function due to data type mismatch: its first argument requires the "MAP" type.',
    );
  }
  return {
    key: { type: type.key, nullable: false },
    value: { type: type.value, nullable: type.valueContainsNull },
  };
}

const INDEX: LambdaParameter = { type: INTEGER, nullable: false };
const overElements = (args: readonly Expression[], _index: number, arity: number): LambdaParameter[] =>
  arity > 1 ? [elementOf(args[0]), INDEX] : [elementOf(args[0])];

type Result = (args: readonly Expression[]) => SparkType;

function scalar(
  key: string,
  result: Result,
  render: FunctionSpec['render'],
  lambda = overElements,
): Omit<FunctionSpec, 'key'> {
  return {
    kind: 'scalar',
    lambda,
    bind: (args): Bound => ({ key, args, type: result(args), nullable: args[0]!.nullable }),
    render,
  };
}

interface Lambda {
  readonly names: readonly string[];
  readonly body: string;
}

/** The parameters and body of a rendered lambda, to be put into another one. */
function opened(sql: string, expression: Expression | undefined): Lambda {
  const count = expression?.kind === 'lambda' ? expression.parameters.length : 1;
  const head = /^lambda ((?:"(?:[^"]|"")*"(?:, )?)+): /.exec(sql);
  const names = head === null ? [] : (head[1]!.match(/"(?:[^"]|"")*"/g) ?? []);
  return { names: names.slice(0, count), body: sql.slice(head?.[0].length ?? 0) };
}

/** Spark counts from 0, DuckDB from 1. */
function zeroBased(sql: string, expression: Expression | undefined): string {
  const { names, body } = opened(sql, expression);
  if (names.length < 2) return sql;
  return `lambda ${names[0]}, _i: list_transform([CAST(_i - 1 AS INTEGER)], lambda ${names[1]}: ${body})[1]`;
}

const lambdaBody = (arg: Expression | undefined): SparkType =>
  arg?.kind === 'lambda' ? arg.body.type : BOOLEAN;

const overMap = (args: readonly Expression[]): LambdaParameter[] => {
  const { key, value } = entryOf(args[0]);
  return [key, value];
};

/** A lambda over an entry of `map_entries`, its two names bound to the fields. */
function overEntry(sql: string, expression: Expression | undefined): string {
  const { names, body } = opened(sql, expression);
  const inner = names[1] === undefined ? body : `list_transform([_m.value], lambda ${names[1]}: ${body})[1]`;
  return `lambda _m: list_transform([_m.key], lambda ${names[0] ?? '_k'}: ${inner})[1]`;
}

/** `aggregate(list, zero, merge, [finish])`: the accumulator keeps the zero's type, widened to the merge's. */
const fold: Omit<FunctionSpec, 'key'> = {
  kind: 'scalar',
  lambda: (args, index) => {
    const zero = args[1]!;
    const accumulator = index === 3 && args[2]?.kind === 'lambda' ? args[2].body.type : zero.type;
    return index === 3
      ? [{ type: accumulator, nullable: true }]
      : [{ type: accumulator, nullable: true }, elementOf(args[0])];
  },
  bind: (args) => {
    const [list, zero, merge, finish] = args;
    const type = commonType(zero!.type, lambdaBody(merge)) ?? zero!.type;
    const bound = [list!, coerce(zero!, type), merge!, ...(finish === undefined ? [] : [finish])];
    return {
      key: 'aggregate',
      args: bound,
      type: finish === undefined ? type : lambdaBody(finish),
      nullable: true,
    };
  },
  render: ([list, zero, merge, finish], call) => {
    const { names, body } = opened(merge!, call.args[2]);
    const [accumulator, element] = names;
    // list_reduce needs one type for both: elements travel in a struct beside the accumulator.
    const start = `{'a': ${zero}, 'e': NULL}`;
    const items = `list_transform(${list}, lambda _e: {'a': CAST(NULL AS ${duckdbType(call.args[1]!.type)}), 'e': _e})`;
    const step = `list_transform([_x.a], lambda ${accumulator}: list_transform([_y.e], lambda ${element}: ${body})[1])[1]`;
    const total = `list_reduce(list_concat([${start}], ${items}), lambda _x, _y: {'a': ${step}, 'e': _y.e}).a`;
    const guarded = `CASE WHEN ${list} IS NULL THEN NULL ELSE ${total} END`;
    if (finish === undefined) return guarded;
    const last = opened(finish, call.args[3]);
    return bindOnce(last.names[0] ?? '_r', guarded, last.body);
  },
};

export const lambdas = new FunctionFamily()
  .special(
    'transform',
    scalar(
      'transform',
      (args) => arrayOf(lambdaBody(args[1]), args[1]!.nullable),
      ([list, body], call) => `list_transform(${list}, ${zeroBased(body!, call.args[1])})`,
    ),
  )
  .special(
    'filter',
    scalar(
      'filter',
      (args) => args[0]!.type,
      ([list, body], call) => `list_filter(${list}, ${zeroBased(body!, call.args[1])})`,
    ),
  )
  .special(
    'exists',
    scalar(
      'exists',
      () => BOOLEAN,
      ([list, body]) =>
        `CASE WHEN len(${list}) = 0 THEN false ELSE list_aggregate(list_transform(${list}, ${body}), 'bool_or') END`,
    ),
  )
  .special(
    'forall',
    scalar(
      'forall',
      () => BOOLEAN,
      ([list, body]) =>
        `CASE WHEN len(${list}) = 0 THEN true ELSE list_aggregate(list_transform(${list}, ${body}), 'bool_and') END`,
    ),
  )
  .special('aggregate reduce', fold)
  .special(
    'zip_with',
    scalar(
      'zip_with',
      (args) => arrayOf(lambdaBody(args[2])),
      ([a, b, body], call) => {
        const { names, body: merge } = opened(body!, call.args[2]);
        return `list_transform(range(1, greatest(len(${a}), len(${b})) + 1), lambda _z: list_transform([${a}[_z]], lambda ${names[0]}: list_transform([${b}[_z]], lambda ${names[1]}: ${merge})[1])[1])`;
      },
      (args) => [elementOf(args[0]), elementOf(args[1])],
    ),
  )
  .special(
    'transform_values',
    scalar(
      'transform_values',
      ([map, body]) => {
        const { key } = entryOf(map);
        return { kind: 'map', key: key.type, value: lambdaBody(body), valueContainsNull: body!.nullable };
      },
      ([map, body], call) =>
        `map_from_entries(list_zip(map_keys(${map}), list_transform(map_entries(${map}), ${overEntry(body!, call.args[1])})))`,
      overMap,
    ),
  )
  .special(
    'transform_keys',
    scalar(
      'transform_keys',
      ([map, body]) => {
        const { value } = entryOf(map);
        return { kind: 'map', key: lambdaBody(body), value: value.type, valueContainsNull: value.nullable };
      },
      ([map, body], call) =>
        `map_from_entries(list_zip(list_transform(map_entries(${map}), ${overEntry(body!, call.args[1])}), map_values(${map})))`,
      overMap,
    ),
  )
  .special(
    'map_filter',
    scalar(
      'map_filter',
      ([map]) => map!.type,
      ([map, body], call) =>
        `map_from_entries(list_filter(map_entries(${map}), ${overEntry(body!, call.args[1])}))`,
      overMap,
    ),
  );
