import type { ColumnInput } from '../../proto/gen/quarry/Column.ts';
import type { ColumnTypeInput } from '../../proto/gen/quarry/ColumnType.ts';
import type { Attribute } from '../plan/expression.ts';
import type { SparkType } from '../plan/spark-type.ts';

/** A column as executors are told of it. */
export function columnOf({
  name,
  type,
  nullable,
}: Pick<Attribute, 'name' | 'type' | 'nullable'>): ColumnInput {
  return { name, nullable, type: columnType(type) };
}

function columnType(type: SparkType): ColumnTypeInput {
  switch (type.kind) {
    case 'decimal':
      return { kind: type.kind, precision: type.precision, scale: type.scale };
    case 'array':
      return {
        kind: type.kind,
        fields: [columnOf({ name: 'element', type: type.element, nullable: type.containsNull })],
      };
    case 'map':
      return {
        kind: type.kind,
        fields: [
          columnOf({ name: 'key', type: type.key, nullable: false }),
          columnOf({ name: 'value', type: type.value, nullable: type.valueContainsNull }),
        ],
      };
    case 'struct':
      return { kind: type.kind, fields: type.fields.map(columnOf) };
    default:
      return { kind: type.kind };
  }
}
