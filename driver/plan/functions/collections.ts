import { analysisError } from '../errors.ts';
import type { Expression } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import { BOOLEAN, INTEGER, LONG, NULL, STRING, arrayOf, commonType } from '../types/coercion.ts';
import { duckdbType, quoteIdentifier } from '../types/duckdb-type.ts';
import { sqlTypeName } from '../types/simple-string.ts';
import { ZERO_INDEX, insertedAt } from './array-insert.ts';
import {
  FunctionFamily,
  bindOnce,
  coerce,
  firstType,
  literalText,
  raise,
  unify,
  wrongType,
  type Bound,
  type FunctionSpec,
} from './function-spec.ts';

function elementOf([list]: readonly Expression[]): SparkType {
  return list!.type.kind === 'array' ? list!.type.element : NULL;
}

function fieldName(arg: Expression | undefined): string {
  return quoteIdentifier(literalText(arg) ?? '');
}

function namedPairs(args: readonly string[], names: readonly Expression[]): string {
  const pairs: string[] = [];
  for (let index = 0; index + 1 < args.length; index += 2) {
    pairs.push(`${fieldName(names[index])} := ${args[index + 1]}`);
  }
  return pairs.length === 0 ? `struct_pack("_" := 0)` : `struct_pack(${pairs.join(', ')})`;
}

const OUT_OF_BOUNDS = raise(
  'INVALID_ARRAY_INDEX',
  'The index is out of bounds of the array. Use the SQL function `get()` to tolerate accessing element at invalid index and return NULL instead.',
  '22003',
);
const OUT_OF_BOUNDS_ELEMENT = raise(
  'INVALID_ARRAY_INDEX_IN_ELEMENT_AT',
  'The index is out of bounds of the array. Use `try_element_at` to tolerate accessing element at invalid index and return NULL instead.',
  '22003',
);

/** Both sides of a set operation on arrays, of one element type. */
function bindArrays(key: string, result: (type: SparkType, args: readonly Expression[]) => SparkType) {
  return (args: readonly Expression[]): Bound => {
    const unified = unify(key, args);
    const type = unified[0]!.type;
    if (type.kind !== 'array') throw wrongType(key, unified[0]!, 'ARRAY');
    return { key, args: unified, type: result(type, unified), nullable: unified.some((arg) => arg.nullable) };
  };
}

/** An array and a value of its element type. */
function bindElement(key: string, result: (type: SparkType) => SparkType): FunctionSpec['bind'] {
  return (args) => {
    const [list, value, ...rest] = args;
    if (list === undefined || value === undefined) {
      throw analysisError(
        'WRONG_NUM_ARGS.WITHOUT_SUGGESTION',
        `The \`${key}\` requires 2 parameters but the actual number is ${args.length}.`,
      );
    }
    if (list.type.kind !== 'array') throw wrongType(key, list, 'ARRAY');
    const element = commonType(list.type.element, value.type);
    if (element === undefined) throw wrongType(key, value, sqlTypeName(list.type.element));
    const type = arrayOf(element, list.type.containsNull);
    return {
      key,
      args: [coerce(list, type), coerce(value, element), ...rest.map((arg) => coerce(arg, element))],
      type: result(type),
      nullable: list.nullable || value.nullable,
    };
  };
}

function elementFunction(
  key: string,
  result: (type: SparkType) => SparkType,
  template: (args: readonly string[]) => string,
): Omit<FunctionSpec, 'key'> {
  return { kind: 'scalar', bind: bindElement(key, result), render: template };
}

const mapType = (args: readonly Expression[]): Extract<SparkType, { kind: 'map' }> => {
  const type = args[0]!.type;
  if (type.kind !== 'map') throw wrongType('map', args[0]!, 'MAP');
  return type;
};

