import { QuarryError } from '../common/quarry-error.ts';

/** What a service must have been told. Errors: INVALID_ARGUMENT naming the service and the key. */
export function required(service: string, told: Readonly<Record<string, string>>, key: string): string {
  const value = told[key];
  if (value === undefined || value === '')
    throw new QuarryError('INVALID_ARGUMENT', `${service} needs ${key}`);
  return value;
}
