import { type ParseArgsConfig, parseArgs } from 'node:util';
import { QuarryError } from '../common/quarry-error.ts';

/** A command of the command line. `run` answers the exit code; what it throws becomes one line on stderr and exit code 1. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Shown by --help. */
  readonly usage: string;
  run(args: readonly string[]): Promise<number>;
}

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; strict: true }>
>;

/** parseArgs with errors that name the command's help. */
export function parse<T extends Options>(command: string, args: readonly string[], options: T): Parsed<T> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (cause) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${(cause as Error).message.split('. ')[0]}; see quarry ${command} --help`,
      { cause },
    );
  }
}

/** A number of at least `least`, or the error that says so. */
export function wholeNumber(name: string, text: string, least = 0): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${name} takes a whole number of at least ${least}, not ${JSON.stringify(text)}`,
    );
  }
  return value;
}

export function notThereYet(what: string): number {
  console.error(`${what} is not there yet`);
  return 2;
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  // Sizes and ids fit a double; a bigint of a query's result is written as the number it is.
  print(JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? Number(item) : item), 2));
}
