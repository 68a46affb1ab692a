import type { ErrorCode } from '../../common/error-codes.ts';
import { QuarryError } from '../../common/quarry-error.ts';

/** What the kernel's error classes mean here. Its message starts with the class; there is no other mark of it. */
const CODES: readonly (readonly [RegExp, ErrorCode])[] = [
  [/^INTERRUPT/i, 'INTERRUPTED'],
  [/^Out of Memory Error/i, 'OUT_OF_MEMORY'],
  [/^Out of Range Error/i, 'ARITHMETIC'],
  [/^Conversion Error/i, 'BAD_DATA'],
  [/^Invalid Input Error/i, 'BAD_DATA'],
  // What its Parquet reader throws over bytes that make no sense.
  [/^Invalid Error/i, 'BAD_DATA'],
  [/^IO Error: .*(parquet|Parquet|footer|magic)/is, 'BAD_DATA'],
  [/^IO Error: .*(No space left|write)/is, 'NO_SPACE'],
  [/^Not implemented Error/i, 'UNSUPPORTED'],
];

/** A kernel's failure as a typed error that keeps the kernel's words: the driver tells Spark's error classes from them. */
export function fromKernelError(thrown: unknown): QuarryError {
  if (thrown instanceof QuarryError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = CODES.find(([pattern]) => pattern.test(message))?.[1] ?? 'INTERNAL';
  return new QuarryError(code, message, { cause: thrown, details: { kernel: true } });
}
