import { QuarryError } from '../../common/quarry-error.ts';
import { optionOf } from '../plan/log-options.ts';

type Options = Readonly<Record<string, string>>;

/** A positive whole number among a source's or sink's options. Errors: INVALID_ARGUMENT. */
export function countOption(options: Options, name: string): number | undefined {
  const text = optionOf(options, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value <= 0) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `Invalid value '${text}' for option '${name}', must be a positive integer`,
    );
  }
  return value;
}

/** `5s`, `100ms`, `2 minutes`, or a number of seconds; in milliseconds. Errors: INVALID_ARGUMENT. */
export function durationOption(options: Options, name: string, otherwiseMs: number): number {
  const text = optionOf(options, name)?.trim().toLowerCase();
  if (text === undefined) return otherwiseMs;
  const [, digits = '', unit = 's'] = /^(\d+)\s*([a-z]*)$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit === '' ? 's' : unit];
  if (digits !== '' && unitMs !== undefined) return Number(digits) * unitMs;
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `option ${name}: time must be specified as seconds (s), milliseconds (ms), microseconds (us), minutes (m or min), hour (h), or day (d), e.g. 50s, 100ms, or 250us; not ${text}`,
  );
}

const UNITS_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Errors: INVALID_ARGUMENT. */
export function flagOption(options: Options, name: string, otherwise: boolean): boolean {
  const text = optionOf(options, name)?.toLowerCase();
  if (text === undefined) return otherwise;
  if (text === 'true' || text === 'false') return text === 'true';
  throw new QuarryError('INVALID_ARGUMENT', `option ${name} is true or false, not ${text}`);
}

/** Errors: INVALID_ARGUMENT naming the sink that needs it. */
export function requiredOption(options: Options, name: string, sink: string): string {
  const value = optionOf(options, name);
  if (value !== undefined && value !== '') return value;
  throw new QuarryError('INVALID_ARGUMENT', `the sink ${sink} needs the option '${name}'`);
}
