import { unsupported } from '../errors.ts';
import type { Expression } from '../expression.ts';
import type { SparkType, StructField } from '../spark-type.ts';
import { INTEGER, NULL, arrayOf } from '../types/coercion.ts';
import {
  FunctionFamily,
  bindOnce,
  firstType,
  wrongType,
  type Bound,
  type FunctionSpec,
} from './function-spec.ts';

function elementOf([list]: readonly Expression[]): SparkType {
  return list!.type.kind === 'array' ? list!.type.element : NULL;
}

function generator(key: string, outer: boolean, positions: boolean): Omit<FunctionSpec, 'key'> {
  return {
    kind: 'generator',
    exact: true,
    bind: ([input]) => {
      if (input === undefined) throw unsupported(`${key} without an argument`);
      return bindGenerator(input, outer, positions);
    },
    render: ([list]) => `unnest(${list})`,
  };
}

function bindGenerator(input: Expression, outer: boolean, positions: boolean): Bound {
  const type = input.type;
  if (type.kind !== 'array' && type.kind !== 'map') throw wrongType('explode', input, 'ARRAY" or "MAP');
  const fields: StructField[] = [];
  if (positions) fields.push({ name: 'pos', type: INTEGER, nullable: outer });
  if (type.kind === 'array') {
    fields.push({ name: 'col', type: type.element, nullable: outer || type.containsNull });
  } else {
    fields.push({ name: 'key', type: type.key, nullable: outer });
    fields.push({ name: 'value', type: type.value, nullable: outer || type.valueContainsNull });
  }
  const single = fields.length === 1;
  const row: SparkType = single ? fields[0]!.type : { kind: 'struct', fields };
  const shape = `$rows_${type.kind}${positions ? '_pos' : ''}${outer ? '_outer' : ''}`;
  const list: Expression = {
    kind: 'call',
    name: shape,
    args: [input],
    type: arrayOf(row, outer),
    nullable: false,
  };
  return {
    key: single ? '$generate' : '$generate_fields',
    args: [list],
    type: row,
    nullable: single ? fields[0]!.nullable : outer,
  };
}

function rowsTemplate(kind: 'array' | 'map', positions: boolean, outer: boolean) {
  return ([input]: readonly string[]): string => {
    const entries = kind === 'map' ? `map_entries(${input})` : input!;
    const fields = kind === 'map' ? `'key': _g.key, 'value': _g.value` : `'col': _g`;
    const rows = positions
      ? `list_transform(${entries}, lambda _g, _i: {'pos': CAST(_i - 1 AS INTEGER), ${fields}})`
      : entries;
    return outer ? bindOnce('_r', rows, `CASE WHEN _r IS NULL OR len(_r) = 0 THEN [NULL] ELSE _r END`) : rows;
  };
}

function listsOf(family: FunctionFamily): FunctionFamily {
  for (const kind of ['array', 'map'] as const) {
    for (const positions of [false, true]) {
      for (const outer of [false, true]) {
        const key = `$rows_${kind}${positions ? '_pos' : ''}${outer ? '_outer' : ''}`;
        family.add(key, 'any', firstType, rowsTemplate(kind, positions, outer), { exact: true });
      }
    }
  }
  return family;
}

/** A list of rows for each row; the analyzer puts the unnesting where the select list has the call. */
export const generators = listsOf(new FunctionFamily())
  .add('$generate $generate_fields', 'any', NULL, 'unnest($1)', { exact: true, kind: 'generator' })
  .special('explode', generator('explode', false, false))
  .special('explode_outer', generator('explode_outer', true, false))
  .special('posexplode', generator('posexplode', false, true))
  .special('posexplode_outer', generator('posexplode_outer', true, true))
  .special('inline', {
    kind: 'generator',
    bind: ([list]) => {
      const element = elementOf([list!]);
      if (element.kind !== 'struct') throw wrongType('inline', list!, 'ARRAY<STRUCT>');
      return { key: '$generate_fields', args: [list!], type: element, nullable: false };
    },
    render: ([list]) => `unnest(${list})`,
  });
