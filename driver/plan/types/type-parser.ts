import { QuarryError } from '../../../common/quarry-error.ts';
import type { SparkType, StructField, StructType } from '../spark-type.ts';

/** Names of atomic types in DDL and in JSON schemas. */
const ATOMIC: Readonly<Record<string, SparkType>> = {
  void: { kind: 'null' },
  null: { kind: 'null' },
  boolean: { kind: 'boolean' },
  byte: { kind: 'byte' },
  tinyint: { kind: 'byte' },
  short: { kind: 'short' },
  smallint: { kind: 'short' },
  int: { kind: 'integer' },
  integer: { kind: 'integer' },
  long: { kind: 'long' },
  bigint: { kind: 'long' },
  float: { kind: 'float' },
  real: { kind: 'float' },
  double: { kind: 'double' },
  string: { kind: 'string' },
  binary: { kind: 'binary' },
  date: { kind: 'date' },
  timestamp: { kind: 'timestamp' },
  timestamp_ltz: { kind: 'timestamp' },
  timestamp_ntz: { kind: 'timestamp_ntz' },
  variant: { kind: 'string' },
};
const DAY_TIME = ['day', 'hour', 'minute', 'second'];
const YEAR_MONTH = ['year', 'month'];

function syntaxError(text: string, at: string): QuarryError {
  return new QuarryError(
    'PARSE',
    `[PARSE_SYNTAX_ERROR] Syntax error at or near '${at || 'end of input'}' in the type '${text}'. SQLSTATE: 42601`,
    {
      details: { errorClass: 'PARSE_SYNTAX_ERROR', sqlState: '42601' },
    },
  );
}

class TypeParser {
  private readonly text: string;
  private readonly tokens: string[];
  private next = 0;

