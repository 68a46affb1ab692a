import { createHash } from 'node:crypto';
import type { LogicalPlan } from '../plan/logical-plan.ts';

/** What a column is called and where it comes from does not change what a plan means; a node's output follows from the rest. */
function isIgnored(name: string, node: Record<string, unknown>, isLeaf: boolean): boolean {
  if (name === 'output') return !isLeaf;
  return 'planIds' in node && (name === 'name' || name === 'planIds' || name === 'qualifiers');
}

/** Text that is equal for plans that mean the same: attribute ids count from the leaves, whichever the session gave out. */
export function canonicalPlan(plan: LogicalPlan): string {
  const ids = new Map<number, number>();
  const visit = (value: unknown, key: string): unknown => {
    if (typeof value === 'bigint') return `${value}n`;
    if (value instanceof Uint8Array) return createHash('sha256').update(value).digest('hex');
    if (Array.isArray(value)) return value.map((item) => visit(item, key));
    if (key === 'id' && typeof value === 'number') {
      const known = ids.get(value) ?? ids.size;
      ids.set(value, known);
      return known;
    }
    if (typeof value !== 'object' || value === null) return value;
    const node = value as Record<string, unknown>;
    // Inputs first: a column's number is its place in the leaf that makes it.
    const keys = Object.keys(node).toSorted((a, b) => order(a) - order(b) || (a < b ? -1 : 1));
    const isLeaf =
      'kind' in node && 'output' in node && !('input' in node || 'inputs' in node || 'left' in node);
    return Object.fromEntries(
      keys.filter((name) => !isIgnored(name, node, isLeaf)).map((name) => [name, visit(node[name], name)]),
    );
  };
  return JSON.stringify(visit(plan, ''));
}

function order(key: string): number {
  return ['input', 'inputs', 'left', 'right'].includes(key) ? 0 : 1;
}

/** A 32-bit hash, equal for plans that mean the same. */
export function semanticHash(plan: LogicalPlan): number {
  return createHash('sha256').update(canonicalPlan(plan)).digest().readInt32BE(0);
}
