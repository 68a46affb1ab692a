import type { Expression } from '../expression.ts';
import type { SparkType, StructField } from '../spark-type.ts';
import { DOUBLE, LONG, NULL, STRING, arrayOf, commonType } from '../types/coercion.ts';
import { parseSchema, parseType } from '../types/type-parser.ts';
import { QuarryError } from '../../../common/quarry-error.ts';
import { unsupported } from '../errors.ts';
import { literalText } from './function-spec.ts';

/** The schema argument of from_json: DDL, a type, JSON of a DataType, or schema_of_json's answer. Errors: PARSE, UNSUPPORTED. */
export function schemaArgument(arg: Expression): SparkType {
  const literal = arg.kind === 'call' && arg.name === '$same' ? arg.args[0] : arg;
  const text = literalText(literal)?.trim();
  if (text === undefined) throw unsupported('from_json with a schema that is no constant');
  if (text.startsWith('{')) return jsonType(text);
  try {
    return parseType(text);
  } catch (thrown) {
    if (!(thrown instanceof QuarryError)) throw thrown;
    return parseSchema(text);
  }
}

/** The JSON of an array's or a map's type is an object, too. */
function jsonType(text: string): SparkType {
  const schema = parseSchema(text);
  const only = schema.fields[0];
  const isStruct = (JSON.parse(text) as { type?: unknown }).type === 'struct';
  return isStruct || only === undefined ? schema : only.type;
}

/** The type that holds a JSON value: what schema_of_json answers. */
export function inferJsonType(value: unknown): SparkType {
  if (value === null) return NULL;
  if (Array.isArray(value)) {
    const element = value.map(inferJsonType).reduce(widened, NULL);
    return arrayOf(element.kind === 'null' ? STRING : element);
  }
  switch (typeof value) {
    case 'boolean':
      return { kind: 'boolean' };
    case 'number':
      return Number.isInteger(value) ? LONG : DOUBLE;
    case 'object':
      return { kind: 'struct', fields: fieldsOf(value as Record<string, unknown>) };
    default:
      return STRING;
  }
}

function fieldsOf(value: Record<string, unknown>): StructField[] {
  return Object.keys(value)
    .toSorted()
    .map((name) => {
      const type = inferJsonType(value[name]);
      return { name, type: type.kind === 'null' ? STRING : type, nullable: true };
    });
}

function widened(a: SparkType, b: SparkType): SparkType {
  return commonType(a, b) ?? STRING;
}
