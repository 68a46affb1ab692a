import type { SparkType, StructField } from '../plan/spark-type.ts';

export const NULL_PARTITION = '__HIVE_DEFAULT_PARTITION__';

/** Names and values of `key=value` directories between `base` and the file, outermost first. */
export function partitionValuesOf(base: string, path: string): Map<string, string | null> {
  const values = new Map<string, string | null>();
  const relative = path.startsWith(base) ? path.slice(base.length) : path;
  for (const name of relative.split('/').slice(0, -1)) {
    const at = name.indexOf('=');
    if (at < 1) continue;
    const value = unescapePath(name.slice(at + 1));
    values.set(unescapePath(name.slice(0, at)), value === NULL_PARTITION ? null : value);
  }
  return values;
}

function unescapePath(text: string): string {
  return text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** A partition column of the narrowest type that all its values have. */
export function inferPartitionColumn(name: string, values: readonly (string | null)[]): StructField {
  const present = values.filter((value) => value !== null);
  const type =
    present.length === 0 ? undefined : CANDIDATES.find(({ accepts }) => present.every(accepts))?.type;
  return { name, type: type ?? { kind: 'string' }, nullable: true };
}

const CANDIDATES: readonly { readonly type: SparkType; readonly accepts: (value: string) => boolean }[] = [
  { type: { kind: 'integer' }, accepts: (value) => isInteger(value, 31n) },
  { type: { kind: 'long' }, accepts: (value) => isInteger(value, 63n) },
  { type: { kind: 'double' }, accepts: (value) => /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value) },
  { type: { kind: 'date' }, accepts: (value) => /^\d{4}-\d{2}-\d{2}$/.test(value) && isDate(value) },
  {
    type: { kind: 'timestamp' },
    accepts: (value) => /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d{1,6})?$/.test(value),
  },
];

function isInteger(value: string, bits: bigint): boolean {
  if (!/^[+-]?\d{1,19}$/.test(value)) return false;
  const number = BigInt(value.replace('+', ''));
  return number < 1n << bits && number >= -(1n << bits);
}

function isDate(value: string): boolean {
  const date = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value);
}
