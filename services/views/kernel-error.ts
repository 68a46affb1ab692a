import type { ErrorCode } from '../../common/error-codes.ts';
import { QuarryError } from '../../common/quarry-error.ts';

const CODES: readonly (readonly [RegExp, ErrorCode])[] = [
  [/^(Conversion|Out of Range|Constraint|Invalid Type) Error/, 'BAD_DATA'],
  [/^(Catalog|Binder) Error/, 'ANALYSIS'],
  [/^(Parser|Syntax) Error/, 'PARSE'],
  [/^Permission Error/, 'PERMISSION_DENIED'],
  [/^Out of Memory Error/, 'OUT_OF_MEMORY'],
  [/^Invalid Input Error/, 'INVALID_ARGUMENT'],
  [/^(TransactionContext Error|Interrupt)/, 'TABLES_UNAVAILABLE'],
];

/** What DuckDB throws, as one of ours: its messages start with their class. */
export function fromKernel(thrown: unknown): QuarryError {
  if (thrown instanceof QuarryError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const message = text.replace(/^Failed to \w+ statements?: /, '');
  const code = CODES.find(([pattern]) => pattern.test(message))?.[1] ?? 'INTERNAL';
  // The first line says what; the others draw the statement.
  return new QuarryError(code, message.split('\n')[0]!, { cause: thrown });
}
