import type { Json } from '../core/dag-model.ts';

/** A value as a template writes it: text as it is, nothing for what is missing, the rest as JSON. */
export function toText(value: Json | undefined): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
