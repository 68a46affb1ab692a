import { analysisError, unsupported } from '../errors.ts';
import type { Expression } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import { LONG, TIMESTAMP, arrayOf, isTimestamp } from '../types/coercion.ts';
import { intervalUs } from '../types/interval-text.ts';
import { sqlTypeName } from '../types/simple-string.ts';
import { FunctionFamily, bindSignature, coerce, wrongType, type RenderedCall } from './function-spec.ts';

/** Microseconds since 1970 of the last window start at or before the time: windows are aligned to UTC, whatever the session's zone. */
function lastStart(time: string, slide: string, start: string): string {
  const us = `epoch_us(${time})`;
  return `(${us} - (((${us} - ${start}) % ${slide} + ${slide}) % ${slide}))`;
}

function windowStruct(startUs: string, duration: string, type: SparkType): string {
  const time = type.kind === 'timestamp_ntz' ? 'make_timestamp' : 'make_timestamptz';
  return `struct_pack("start" := ${time}(${startUs}), "end" := ${time}(${startUs} + ${duration}))`;
}

function renderTumbling([time, duration, start]: readonly string[], call: RenderedCall): string {
  return windowStruct(lastStart(time!, duration!, start!), duration!, call.args[0]!.type);
}

/** All windows that hold the time, the latest first. */
function renderSliding([time, duration, slide, start]: readonly string[], call: RenderedCall): string {
  const from = `${lastStart(time!, slide!, start!)} - _i * ${slide}`;
  const struct = windowStruct(`(${from})`, duration!, call.args[0]!.type);
  const count = `CAST(ceil(${duration} / ${slide}) AS BIGINT)`;
  const windows = `list_transform(range(${count}), lambda _i: ${struct})`;
  // The earliest of them ends before the time where the slide does not divide the length.
  return `list_filter(${windows}, lambda _w: _w."end" > ${time})`;
}

function lengthUs(name: string, arg: Expression): number {
  const { type } = arg;
  if (arg.kind === 'literal' && typeof arg.value === 'string') return intervalUs(arg.value);
  if (arg.kind === 'literal' && type.kind === 'day_time_interval') return Number(arg.value);
  throw unsupported(`${name} with a length that is no constant text such as '10 minutes'`);
}

function micros(value: number): Expression {
  return { kind: 'literal', value: BigInt(value), type: LONG, nullable: false };
}

export function windowType(time: SparkType): SparkType {
  return {
    kind: 'struct',
    fields: [
      { name: 'start', type: time, nullable: true },
      { name: 'end', type: time, nullable: true },
    ],
  };
}

function parameterError(text: string): Error {
  return analysisError(
    'DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION',
    `Cannot resolve "window" due to data type mismatch: ${text}`,
  );
}

interface Lengths {
  readonly duration: number;
  readonly slide: number;
  readonly start: number;
}

function checked(lengths: Lengths): Lengths {
  const { duration, slide, start } = lengths;
  if (duration <= 0) throw parameterError(`The window_duration(${duration}L) must be > 0.`);
  if (slide <= 0) throw parameterError(`The slide_duration(${slide}L) must be > 0.`);
  if (slide > duration) {
    throw parameterError(`The slide_duration(${slide}L) must be <= the window_duration(${duration}L).`);
  }
  if (Math.abs(start) >= slide) {
    throw parameterError(`The abs(start_time)(${Math.abs(start)}L) must be < the slide_duration(${slide}L).`);
  }
  return lengths;
}

/**
 * `window(time, duration[, slide[, start]])` as the expression that makes it: `$window(...)`, or `$generate($windows(...))` where a
 * row is in several. The event time of the result is driver/plan/event-time.ts's to tell.
 */
export function bindWindow(given: readonly Expression[]): Expression {
  const [first, duration, slide, start] = bindSignature('window', 'any any any? any?', given);
  const time = timeOf(first!);
  const durationUs = lengthUs('window', duration!);
  const lengths = checked({
    duration: durationUs,
    slide: slide === undefined ? durationUs : lengthUs('window', slide),
    start: start === undefined ? 0 : lengthUs('window', start),
  });
  const type = windowType(time.type);
  if (lengths.slide === lengths.duration) {
    const args = [time, micros(lengths.duration), micros(lengths.start)];
    return { kind: 'call', name: '$window', args, type, nullable: false };
  }
  const args = [time, micros(lengths.duration), micros(lengths.slide), micros(lengths.start)];
  const list: Expression = {
    kind: 'call',
    name: '$windows',
    args,
    type: arrayOf(type, false),
    nullable: false,
  };
  return { kind: 'call', name: '$generate', args: [list], type, nullable: false };
}

/** A window of windows goes by the earlier ones' last instant. */
function timeOf(input: Expression): Expression {
  const { type } = input;
  if (isTimestamp(type)) return input;
  if (isWindow(type)) return windowTime(input);
  if (type.kind === 'date' || type.kind === 'string') return coerce(input, TIMESTAMP);
  throw wrongType('window', input, 'TIMESTAMP');
}

function isWindow(type: SparkType): boolean {
  if (type.kind !== 'struct' || type.fields.length !== 2) return false;
  return (
    type.fields[0]!.name === 'start' && type.fields[1]!.name === 'end' && isTimestamp(type.fields[1]!.type)
  );
}

function windowTime(input: Expression): Expression {
  const { type } = input;
  if (type.kind !== 'struct' || !isWindow(type)) {
    throw analysisError(
      'DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE',
      `Cannot resolve "window_time" due to data type mismatch: the argument requires a window's column, but it has the type "${sqlTypeName(type)}".`,
    );
  }
  return {
    kind: 'call',
    name: '$window_time',
    args: [input],
    type: type.fields[1]!.type,
    nullable: input.nullable,
  };
}

export const timeWindows = new FunctionFamily()
  .special('window', {
    kind: 'scalar',
    bind: () => {
      throw unsupported(
        'window(time, length) at this place: put it into groupBy, select or withColumn. Elsewhere it',
      );
    },
    render: () => '',
  })
  .special('session_window', {
    kind: 'scalar',
    bind: () => {
      throw unsupported('session_window');
    },
    render: () => '',
  })
  .special('window_time', {
    kind: 'scalar',
    exact: true,
    bind: (given) => {
      const [input] = bindSignature('window_time', 'any', given);
      const value = windowTime(input!);
      return { key: '$window_time', args: [input!], type: value.type, nullable: value.nullable };
    },
    render: ([window]) => `(${window}."end" - to_microseconds(1))`,
  })
  .add('$window', 'any any any', TIMESTAMP, renderTumbling, { exact: true })
  .add('$windows', 'any any any any', TIMESTAMP, renderSliding, { exact: true })
  .add('$window_time', 'any', TIMESTAMP, '($1."end" - to_microseconds(1))', { exact: true });
