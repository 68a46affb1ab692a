import type { SparkType } from '../spark-type.ts';

const DAY_TIME_FIELDS = ['day', 'hour', 'minute', 'second'] as const;
const YEAR_MONTH_FIELDS = ['year', 'month'] as const;

/** Type names where Spark's DDL name is not the kind. */
const NAMES: Partial<Record<SparkType['kind'], string>> = {
  null: 'void',
  byte: 'tinyint',
  short: 'smallint',
  integer: 'int',
  long: 'bigint',
  calendar_interval: 'interval',
};

function intervalName(fields: readonly string[], start: number, end: number): string {
  const from = fields[start] ?? fields[0];
  const to = fields[end] ?? fields.at(-1);
  return from === to ? `interval ${from}` : `interval ${from} to ${to}`;
}

/** Spark's catalog string: `array<struct<a:int,b:decimal(10,2)>>`. It is also what `cast('...')` and schema strings accept. */
export function simpleString(type: SparkType): string {
  switch (type.kind) {
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'array':
      return `array<${simpleString(type.element)}>`;
    case 'map':
      return `map<${simpleString(type.key)},${simpleString(type.value)}>`;
    case 'struct':
      return `struct<${type.fields.map((field) => `${quoteField(field.name)}:${simpleString(field.type)}`).join(',')}>`;
    case 'day_time_interval':
      return intervalName(DAY_TIME_FIELDS, type.start, type.end);
    case 'year_month_interval':
      return intervalName(YEAR_MONTH_FIELDS, type.start, type.end);
    default:
      return NAMES[type.kind] ?? type.kind;
  }
}

/** The upper-case SQL name that error messages and `CAST(x AS ...)` show: `ARRAY<STRUCT<a: INT>>`. */
export function sqlTypeName(type: SparkType): string {
  switch (type.kind) {
    case 'array':
      return `ARRAY<${sqlTypeName(type.element)}>`;
    case 'map':
      return `MAP<${sqlTypeName(type.key)}, ${sqlTypeName(type.value)}>`;
    case 'struct':
      return `STRUCT<${type.fields
        .map(
          (field) =>
            `${quoteField(field.name)}: ${sqlTypeName(field.type)}${field.nullable ? '' : ' NOT NULL'}`,
        )
        .join(', ')}>`;
    default:
      return simpleString(type).toUpperCase();
  }
}

function quoteField(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : `\`${name.replaceAll('`', '``')}\``;
}

const TREE_NAMES: Partial<Record<SparkType['kind'], string>> = { null: 'void' };

function treeName(type: SparkType): string {
  if (type.kind === 'decimal' || type.kind.endsWith('interval')) return simpleString(type);
  return TREE_NAMES[type.kind] ?? type.kind;
}

/** What `df.printSchema()` prints. `depth` bounds nested levels; 0 or undefined shows all. */
export function treeString(type: SparkType, depth = 0): string {
  const lines = ['root'];
  const maximum = depth > 0 ? depth : Number.MAX_SAFE_INTEGER;
  const visit = (child: SparkType, prefix: string, level: number): void => {
    if (level > maximum) return;
    const line = (name: string, inner: SparkType, tail: string): void => {
      lines.push(`${prefix} |-- ${name}: ${treeName(inner)}${tail}`);
      visit(inner, `${prefix} |   `, level + 1);
    };
    if (child.kind === 'struct') {
      for (const field of child.fields) line(field.name, field.type, ` (nullable = ${field.nullable})`);
    } else if (child.kind === 'array') {
      line('element', child.element, ` (containsNull = ${child.containsNull})`);
    } else if (child.kind === 'map') {
      line('key', child.key, '');
      line('value', child.value, ` (valueContainsNull = ${child.valueContainsNull})`);
    }
  };
  visit(type, '', 1);
  return `${lines.join('\n')}\n`;
}
