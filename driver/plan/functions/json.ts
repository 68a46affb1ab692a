import { QuarryError } from '../../../common/quarry-error.ts';
import { analysisError, unsupported } from '../errors.ts';
import type { Expression } from '../expression.ts';
import { renderCast } from '../render/render-cast.ts';
import type { SparkType, StructType } from '../spark-type.ts';
import { INTEGER, NULL, STRING, isIntegral, isTimestamp } from '../types/coercion.ts';
import { duckdbType, quoteIdentifier, quoteText } from '../types/duckdb-type.ts';
import { sqlTypeName } from '../types/simple-string.ts';
import { strftimePattern } from './date-pattern.ts';
import {
  FunctionFamily,
  bindOnce,
  bindSignature,
  literalText,
  raise,
  wrongType,
  type Bound,
  type RenderedCall,
} from './function-spec.ts';
import { inferJsonType, schemaArgument } from './json-schema.ts';

/** Options of from_json that change what is read here; others are refused where they would. */
interface JsonOptions {
  readonly failFast: boolean;
  readonly timestampFormat: string | undefined;
  readonly dateFormat: string | undefined;
  /** The field that keeps a text which cannot be read. */
  readonly corruptField: string;
}

const REFUSED = new Set(
  'allowcomments allowunquotedfieldnames allownumericleadingzeros allowbackslashescapinganycharacter primitivesasstring allowunquotedcontrolchars'.split(
    ' ',
  ),
);

/**
 * The kernel's type that a JSON value of a Spark type is read as, before `jsonValue` makes the value: text for texts and times, the
 * JSON itself where a value of another kind must become null and not be converted.
 */
export function jsonKernelType(type: SparkType): string {
  switch (type.kind) {
    case 'array':
      return `${jsonKernelType(type.element)}[]`;
    case 'map':
      return `MAP(VARCHAR, ${jsonKernelType(type.value)})`;
    case 'struct':
      return `STRUCT(${type.fields.map((field) => `${quoteIdentifier(field.name)} ${jsonKernelType(field.type)}`).join(', ')})`;
    case 'string':
    case 'binary':
    case 'date':
    case 'timestamp':
    case 'timestamp_ntz':
      return 'VARCHAR';
    default:
      return 'JSON';
  }
}

/** SQL of a Spark value from what was read as `jsonKernelType(type)`: null where the JSON value is of another kind. */
export function jsonValue(raw: string, type: SparkType, options: JsonOptions = DEFAULTS, depth = 0): string {
  const target = duckdbType(type);
  const text = `CAST(${raw} AS VARCHAR)`;
  if (isIntegral(type)) {
    // 1.0 and 1e3 are no whole numbers to Spark, and rounded by the kernel: a '?' in their place makes them malformed.
    return `TRY_CAST(translate(${text}, '.eE', '???') AS ${target})`;
  }
  switch (type.kind) {
    case 'string':
      return raw;
    case 'boolean':
      return `CASE ${text} WHEN 'true' THEN true WHEN 'false' THEN false END`;
    case 'float':
    case 'double':
      return `coalesce(TRY_CAST(${text} AS ${target}), TRY_CAST(CASE WHEN ${text} IN ('"NaN"', '"INF"', '"+INF"', '"-INF"', '"Infinity"', '"+Infinity"', '"-Infinity"') THEN trim(${text}, '"') END AS ${target}))`;
    case 'decimal':
      return `TRY_CAST(trim(${text}, '"') AS ${target})`;
    case 'binary':
      return `TRY(from_base64(${raw}))`;
    case 'date':
      return timed(raw, type, options.dateFormat);
    case 'timestamp':
    case 'timestamp_ntz':
      return timed(raw, type, options.timestampFormat);
    case 'array':
      return listOf(raw, type.element, options, depth);
    case 'map':
      return mapOf(raw, type, options, depth);
    case 'struct':
      return structOf(raw, type, options, depth);
    default:
      throw unsupported(`Reading ${sqlTypeName(type)} from JSON`);
  }
}

const DEFAULTS: JsonOptions = {
  failFast: false,
  timestampFormat: undefined,
  dateFormat: undefined,
  corruptField: '_corrupt_record',
};

