import { unsupported } from '../plan/errors.ts';
import type { SparkType } from '../plan/spark-type.ts';
import { parseType } from '../plan/types/type-parser.ts';

interface TypeNode {
  readonly data_type?: string;
  readonly name?: string;
  readonly precision?: number | null;
  readonly scale?: number | null;
  readonly element_type?: TypeNode;
  readonly key_type?: TypeNode;
  readonly value_type?: TypeNode;
  readonly fields?: readonly { readonly name: string; readonly data_type: TypeNode }[];
  readonly unit?: string | null;
  readonly to?: string | null;
  readonly real_spelling?: boolean;
}

const NAMES: Readonly<Record<string, string>> = {
  tiny_int: 'tinyint',
  small_int: 'smallint',
  int: 'int',
  big_int: 'bigint',
  text: 'string',
  var_char: 'string',
  char: 'string',
  var_binary: 'binary',
  blob: 'binary',
  bool: 'boolean',
  TIMESTAMPNTZ: 'timestamp_ntz',
  TIMESTAMPLTZ: 'timestamp',
  timestamp_tz: 'timestamp',
};

/** A type in CAST. Throws PARSE for a name that is no type. */
export function convertType(value: unknown): SparkType {
  const node = value as TypeNode;
  const kind = node.data_type ?? '';
  switch (kind) {
    case 'decimal':
      return { kind: 'decimal', precision: node.precision ?? 10, scale: node.scale ?? 0 };
    case 'array':
    case 'list':
      return { kind: 'array', element: convertType(node.element_type), containsNull: true };
    case 'map':
      return {
        kind: 'map',
        key: convertType(node.key_type),
        value: convertType(node.value_type),
        valueContainsNull: true,
      };
    case 'struct':
      return {
        kind: 'struct',
        fields: (node.fields ?? []).map((field) => ({
          name: field.name,
          type: convertType(field.data_type),
          nullable: true,
        })),
      };
    case 'interval': {
      if (node.unit == null) return { kind: 'calendar_interval' };
      return parseType(`interval ${node.unit}${node.to == null ? '' : ` to ${node.to}`}`.toLowerCase());
    }
    case 'custom':
      return parseType(NAMES[node.name ?? ''] ?? node.name ?? '');
    case '':
      throw unsupported('A cast without a type');
    default:
      return parseType(NAMES[kind] ?? kind);
  }
}
