import { MODE_MAX } from '../namespace/permissions.ts';
import { QuarryError } from '../../common/quarry-error.ts';

const USER_NAME = /^[A-Za-z_][A-Za-z0-9._-]*\$?$/;
/** Hadoop's name for whoever does not say who he is. */
const ANONYMOUS = 'dr.who';

/** The parameters of a request: names in any case, as Hadoop takes them. Errors of every reader: INVALID_ARGUMENT. */
export class WebHdfsParameters {
  readonly #values = new Map<string, string>();

  constructor(query: URLSearchParams) {
    for (const [name, value] of query) this.#values.set(name.toLowerCase(), value);
  }

  text(name: string, whenAbsent: string): string {
    return this.#values.get(name) ?? whenAbsent;
  }

  required(name: string): string {
    const value = this.#values.get(name);
    if (value === undefined || value === '') throw invalid(name, 'is missing');
    return value;
  }

  flag(name: string): boolean {
    const value = this.text(name, 'false').toLowerCase();
    if (value !== 'true' && value !== 'false') throw invalid(name, `is true or false, not ${value}`);
    return value === 'true';
  }

  wholeNumber(name: string, whenAbsent: number, least: number): number {
    const value = Number(this.text(name, String(whenAbsent)));
    if (!Number.isSafeInteger(value) || value < least)
      throw invalid(name, `is a whole number of at least ${least}`);
    return value;
  }

  /** Octal digits. */
  mode(whenAbsent: number): number {
    const text = this.text('permission', whenAbsent.toString(8));
    const mode = /^[0-7]{1,4}$/.test(text) ? Number.parseInt(text, 8) : MODE_MAX + 1;
    if (mode > MODE_MAX) throw invalid('permission', `is an octal mode up to ${MODE_MAX.toString(8)}`);
    return mode;
  }

  user(): string {
    if (this.#values.has('doas')) {
      throw new QuarryError('PERMISSION_DENIED', 'nobody may act for another user: leave doas out');
    }
    const user = this.text('user.name', '') || ANONYMOUS;
    if (!USER_NAME.test(user)) throw invalid('user.name', `is a user's name, not ${JSON.stringify(user)}`);
    return user;
  }
}

export function invalid(name: string, what: string): QuarryError {
  return new QuarryError(
    'INVALID_ARGUMENT',
    `Invalid value for webhdfs parameter ${JSON.stringify(name)}: it ${what}`,
  );
}
