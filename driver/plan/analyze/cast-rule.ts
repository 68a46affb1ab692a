import type { SparkType } from '../spark-type.ts';
import { isInterval, isNumeric, isTimestamp } from '../types/coercion.ts';

/** Whether Spark has a cast between two types at all. */
export function castIsPossible(from: SparkType, to: SparkType): boolean {
  if (from.kind === to.kind && from.kind !== 'array' && from.kind !== 'map' && from.kind !== 'struct')
    return true;
  if (from.kind === 'null' || to.kind === 'string') return true;
  if (from.kind === 'array') return to.kind === 'array' && castIsPossible(from.element, to.element);
  if (from.kind === 'map') {
    return to.kind === 'map' && castIsPossible(from.key, to.key) && castIsPossible(from.value, to.value);
  }
  if (from.kind === 'struct') {
    return (
      to.kind === 'struct' &&
      from.fields.length === to.fields.length &&
      from.fields.every((field, index) => castIsPossible(field.type, to.fields[index]!.type))
    );
  }
  if (from.kind === 'string') return to.kind !== 'array' && to.kind !== 'map' && to.kind !== 'struct';
  return atomicCast(from, to);
}

function atomicCast(from: SparkType, to: SparkType): boolean {
  if (isNumeric(from)) {
    return (
      isNumeric(to) ||
      to.kind === 'boolean' ||
      to.kind === 'timestamp' ||
      isInterval(to) ||
      to.kind === 'binary'
    );
  }
  if (from.kind === 'boolean') return isNumeric(to) || to.kind === 'timestamp';
  if (from.kind === 'date') return isTimestamp(to);
  if (isTimestamp(from)) return to.kind === 'date' || isTimestamp(to) || isNumeric(to);
  if (isInterval(from)) return isNumeric(to) || isInterval(to);
  return false;
}