function bindMap(args: readonly Expression[]): Bound {
  const keys = unify(
    'map',
    args.filter((_, index) => index % 2 === 0),
  );
  const values = unify(
    'map',
    args.filter((_, index) => index % 2 === 1),
  );
  const type: SparkType = {
    kind: 'map',
    key: keys[0]?.type ?? STRING,
    value: values[0]?.type ?? STRING,
    valueContainsNull: values.some((value) => value.nullable),
  };
  return { key: 'map', args: keys.flatMap((key, index) => [key, values[index]!]), type, nullable: false };
}

const keepFirst = (list: string): string =>
  bindOnce(
    '_l',
    list,
    `list_filter(_l, lambda _x, _i: list_position(_l, _x) IS NOT DISTINCT FROM CAST(_i AS INTEGER))`,
  );

const holdsNull = (list: string): string => `len(list_filter(${list}, lambda _x: _x IS NULL)) > 0`;

export const collections = new FunctionFamily()
  .add('$field', 'any any', NULL, ([struct], call) => `${struct}.${fieldName(call.args[1])}`, { exact: true })
  .add(
    '$array_field',
    'any any',
    NULL,
    ([list], call) => `list_transform(${list}, lambda _f: _f.${fieldName(call.args[1])})`,
  )
  .add('$struct', '...any', NULL, (args, call) => namedPairs(args, call.args), {
    nullable: 'never',
    exact: true,
  })
  .add('$list', '...any', NULL, '[$*]', { nullable: 'never' })
  .add(
    '$array_item',
    'any any',
    elementOf,
    ([list, index]) =>
      `CASE WHEN ${index} < 0 OR ${index} >= len(${list}) THEN ${OUT_OF_BOUNDS} ELSE ${list}[${index} + 1] END`,
  )
  .add(
    '$try_array_item',
    'any any',
    elementOf,
    ([list, index]) => `CASE WHEN ${index} < 0 THEN NULL ELSE ${list}[${index} + 1] END`,
  )
  .add('$map_value', 'any any', NULL, '$1[$2]')
  .special('array', {
    kind: 'scalar',
    bind: (args) => {
      const unified = unify('array', args);
      const containsNull = unified.some((arg) => arg.nullable);
      return {
        key: 'array',
        args: unified,
        type: arrayOf(unified[0]?.type ?? NULL, containsNull),
        nullable: false,
      };
    },
    render: (args) => `[${args.join(', ')}]`,
  })
  .special('map create_map', {
    kind: 'scalar',
    bind: bindMap,
    render: (args, call) => {
      const entries: string[] = [];
      for (let index = 0; index + 1 < args.length; index += 2)
        entries.push(`(${args[index]}, ${args[index + 1]})`);
      return entries.length === 0
        ? `CAST(map([], []) AS ${duckdbType(call.type)})`
        : `map_from_entries([${entries.join(', ')}])`;
    },
  })
  .add(
    'map_from_arrays',
    'array array',
    ([k, v]) => ({ kind: 'map', key: elementOf([k!]), value: elementOf([v!]), valueContainsNull: true }),
    'map($1, $2)',
  )
  .add(
    'map_from_entries',
    'array',
    (args) => {
      const entry = elementOf(args);
      if (entry.kind !== 'struct' || entry.fields.length !== 2)
        throw wrongType('map_from_entries', args[0]!, 'ARRAY<STRUCT>');
      return {
        kind: 'map',
        key: entry.fields[0]!.type,
        value: entry.fields[1]!.type,
        valueContainsNull: true,
      };
    },
    'map_from_entries($1)',
  )
  .add('map_keys', 'map', (args) => arrayOf(mapType(args).key, false), 'map_keys($1)')
  .add(
    'map_values',
    'map',
    (args) => arrayOf(mapType(args).value, mapType(args).valueContainsNull),
    'map_values($1)',
  )
  .add(
    'map_entries',
    'map',
    (args) =>
      arrayOf(
        {
          kind: 'struct',
          fields: [
            { name: 'key', type: mapType(args).key, nullable: false },
            { name: 'value', type: mapType(args).value, nullable: true },
          ],
        },
        false,
      ),
    'map_entries($1)',
  )
  .add('map_concat', '...map', firstType, 'map_concat($*)')
  .add('map_contains_key', 'map any', BOOLEAN, 'list_contains(map_keys($1), $2)')
  .add('size cardinality', 'collection', INTEGER, ([input], call) =>
    call.args[0]!.type.kind === 'map' ? `cardinality(${input})` : `len(${input})`,
  )
  .add('array_size', 'array', INTEGER, 'len($1)')
  .special(
    'array_contains',
    elementFunction(
      'array_contains',
      () => BOOLEAN,
      ([list, value]) =>
        `CASE WHEN list_contains(${list}, ${value}) THEN true WHEN ${list} IS NULL OR ${value} IS NULL OR len(list_filter(${list}, lambda _n: _n IS NULL)) > 0 THEN NULL ELSE false END`,
    ),
  )
  .special(
    'array_position',
    elementFunction(
      'array_position',
      () => LONG,
      ([list, value]) =>
        `CASE WHEN ${list} IS NULL OR ${value} IS NULL THEN NULL ELSE coalesce(list_position(${list}, ${value}), 0) END`,
    ),
  )
  .special(
    'array_remove',
    elementFunction(
      'array_remove',
      (type) => type,
      ([list, value]) =>
        `CASE WHEN ${value} IS NULL THEN NULL ELSE list_filter(${list}, lambda _x: _x IS NULL OR _x <> ${value}) END`,
    ),
  )
  .special(
    'array_append',
    elementFunction(
      'array_append',
      (type) => type,
      ([list, value]) => `CASE WHEN ${list} IS NULL THEN NULL ELSE list_append(${list}, ${value}) END`,
    ),
  )
  .special(
    'array_prepend',
    elementFunction(
      'array_prepend',
      (type) => type,
      ([list, value]) => `CASE WHEN ${list} IS NULL THEN NULL ELSE list_prepend(${value}, ${list}) END`,
    ),
  )
  .special('array_union', {
    kind: 'scalar',
    bind: bindArrays('array_union', (type) => type),
    render: ([a, b]) => keepFirst(`list_concat(${a}, ${b})`),
  })
  .special('array_intersect', {
    kind: 'scalar',
    bind: bindArrays('array_intersect', (type) => type),
    render: ([a, b]) => keepFirst(`list_filter(${a}, lambda _y: list_position(${b}, _y) IS NOT NULL)`),
  })
  .special('array_except', {
    kind: 'scalar',
    bind: bindArrays('array_except', (type) => type),
    render: ([a, b]) => keepFirst(`list_filter(${a}, lambda _y: list_position(${b}, _y) IS NULL)`),
  })
  .special('arrays_overlap', {
    kind: 'scalar',
    bind: (args) => ({ ...bindArrays('arrays_overlap', () => BOOLEAN)(args), nullable: true }),
    // Without a common value, a null might have been one.
    render: ([a, b]) =>
      `CASE WHEN list_has_any(${a}, ${b}) THEN true WHEN ${a} IS NULL OR ${b} IS NULL THEN NULL WHEN len(${a}) > 0 AND len(${b}) > 0 AND (${holdsNull(a!)} OR ${holdsNull(b!)}) THEN NULL ELSE false END`,
  })
  .add('array_distinct', 'array', firstType, ([list]) => keepFirst(list!))
  .add(
    'array_compact',
    'array',
    (args) => arrayOf(elementOf(args), false),
    'list_filter($1, lambda _x: _x IS NOT NULL)',
  )
  .add('array_max', 'array', elementOf, 'list_max($1)', { nullable: 'always' })
  .add('array_min', 'array', elementOf, 'list_min($1)', { nullable: 'always' })
  .add(
    'array_join',
    'array string string?',
    STRING,
    ([list, separator, hole]) =>
      `array_to_string(list_transform(${hole === undefined ? `list_filter(${list}, lambda _x: _x IS NOT NULL)` : list}, lambda _x: coalesce(CAST(_x AS VARCHAR), ${hole ?? 'NULL'})), ${separator})`,
  )
  .add(
    'array_repeat',
    'any int',
    (args) => arrayOf(args[0]!.type, args[0]!.nullable),
    `list_transform(range(greatest($2, 0)), lambda _x: $1)`,
  )
  .add('array_sort', 'array', firstType, `list_sort($1, 'ASC', 'NULLS LAST')`)
  .add('sort_array', 'array boolean?', firstType, (args, call) =>
    literalText(call.args[1]) === 'false'
      ? `list_sort(${args[0]}, 'DESC', 'NULLS LAST')`
      : `list_sort(${args[0]}, 'ASC', 'NULLS FIRST')`,
  )
  .add(
    'slice',
    'array int int',
    firstType,
    ([list, start, length]) =>
      `CASE WHEN ${start} > 0 THEN list_slice(${list}, ${start}, ${start} + ${length} - 1) ELSE list_slice(${list}, len(${list}) + ${start} + 1, len(${list}) + ${start} + ${length}) END`,
  )
  .add(
    'flatten',
    'array',
    elementOf,
    `CASE WHEN len(list_filter($1, lambda _x: _x IS NULL)) > 0 THEN NULL ELSE flatten($1) END`,
  )
  .add(
    'sequence',
    'any any any?',
    (args) => arrayOf(args[0]!.type, false),
    ([start, stop, step], call) => {
      if (call.args[0]!.type.kind === 'date')
        return `list_transform(generate_series(CAST(${start} AS TIMESTAMP), CAST(${stop} AS TIMESTAMP), ${step ?? 'to_days(1)'}), lambda _x: CAST(_x AS DATE))`;
      if (call.args[0]!.type.kind.startsWith('timestamp'))
        return `generate_series(${start}, ${stop}, ${step ?? 'to_days(1)'})`;
      return `generate_series(${start}, ${stop}, ${step ?? `CASE WHEN ${start} <= ${stop} THEN 1 ELSE -1 END`})`;
    },
  )
  .add(
    'element_at',
    'collection any',
    (args) => (args[0]!.type.kind === 'map' ? mapType(args).value : elementOf(args)),
    ([input, key], call) =>
      call.args[0]!.type.kind === 'map'
        ? `${input}[${key}]`
        : `CASE WHEN ${key} = 0 THEN ${ZERO_INDEX} WHEN abs(${key}) > len(${input}) THEN ${OUT_OF_BOUNDS_ELEMENT} ELSE ${input}[${key}] END`,
    { nullable: 'always' },
  )
  .add(
    'try_element_at',
    'collection any',
    (args) => (args[0]!.type.kind === 'map' ? mapType(args).value : elementOf(args)),
    '$1[$2]',
    { nullable: 'always' },
  )
  .add('get', 'array int', elementOf, `CASE WHEN $2 < 0 THEN NULL ELSE $1[$2 + 1] END`, {
    nullable: 'always',
  })
  .add(
    'arrays_zip',
    '...array',
    (args) =>
      arrayOf(
        {
          kind: 'struct',
          fields: args.map((arg, index) => ({ name: String(index), type: elementOf([arg]), nullable: true })),
        },
        false,
      ),
    (args, call) => {
      const fields = call.args.map((_, index) => `${quoteIdentifier(String(index))} := ${args[index]}[_z]`);
      return `list_transform(range(1, greatest(${args.map((arg) => `len(${arg})`).join(', ')}) + 1), lambda _z: struct_pack(${fields.join(', ')}))`;
    },
  )
  .add(
    'array_insert',
    'array int any',
    (args) => arrayOf(elementOf(args), true),
    ([list, position, value], call) =>
      insertedAt(list!, position!, `CAST(${value} AS ${duckdbType(elementOf(call.args))})`),
  );