function timed(raw: string, type: SparkType, pattern: string | undefined): string {
  if (pattern !== undefined) {
    const format = quoteText(strftimePattern(pattern)).replaceAll('%-', '%');
    return `CAST(try_strptime(${raw}, ${format}) AS ${duckdbType(type)})`;
  }
  const parsed = renderCast(raw, STRING, type, true);
  // A number is seconds since 1970.
  return isTimestamp(type)
    ? `coalesce(${parsed}, CAST(to_timestamp(TRY_CAST(${raw} AS BIGINT)) AS ${duckdbType(type)}))`
    : parsed;
}

/** True where values are what was read. */
function isRead(type: SparkType): boolean {
  return type.kind === 'string';
}

function listOf(raw: string, element: SparkType, options: JsonOptions, depth: number): string {
  if (isRead(element)) return raw;
  const item = `_j${depth}`;
  return `list_transform(${raw}, lambda ${item}: ${jsonValue(item, element, options, depth + 1)})`;
}

function mapOf(
  raw: string,
  type: Extract<SparkType, { kind: 'map' }>,
  options: JsonOptions,
  depth: number,
): string {
  if (type.key.kind !== 'string') throw unsupported('Reading a map from JSON whose keys are no texts');
  if (isRead(type.value)) return raw;
  const entry = `_j${depth}`;
  const value = jsonValue(`${entry}."value"`, type.value, options, depth + 1);
  const entries = `list_transform(map_entries(${raw}), lambda ${entry}: struct_pack("key" := ${entry}."key", "value" := ${value}))`;
  return `CASE WHEN ${raw} IS NULL THEN NULL ELSE map_from_entries(${entries}) END`;
}

function structOf(raw: string, type: StructType, options: JsonOptions, depth: number): string {
  const packed = pack(type, (name, field) =>
    jsonValue(`${raw}.${quoteIdentifier(name)}`, field, options, depth),
  );
  return `CASE WHEN ${raw} IS NULL THEN NULL ELSE ${packed} END`;
}

function pack(type: StructType, value: (name: string, type: SparkType) => string): string {
  return `struct_pack(${type.fields.map(({ name, type: field }) => `${quoteIdentifier(name)} := ${value(name, field)}`).join(', ')})`;
}

/** A text that is no JSON gives null fields; a null gives null. */
function renderFromJson([text]: readonly string[], call: RenderedCall): string {
  const options = optionsOf(call.args[1]);
  const { type } = call;
  const isCorrupt = (name: string): boolean => name === options.corruptField;
  const read: SparkType =
    type.kind === 'struct' ? { ...type, fields: type.fields.filter(({ name }) => !isCorrupt(name)) } : type;
  const structure = quoteText(JSON.stringify(jsonKernelType(read)));
  const valid = `json_valid(${text})`;
  const malformed = options.failFast
    ? ` ELSE ${raise('MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION', 'Malformed records are detected in record parsing. Parse Mode: FAILFAST. To process malformed records as null result, try setting the option mode as PERMISSIVE.', '22023')}`
    : '';
  // One value where a list is asked for is a list of one.
  const source =
    type.kind === 'array'
      ? `CASE WHEN json_type(${text}) = 'OBJECT' THEN '[' || ${text} || ']' ELSE ${text} END`
      : text;
  const parsed = `CASE WHEN ${valid} THEN json_transform(${source}, ${structure})${malformed} END`;
  const body =
    type.kind === 'struct'
      ? pack(type, (name, field) =>
          isCorrupt(name)
            ? `CASE WHEN ${valid} THEN NULL ELSE ${text} END`
            : jsonValue(`_j.${quoteIdentifier(name)}`, field, options),
        )
      : jsonValue('_j', type, options);
  return `CASE WHEN ${text} IS NULL THEN NULL ELSE ${bindOnce('_j', parsed, body)} END`;
}

/** Options travel as a map of constants, and go on as one text. */
function optionsOf(arg: Expression | undefined): JsonOptions {
  const text = literalText(arg);
  return text === undefined ? DEFAULTS : { ...DEFAULTS, ...(JSON.parse(text) as Partial<JsonOptions>) };
}

function optionsLiteral(name: string, arg: Expression | undefined): Expression {
  const given = new Map(entriesOf(name, arg).map(([key, value]) => [key.toLowerCase(), value]));
  for (const [key, value] of given) {
    if (REFUSED.has(key) && value.toLowerCase() === 'true') throw unsupported(`The option ${key} of ${name}`);
  }
  const mode = given.get('mode')?.toUpperCase() ?? 'PERMISSIVE';
  if (mode !== 'PERMISSIVE' && mode !== 'FAILFAST') {
    throw analysisError(
      'PARSE_MODE_UNSUPPORTED',
      `The function \`${name}\` doesn't support the ${mode} mode. Acceptable modes are PERMISSIVE and FAILFAST.`,
    );
  }
  const options = {
    failFast: mode === 'FAILFAST',
    ...pick('timestampFormat', given.get('timestampformat')),
    ...pick('dateFormat', given.get('dateformat')),
    ...pick('corruptField', given.get('columnnameofcorruptrecord')),
  };
  return { kind: 'literal', value: JSON.stringify(options), type: STRING, nullable: false };
}

