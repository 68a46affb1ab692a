import { QuarryError } from '../../common/quarry-error.ts';

/** A number of rows or partitions; `what` names who takes it. Errors: INVALID_ARGUMENT. */
export function natural(value: number, what: string): number {
  if (!Number.isInteger(value) || value < 0) {
    throw new QuarryError('INVALID_ARGUMENT', `${what} takes a whole number of at least 0, not ${value}`);
  }
  return value;
}
