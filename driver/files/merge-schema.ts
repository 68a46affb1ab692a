import { QuarryError } from '../../common/quarry-error.ts';
import type { SparkType, StructField, StructType } from '../plan/spark-type.ts';

/** `mergeSchema`: every column of either, in the order they are met. Errors: ANALYSIS when a column has two types. */
export function mergeSchemas(left: StructType, right: StructType): StructType {
  const fields: StructField[] = [...left.fields];
  for (const field of right.fields) {
    const at = fields.findIndex(({ name }) => name === field.name);
    const known = fields[at];
    if (known === undefined) fields.push(field);
    else fields[at] = { ...known, type: mergeTypes(known.type, field.type, field.name) };
  }
  return { kind: 'struct', fields };
}

function mergeTypes(left: SparkType, right: SparkType, name: string): SparkType {
  if (left.kind === 'struct' && right.kind === 'struct') return mergeSchemas(left, right);
  if (left.kind === 'array' && right.kind === 'array') {
    return {
      kind: 'array',
      element: mergeTypes(left.element, right.element, name),
      containsNull: left.containsNull || right.containsNull,
    };
  }
  if (JSON.stringify(left) === JSON.stringify(right)) return left;
  throw new QuarryError(
    'ANALYSIS',
    `[CANNOT_MERGE_SCHEMAS] column ${name} is ${left.kind} in one file and ${right.kind} in another`,
    { details: { errorClass: 'CANNOT_MERGE_SCHEMAS' } },
  );
}