function pick(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}

function entriesOf(name: string, arg: Expression | undefined): [string, string][] {
  if (arg === undefined) return [];
  if (arg.kind === 'literal' && Array.isArray(arg.value)) {
    return (arg.value as [string, string][]).map(([key, value]) => [String(key), String(value)]);
  }
  if (arg.kind !== 'call' || arg.name !== 'map')
    throw unsupported(`${name} with options that are no constant map`);
  const texts = arg.args.map(literalText);
  if (texts.includes(undefined)) throw unsupported(`${name} with options that are no constants`);
  return Array.from({ length: texts.length / 2 }, (_, index) => [texts[index * 2]!, texts[index * 2 + 1]!]);
}

/** Everything that comes out of a text may be missing. */
function allNullable(type: SparkType): SparkType {
  switch (type.kind) {
    case 'struct':
      return {
        kind: 'struct',
        fields: type.fields.map(({ name, type: field }) => ({
          name,
          type: allNullable(field),
          nullable: true,
        })),
      };
    case 'array':
      return { kind: 'array', element: allNullable(type.element), containsNull: true };
    case 'map':
      return { ...type, value: allNullable(type.value), valueContainsNull: true };
    default:
      return type;
  }
}

function bindFromJson(given: readonly Expression[]): Bound {
  const [text, schema] = bindSignature('from_json', 'string any any?', given);
  const type = allNullable(schemaArgument(schema!));
  if (type.kind !== 'struct' && type.kind !== 'array' && type.kind !== 'map') {
    throw analysisError(
      'DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE',
      `Cannot resolve "from_json" due to data type mismatch: the schema must be a struct, an array or a map, not "${sqlTypeName(type)}".`,
    );
  }
  return { key: '$from_json', args: [text!, optionsLiteral('from_json', given[2])], type, nullable: true };
}

/** JSON text of a value; `null` inside lists and maps, and a struct's null fields left out, as Spark writes them. */
function toJson(value: string, type: SparkType, depth = 0): string {
  const item = `_t${depth}`;
  const inner = (element: SparkType, each: string): string =>
    `coalesce(${toJson(each, element, depth + 1)}, 'null')`;
  switch (type.kind) {
    case 'struct': {
      const fields = type.fields.map(({ name, type: field }) => {
        const key = quoteText(`${JSON.stringify(name)}:`);
        return `${key} || ${toJson(`${value}.${quoteIdentifier(name)}`, field, depth)}`;
      });
      const body = fields.length === 0 ? `''` : `concat_ws(',', ${fields.join(', ')})`;
      return `CASE WHEN ${value} IS NULL THEN NULL ELSE '{' || ${body} || '}' END`;
    }
    case 'array':
      return `('[' || array_to_string(list_transform(${value}, lambda ${item}: ${inner(type.element, item)}), ',') || ']')`;
    case 'map': {
      const key = `to_json(${renderCast(`${item}."key"`, type.key, STRING, false)})`;
      const entry = `${key} || ':' || ${inner(type.value, `${item}."value"`)}`;
      return `('{' || array_to_string(list_transform(map_entries(${value}), lambda ${item}: ${entry}), ',') || '}')`;
    }
    case 'boolean':
      return `CAST(${value} AS VARCHAR)`;
    case 'double':
    case 'float': {
      const text = renderCast(value, type, STRING, false);
      return `CASE WHEN isfinite(${value}) THEN ${text} ELSE '"' || ${text} || '"' END`;
    }
    case 'timestamp':
    case 'timestamp_ntz':
      return jsonTime(value, type);
    case 'binary':
      return `'"' || to_base64(${value}) || '"'`;
    case 'string':
      return `CAST(to_json(${value}) AS VARCHAR)`;
    default:
      return isIntegral(type) || type.kind === 'decimal'
        ? `CAST(${value} AS VARCHAR)`
        : `'"' || ${renderCast(value, type, STRING, false)} || '"'`;
  }
}

