import type { RddJoinType, RddMerge } from '../../common/rdd/rdd-task.ts';
import { decodeValue } from '../../common/rdd/value-codec.ts';
import { unreachable } from '../../common/assert.ts';
import type { KeyedText } from './records.ts';
import type { Sandbox, UserFunction } from './sandbox.ts';

/**
 * What becomes of a partition of a shuffle. Keys come out in the order in which they were first seen, and values of a key in the
 * order of the map tasks: the same input gives the same output whatever ran where.
 */
export function mergeRecords(
  records: Iterable<KeyedText>,
  merge: RddMerge,
  sandbox: Sandbox,
): Iterable<unknown> {
  switch (merge.kind) {
    case 'concat':
      return concat(records, sandbox);
    case 'distinct':
      return distinct(records, sandbox);
    case 'group':
      return group(records, sandbox);
    case 'reduce':
      return reduceByKey(records, sandbox.compile(merge.function), sandbox);
    case 'sort':
      return sort(records, sandbox.compile(merge.function), merge.descending, sandbox);
    default:
      return unreachable(merge);
  }
}

/** Pairs of all values that share a key: the left's order, then what only the right has. */
export function* joinRecords(
  left: Iterable<KeyedText>,
  right: Iterable<KeyedText>,
  type: RddJoinType,
  sandbox: Sandbox,
): Generator<unknown> {
  const { realm, pair } = sandbox;
  const rights = new Map<string, { readonly values: unknown[]; isMatched: boolean }>();
  for (const { key, value } of right) {
    const seen = rights.get(key);
    if (seen === undefined) rights.set(key, { values: [decodeValue(value, realm)], isMatched: false });
    else seen.values.push(decodeValue(value, realm));
  }
  const keepsLeft = type === 'left' || type === 'full';
  for (const { key, value } of left) {
    const matches = rights.get(key);
    if (matches === undefined && !keepsLeft) continue;
    if (matches !== undefined) matches.isMatched = true;
    for (const other of matches?.values ?? [null]) {
      yield pair(decodeValue(key, realm), pair(decodeValue(value, realm), other));
    }
  }
  if (type !== 'right' && type !== 'full') return;
  for (const [key, { values, isMatched }] of rights) {
    if (isMatched) continue;
    for (const value of values) yield pair(decodeValue(key, realm), pair(null, value));
  }
}

function* concat(records: Iterable<KeyedText>, { realm }: Sandbox): Generator<unknown> {
  for (const { value } of records) yield decodeValue(value, realm);
}

function* distinct(records: Iterable<KeyedText>, { realm }: Sandbox): Generator<unknown> {
  const seen = new Set<string>();
  for (const { key } of records) {
    if (seen.has(key)) continue;
    seen.add(key);
    yield decodeValue(key, realm);
  }
}

function* group(records: Iterable<KeyedText>, { realm, pair, list }: Sandbox): Generator<unknown> {
  const groups = new Map<string, unknown[]>();
  for (const { key, value } of records) {
    let values = groups.get(key);
    if (values === undefined) {
      values = list();
      groups.set(key, values);
    }
    values.push(decodeValue(value, realm));
  }
  for (const [key, values] of groups) yield pair(decodeValue(key, realm), values);
}

function* reduceByKey(
  records: Iterable<KeyedText>,
  call: UserFunction,
  { realm, pair }: Sandbox,
): Generator<unknown> {
  const values = new Map<string, unknown>();
  for (const { key, value } of records) {
    const decoded = decodeValue(value, realm);
    values.set(key, values.has(key) ? call(values.get(key), decoded) : decoded);
  }
  for (const [key, value] of values) yield pair(decodeValue(key, realm), value);
}

/** Stable: equal keys keep their order, also descending. */
function* sort(
  records: Iterable<KeyedText>,
  call: UserFunction,
  descending: boolean,
  { realm }: Sandbox,
): Generator<unknown> {
  const keyed = Array.from(records, ({ value }) => {
    const record = decodeValue(value, realm);
    return { key: call(record), record };
  });
  const sign = descending ? -1 : 1;
  for (const { record } of keyed.toSorted((left, right) => sign * compareKeys(left.key, right.key)))
    yield record;
}

/** Numbers by value, texts by code unit, dates by time, arrays element by element; null and undefined before all else. */
export function compareKeys(left: unknown, right: unknown): number {
  if (left === right) return 0;
  if (left === null || left === undefined) return right === null || right === undefined ? 0 : -1;
  if (right === null || right === undefined) return 1;
  if (Array.isArray(left) && Array.isArray(right)) {
    for (let at = 0; at < Math.min(left.length, right.length); at++) {
      const order = compareKeys(left[at], right[at]);
      if (order !== 0) return order;
    }
    return left.length - right.length;
  }
  if (left < right) return -1;
  return left > right ? 1 : 0;
}
