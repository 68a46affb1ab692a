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
