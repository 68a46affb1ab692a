import { QuarryError } from '../../common/quarry-error.ts';
import type { TableCredentials } from '../../sinks/open-tables.ts';

const BATCH_ROWS_DEFAULT = 1000;

/** Spark's options of `format("jdbc")`, whose names have no case, and our `quarry.replaceKeys` and `quarry.writeName`. Others are Java's affair and ignored. */
export interface JdbcOptions {
  readonly url: string;
  readonly credentials: TableCredentials;
  readonly table: string | undefined;
  readonly query: string | undefined;
  readonly batchRows: number;
  readonly truncate: boolean;
  readonly replaceKeys: readonly string[];
  /** The application's own name of the write in its run, in place of its number; '' for none. */
  readonly writeName: string;
  /** DATETIME is read as timestamp unless this is set, as in Spark. */
  readonly preferTimestampNtz: boolean;
}

/** Errors: INVALID_ARGUMENT. Messages hold no option's value but the one that is wrong. */
export function jdbcOptions(given: Readonly<Record<string, string>>): JdbcOptions {
  const options = new Map(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]));
  const url = options.get('url');
  if (url === undefined || url === '') {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      'format jdbc needs option url: jdbc:mysql://HOST:PORT/DATABASE, jdbc:mariadb://... or jdbc:quarry://HOST:PORT/NAME',
    );
  }
  return {
    url,
    credentials: { user: options.get('user'), password: options.get('password') },
    table: options.get('dbtable'),
    query: options.get('query'),
    batchRows: batchRows(options.get('batchsize')),
    truncate: flag('truncate', options.get('truncate')),
    replaceKeys: names(options.get('quarry.replacekeys')),
    writeName: options.get('quarry.writename')?.trim() ?? '',
    preferTimestampNtz: flag('preferTimestampNTZ', options.get('prefertimestampntz')),
  };
}

function batchRows(text: string | undefined): number {
  if (text === undefined) return BATCH_ROWS_DEFAULT;
  const rows = Number(text);
  if (Number.isSafeInteger(rows) && rows > 0) return rows;
  throw new QuarryError('INVALID_ARGUMENT', `option batchsize takes a number of rows, not ${text}`);
}

function flag(name: string, text = 'false'): boolean {
  const value = text.toLowerCase();
  if (value === 'true' || value === 'false') return value === 'true';
  throw new QuarryError('INVALID_ARGUMENT', `option ${name} takes true or false, not ${text}`);
}

function names(text = ''): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