/** yyyy-MM-dd'T'HH:mm:ss.SSSXXX in the session's zone; zoneless times have no offset. */
function jsonTime(value: string, type: SparkType): string {
  const local = `strftime(CAST(${value} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%g')`;
  if (type.kind === 'timestamp_ntz') return `'"' || ${local} || '"'`;
  const minutes = `CAST(round((epoch_us(CAST(${value} AS TIMESTAMP)) - epoch_us(${value})) / 60000000) AS INTEGER)`;
  const offset = `CASE WHEN ${minutes} = 0 THEN 'Z' ELSE printf('%s%02d:%02d', CASE WHEN ${minutes} < 0 THEN '-' ELSE '+' END, abs(${minutes}) // 60, abs(${minutes}) % 60) END`;
  return `'"' || ${local} || ${offset} || '"'`;
}

function bindToJson(given: readonly Expression[]): Bound {
  const [value] = bindSignature('to_json', 'any any?', given);
  if (!['struct', 'array', 'map'].includes(value!.type.kind))
    throw wrongType('to_json', value!, 'STRUCT" or "ARRAY" or "MAP');
  if (entriesOf('to_json', given[1]).length > 0) throw unsupported('Options of to_json');
  return { key: '$to_json', args: [value!], type: STRING, nullable: value!.nullable };
}

/** The kernel raises an error at a text that is no JSON. */
function path([text, where]: readonly string[]): string {
  return `CASE WHEN json_valid(${text}) THEN json_extract_string(${text}, ${where}) END`;
}

function bindJsonTuple(given: readonly Expression[]): Bound {
  const args = bindSignature('json_tuple', 'string string ...string', given);
  const fields = args.slice(1).map((_, index) => ({ name: `c${index}`, type: STRING, nullable: true }));
  const type: SparkType = { kind: 'struct', fields };
  const list: Expression = {
    kind: 'call',
    name: '$json_tuple',
    args,
    type: { kind: 'array', element: type, containsNull: false },
    nullable: false,
  };
  return { key: '$generate_fields', args: [list], type, nullable: false };
}

function bindSchemaOfJson(given: readonly Expression[]): Bound {
  const [text] = bindSignature('schema_of_json', 'string any?', given);
  const json = literalText(text);
  if (json === undefined) throw unsupported('schema_of_json of a text that is no constant');
  const value = sqlTypeName(inferJsonType(parsed(json)));
  const literal: Expression = { kind: 'literal', value, type: STRING, nullable: false };
  return { key: '$same', args: [literal], type: STRING, nullable: false };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new QuarryError('BAD_DATA', `schema_of_json: not JSON: ${json.slice(0, 100)}`, { cause });
  }
}

const generate = ([list]: readonly string[]): string => `unnest(${list})`;
const same = ([value]: readonly string[]): string => value!;

export const json = new FunctionFamily()
  .special('from_json', { kind: 'scalar', bind: bindFromJson, render: same })
  .add('$from_json', 'any any', NULL, renderFromJson, { exact: true })
  .add('$json_value', 'any', NULL, ([raw], call) => jsonValue(raw!, call.type), { exact: true })
  .special('to_json', { kind: 'scalar', bind: bindToJson, render: same })
  .add('$to_json', 'any', STRING, ([value], call) => toJson(value!, call.args[0]!.type), { exact: true })
  .special('schema_of_json', { kind: 'scalar', bind: bindSchemaOfJson, render: same })
  .special('json_tuple', { kind: 'generator', bind: bindJsonTuple, render: generate })
  .add(
    '$json_tuple',
    'string string ...string',
    NULL,
    ([text, ...names]) =>
      `[struct_pack(${names.map((name, index) => `c${index} := ${path([text!, `'$.' || '"' || ${name} || '"'`])}`).join(', ')})]`,
    { exact: true },
  )
  .add('get_json_object', 'string string', STRING, path, { nullable: 'always' })
  .add(
    'json_array_length',
    'string',
    INTEGER,
    `CASE WHEN json_type(TRY_CAST($1 AS JSON)) = 'ARRAY' THEN json_array_length($1) END`,
    {
      nullable: 'always',
    },
  )
  .add(
    'json_object_keys',
    'string',
    { kind: 'array', element: STRING, containsNull: true },
    `CASE WHEN json_type(TRY_CAST($1 AS JSON)) = 'OBJECT' THEN json_keys($1) END`,
    {
      nullable: 'always',
    },
  );