  constructor(text: string) {
    this.text = text;
    this.tokens = text.match(/`(?:[^`]|``)*`|'(?:[^'\\]|\\.)*'|[\p{L}\p{N}_]+|[^\s]/gu) ?? [];
  }

  private peek(): string {
    return this.tokens[this.next] ?? '';
  }

  private take(expected?: string): string {
    const token = this.peek();
    if (token === '' || (expected !== undefined && token.toLowerCase() !== expected)) {
      throw syntaxError(this.text, token);
    }
    this.next += 1;
    return token;
  }

  private accept(word: string): boolean {
    if (this.peek().toLowerCase() !== word) return false;
    this.next += 1;
    return true;
  }

  atEnd(): boolean {
    return this.next >= this.tokens.length;
  }

  expectEnd(): void {
    if (!this.atEnd()) throw syntaxError(this.text, this.peek());
  }

  type(): SparkType {
    const name = this.take().toLowerCase();
    switch (name) {
      case 'decimal':
      case 'dec':
      case 'numeric':
        return this.decimal();
      case 'char':
      case 'varchar':
      case 'character':
        this.numbers();
        return { kind: 'string' };
      case 'array':
        return this.array();
      case 'map':
        return this.map();
      case 'struct':
        return this.struct();
      case 'interval':
        return this.interval();
      case 'timestamp':
        return this.zonedTimestamp();
      default: {
        const type = ATOMIC[name];
        if (type === undefined) throw unsupportedType(name);
        if (name === 'string' && this.accept('collate')) this.take();
        return type;
      }
    }
  }

  private zonedTimestamp(): SparkType {
    if (this.accept('without')) {
      this.take('time');
      this.take('zone');
      return { kind: 'timestamp_ntz' };
    }
    return { kind: 'timestamp' };
  }

  private numbers(): number[] {
    const values: number[] = [];
    if (!this.accept('(')) return values;
    do values.push(Number(this.take()));
    while (this.accept(','));
    this.take(')');
    return values;
  }

  private decimal(): SparkType {
    const [precision = 10, scale = 0] = this.numbers();
    if (precision < 1 || precision > 38 || scale < 0 || scale > precision) {
      throw new QuarryError(
        'ANALYSIS',
        `decimal(${precision},${scale}) needs a precision of 1 to 38 and a scale within it`,
        {
          details: { errorClass: 'DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION', sqlState: '22003' },
        },
      );
    }
    return { kind: 'decimal', precision, scale };
  }

  private array(): SparkType {
    this.take('<');
    const element = this.type();
    this.take('>');
    return { kind: 'array', element, containsNull: true };
  }

  private map(): SparkType {
    this.take('<');
    const key = this.type();
    this.take(',');
    const value = this.type();
    this.take('>');
    return { kind: 'map', key, value, valueContainsNull: true };
  }

  private struct(): StructType {
    this.take('<');
    const fields = this.accept('>') ? [] : this.fields('>');
    return { kind: 'struct', fields };
  }

  fields(end: '>' | ''): StructField[] {
    const fields: StructField[] = [];
    do fields.push(this.field());
    while (this.accept(','));
    if (end === '>') this.take('>');
    return fields;
  }

  private field(): StructField {
    const raw = this.take();
    const name = raw.startsWith('`') ? raw.slice(1, -1).replaceAll('``', '`') : raw;
    this.accept(':');
    const type = this.type();
    let nullable = true;
    if (this.accept('not')) {
      this.take('null');
      nullable = false;
    }
    if (this.accept('comment')) this.take();
    return { name, type, nullable };
  }

  private interval(): SparkType {
    if (!DAY_TIME.includes(this.peek().toLowerCase()) && !YEAR_MONTH.includes(this.peek().toLowerCase())) {
      return { kind: 'calendar_interval' };
    }
    const from = this.take().toLowerCase();
    const to = this.accept('to') ? this.take().toLowerCase() : from;
    const yearly = YEAR_MONTH.includes(from);
    const units = yearly ? YEAR_MONTH : DAY_TIME;
    return {
      kind: yearly ? 'year_month_interval' : 'day_time_interval',
      start: units.indexOf(from),
      end: units.indexOf(to),
    };
  }
}

function unsupportedType(name: string): QuarryError {
  return new QuarryError(
    'PARSE',
    `[UNSUPPORTED_DATATYPE] Unsupported data type "${name.toUpperCase()}". SQLSTATE: 0A000`,
    {
      details: { errorClass: 'UNSUPPORTED_DATATYPE', sqlState: '0A000' },
    },
  );
}

/** Reads one type: `decimal(10,2)`, `array<int>`. Throws PARSE. */
export function parseType(text: string): SparkType {
  const parser = new TypeParser(text);
  const type = parser.type();
  parser.expectEnd();
  return type;
}

/** Reads a schema string, `a INT, b STRING NOT NULL` or `struct<...>`; a lone type becomes the field `value`. Throws PARSE. */
export function parseSchema(text: string): StructType {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) {
    const type = fromJsonSchema(JSON.parse(trimmed));
    return type.kind === 'struct'
      ? type
      : { kind: 'struct', fields: [{ name: 'value', type, nullable: true }] };
  }
  try {
    const parser = new TypeParser(text);
    const fields = parser.fields('');
    parser.expectEnd();
    return { kind: 'struct', fields };
  } catch (error) {
    // A lone type has no field name, so only the second reading can tell; its own failure would hide the first one.
    const type = tryParseType(text);
    if (type === undefined) throw error;
    return type.kind === 'struct'
      ? type
      : { kind: 'struct', fields: [{ name: 'value', type, nullable: true }] };
  }
}

function tryParseType(text: string): SparkType | undefined {
  try {
    return parseType(text);
  } catch (error) {
    if (error instanceof QuarryError) return undefined;
    throw error;
  }
}

interface JsonType {
  readonly type?: unknown;
  readonly fields?: readonly { readonly name: string; readonly type: unknown; readonly nullable?: boolean }[];
  readonly elementType?: unknown;
  readonly containsNull?: boolean;
  readonly keyType?: unknown;
  readonly valueType?: unknown;
  readonly valueContainsNull?: boolean;
  readonly sqlType?: unknown;
}

/** Reads the value of Spark's `schema.json()`. */
export function fromJsonSchema(json: unknown): SparkType {
  if (typeof json === 'string') return parseType(json);
  const node = json as JsonType;
  switch (node.type) {
    case 'struct':
      return {
        kind: 'struct',
        fields: (node.fields ?? []).map((field) => ({
          name: field.name,
          type: fromJsonSchema(field.type),
          nullable: field.nullable ?? true,
        })),
      };
    case 'array':
      return {
        kind: 'array',
        element: fromJsonSchema(node.elementType),
        containsNull: node.containsNull ?? true,
      };
    case 'map':
      return {
        kind: 'map',
        key: fromJsonSchema(node.keyType),
        value: fromJsonSchema(node.valueType),
        valueContainsNull: node.valueContainsNull ?? true,
      };
    case 'udt':
      return fromJsonSchema(node.sqlType);
    default:
      throw syntaxError(JSON.stringify(json), String(node.type));
  }
}
