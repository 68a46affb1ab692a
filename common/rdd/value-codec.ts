import { QuarryError } from '../quarry-error.ts';

/**
 * Records travel as JSON texts on one line. What JSON lacks is written as an object with the key `$q` alone beside `v`:
 * undefined, NaN, infinities, -0, bigint, Date, Map, Set, Uint8Array; an object that has a `$q` itself is written as its entries.
 * Everything else is what JSON.stringify makes of it: class instances lose their class.
 */
const TAG = '$q';

/** Deeper nesting is taken for a cycle. */
const DEPTH_MAX = 500;

/** The built-in objects to make values of: those of the global scope, or of another context whose code will see them. */
export interface Realm {
  readonly JSON: JSON;
  readonly Date: DateConstructor;
  readonly Map: MapConstructor;
  readonly Set: SetConstructor;
  readonly Uint8Array: Uint8ArrayConstructor;
}

/** Errors: INVALID_ARGUMENT for a function, a symbol, a cycle, or an object that is no plain data (a Promise, a RegExp, ...). */
export function encodeValue(value: unknown): string {
  return typeof value === 'string' || !needsTags(value, 0)
    ? JSON.stringify(value)
    : JSON.stringify(tagged(value));
}

/** As encodeValue with the keys of objects in order: equal keys have equal texts. -0 is 0. */
export function encodeKey(key: unknown): string {
  switch (typeof key) {
    case 'string':
      return JSON.stringify(key);
    case 'number':
      return Number.isFinite(key) ? String(key) : encodeValue(key);
    case 'object':
      return key === null ? 'null' : JSON.stringify(sorted(needsTags(key, 0) ? tagged(key) : key));
    default:
      return encodeValue(key);
  }
}

/** Errors: BAD_DATA for a text that encodeValue did not make. */
export function decodeValue(text: string, realm: Realm = globalThis): unknown {
  let parsed: unknown;
  try {
    parsed = realm.JSON.parse(text);
  } catch (cause) {
    throw new QuarryError('BAD_DATA', `not a record: ${text.slice(0, 80)}`, { cause });
  }
  return text.includes(`"${TAG}"`) ? untagged(parsed, realm) : parsed;
}

/** Values may come from another context, where `instanceof` fails; their tag tells. */
function kindOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function needsTags(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return false;
    case 'number':
      return !Number.isFinite(value) || Object.is(value, -0);
    case 'object':
      return value !== null && objectNeedsTags(value, depth + 1);
    case 'undefined':
    case 'bigint':
      return true;
    default:
      throw new QuarryError('INVALID_ARGUMENT', `a record cannot hold a ${typeof value}`);
  }
}

function objectNeedsTags(value: object, depth: number): boolean {
  if (depth > DEPTH_MAX)
    throw new QuarryError('INVALID_ARGUMENT', 'a record holds itself, or is nested too deeply');
  if (Array.isArray(value)) return value.some((item) => needsTags(item, depth));
  if (kindOf(value) !== 'Object' || Object.hasOwn(value, TAG)) return true;
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key];
    // JSON leaves out a member that is undefined, and so do we.
    if (item !== undefined && needsTags(item, depth)) return true;
  }
  return false;
}

function tagged(value: unknown): unknown {
  switch (typeof value) {
    case 'undefined':
      return { [TAG]: 'undefined' };
    case 'bigint':
      return { [TAG]: 'bigint', v: String(value) };
    case 'number':
      if (Object.is(value, -0)) return { [TAG]: 'number', v: '-0' };
      return Number.isFinite(value) ? value : { [TAG]: 'number', v: String(value) };
    case 'object':
      return value === null ? null : taggedObject(value);
    default:
      return value;
  }
}

function taggedObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(tagged);
  switch (kindOf(value)) {
    case 'Date':
      return { [TAG]: 'date', v: (value as Date).getTime() };
    case 'Map':
      return { [TAG]: 'map', v: [...(value as Map<unknown, unknown>)].map((entry) => entry.map(tagged)) };
    case 'Set':
      return { [TAG]: 'set', v: [...(value as Set<unknown>)].map(tagged) };
    case 'Uint8Array':
      return { [TAG]: 'bytes', v: Buffer.from(value as Uint8Array).toString('base64') };
    case 'Object': {
      const entries = Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => [key, tagged(item)] as const);
      return Object.hasOwn(value, TAG) ? { [TAG]: 'object', v: entries } : Object.fromEntries(entries);
    }
    default:
      throw new QuarryError('INVALID_ARGUMENT', `a record cannot hold a ${kindOf(value)}`);
  }
}

function untagged(value: unknown, realm: Realm): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) value[index] = untagged(value[index], realm);
    return value;
  }
  const members = value as Record<string, unknown>;
  if (Object.hasOwn(members, TAG)) return special(members[TAG], members['v'], realm);
  for (const key of Object.keys(members)) members[key] = untagged(members[key], realm);
  return members;
}

function special(tag: unknown, v: unknown, realm: Realm): unknown {
  switch (tag) {
    case 'undefined':
      return undefined;
    case 'bigint':
      return BigInt(v as string);
    case 'number':
      return Number(v);
    case 'date':
      return new realm.Date(v === null ? Number.NaN : (v as number));
    case 'map':
      return new realm.Map(untagged(v, realm) as [unknown, unknown][]);
    case 'set':
      return new realm.Set(untagged(v, realm) as unknown[]);
    case 'bytes':
      return new realm.Uint8Array(Buffer.from(v as string, 'base64'));
    case 'object':
      return Object.fromEntries(untagged(v, realm) as [string, unknown][]);
    default:
      throw new QuarryError('BAD_DATA', `a record of an unknown kind: ${String(tag)}`);
  }
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)] as const),
  );
}
