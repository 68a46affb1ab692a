import { ERROR_CODES, type ErrorCode, type Reaction } from './error-codes.ts';

export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/** The form an error takes on a wire, in a worker's answer or in a log line. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
}

/** The one class of expected failures. Anything else that is thrown is a bug. */
export class QuarryError extends Error {
  override readonly name = 'QuarryError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  get reaction(): Reaction {
    return ERROR_CODES[this.code].reaction;
  }

  toWire(): WireError {
    return { code: this.code, message: this.message, details: this.details };
  }

  /** Total: whatever was thrown, the answer is a QuarryError. A foreign error becomes INTERNAL and stays as the cause. */
  static from(thrown: unknown): QuarryError {
    if (thrown instanceof QuarryError) return thrown;
    if (thrown instanceof Error) {
      return new QuarryError('INTERNAL', thrown.message, { cause: thrown });
    }
    return new QuarryError('INTERNAL', String(thrown), { cause: thrown });
  }

  /** Rebuilds an error from its wire form. A code of a newer peer reads as INTERNAL. */
  static fromWire(wire: { code: string; message: string; details?: ErrorDetails }): QuarryError {
    const code = wire.code in ERROR_CODES ? (wire.code as ErrorCode) : 'INTERNAL';
    return new QuarryError(code, wire.message, { details: wire.details ?? {} });
  }
}

/** True for a QuarryError with one of these codes. */
export function hasCode(thrown: unknown, ...codes: ErrorCode[]): thrown is QuarryError {
  return thrown instanceof QuarryError && codes.includes(thrown.code);
}
