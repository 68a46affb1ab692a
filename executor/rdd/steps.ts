import type { RddStep } from '../../common/rdd/rdd-task.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Sandbox, UserFunction } from './sandbox.ts';

type Records = Iterable<unknown>;

/** Puts a step behind records. Nothing runs until the result is read. */
export function applyStep(records: Records, step: RddStep, sandbox: Sandbox): Records {
  const call = sandbox.compile(step.function);
  const { label } = step.function;
  switch (step.kind) {
    case 'map':
      return map(records, call);
    case 'filter':
      return filter(records, call);
    case 'flatMap':
      return flatMap(records, call, label);
    case 'mapPartitions':
      return mapPartitions(records, call, label);
    case 'keyBy':
      return map(records, (record) => sandbox.pair(call(record), record));
    case 'mapValues':
      return map(records, (record) => {
        const [key, value] = pairOf(record, label);
        return sandbox.pair(key, call(value));
      });
    case 'flatMapValues':
      return flatMapValues(records, call, label, sandbox);
    case 'reduce':
      return reduce(records, call);
    case 'foreach':
      return foreach(records, call);
  }
}

/** Errors: USER_CODE for a record that is no array of two. */
export function pairOf(record: unknown, label: string): readonly [key: unknown, value: unknown] {
  if (Array.isArray(record) && record.length === 2) return record as [unknown, unknown];
  throw new QuarryError('USER_CODE', `${label} needs records that are [key, value], made by map or keyBy`);
}

function* map(records: Records, call: UserFunction): Generator<unknown> {
  for (const record of records) yield call(record);
}

function* filter(records: Records, call: UserFunction): Generator<unknown> {
  for (const record of records) if (call(record)) yield record;
}

function* flatMap(records: Records, call: UserFunction, label: string): Generator<unknown> {
  for (const record of records) yield* iterable(call(record), label);
}

/** The function sees an iterator: what it does not ask for is not computed. */
function* mapPartitions(records: Records, call: UserFunction, label: string): Generator<unknown> {
  yield* iterable(call(records), label);
}

function* flatMapValues(
  records: Records,
  call: UserFunction,
  label: string,
  sandbox: Sandbox,
): Generator<unknown> {
  for (const record of records) {
    const [key, value] = pairOf(record, label);
    for (const item of iterable(call(value), label)) yield sandbox.pair(key, item);
  }
}

function* reduce(records: Records, call: UserFunction): Generator<unknown> {
  let accumulator: unknown;
  let isEmpty = true;
  for (const record of records) {
    accumulator = isEmpty ? record : call(accumulator, record);
    isEmpty = false;
  }
  if (!isEmpty) yield accumulator;
}

// oxlint-disable-next-line require-yield -- it is read as the others are, and gives nothing
function* foreach(records: Records, call: UserFunction): Generator<unknown> {
  for (const record of records) call(record);
}

function iterable(value: unknown, label: string): Records {
  if (typeof value === 'object' && value !== null && Symbol.iterator in value) return value as Records;
  throw new QuarryError(
    'USER_CODE',
    `${label} must return an array or another iterable, not ${typeof value}`,
  );
}
