import type { ErrorCode } from '../../common/error-codes.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { MARKER_TABLE } from '../write-marker.ts';

/** What a user of MySQL needs for everything that is done here. docs/tables.md explains each. */
export const GRANT = 'SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, CREATE TEMPORARY TABLES';

export interface MysqlPlace {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

export interface MysqlFailure extends Error {
  readonly code?: string;
  readonly errno?: number;
  readonly fatal?: boolean;
}

const DEADLOCK = 1213;
const NO_SUCH_TABLE = 1146;

/** By MySQL's and MariaDB's error numbers. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  // The server is going, full, busy or read-only.
  1021: 'TABLES_UNAVAILABLE',
  1040: 'TABLES_UNAVAILABLE',
  1053: 'TABLES_UNAVAILABLE',
  1114: 'TABLES_UNAVAILABLE',
  1158: 'TABLES_UNAVAILABLE',
  1159: 'TABLES_UNAVAILABLE',
  1160: 'TABLES_UNAVAILABLE',
  1161: 'TABLES_UNAVAILABLE',
  1203: 'TABLES_UNAVAILABLE',
  1205: 'TABLES_UNAVAILABLE',
  [DEADLOCK]: 'TABLES_UNAVAILABLE',
  1290: 'TABLES_UNAVAILABLE',
  1317: 'TABLES_UNAVAILABLE',
  1836: 'TABLES_UNAVAILABLE',
  1927: 'TABLES_UNAVAILABLE',
  3159: 'TABLES_UNAVAILABLE',
  // Rights.
  1044: 'PERMISSION_DENIED',
  1045: 'PERMISSION_DENIED',
  1142: 'PERMISSION_DENIED',
  1143: 'PERMISSION_DENIED',
  1227: 'PERMISSION_DENIED',
  1370: 'PERMISSION_DENIED',
  1698: 'PERMISSION_DENIED',
  // What the statement asks for is not there.
  1049: 'INVALID_ARGUMENT',
  1054: 'ANALYSIS',
  1064: 'PARSE',
  1110: 'ANALYSIS',
  [NO_SUCH_TABLE]: 'ANALYSIS',
  1136: 'ANALYSIS',
  1364: 'ANALYSIS',
  // The rows do not fit.
  1048: 'BAD_DATA',
  1062: 'BAD_DATA',
  1264: 'BAD_DATA',
  1265: 'BAD_DATA',
  1292: 'BAD_DATA',
  1366: 'BAD_DATA',
  1367: 'BAD_DATA',
  1406: 'BAD_DATA',
  1451: 'BAD_DATA',
  1452: 'BAD_DATA',
  3819: 'BAD_DATA',
  4025: 'BAD_DATA',
  1153: 'LIMIT_EXCEEDED',
};

const GONE =
  /ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOST|ENET|EAI_AGAIN|PROTOCOL_|HANDSHAKE|closed state|Pool is closed/;

export function isDeadlock(thrown: unknown): boolean {
  return (thrown as MysqlFailure).errno === DEADLOCK;
}

export function isMissingTable(thrown: unknown): boolean {
  return (thrown as MysqlFailure).errno === NO_SUCH_TABLE;
}

/** What mysql2 throws, as one of ours. The statement, with the rows in it, is left out. */
export function mysqlError(thrown: unknown, place: MysqlPlace): QuarryError {
  if (thrown instanceof QuarryError) return thrown;
  const { code, errno, message, sqlState } = thrown as MysqlFailure & { sqlState?: string };
  const address = `${place.host}:${place.port}`;
  const cause = Object.assign(new Error(message), { code, errno });
  const options = { cause, details: { address, ...(errno === undefined ? {} : { errno }) } };
  if (GONE.test(`${code ?? ''} ${message}`)) {
    return new QuarryError(
      'TABLES_UNAVAILABLE',
      `MySQL at ${address} does not answer: ${message || code}`,
      options,
    );
  }
  const known = errno === undefined ? undefined : CODES[errno];
  if (known === 'PERMISSION_DENIED') return denied(errno!, message, place, options);
  if (known !== undefined) return new QuarryError(known, `MySQL at ${address}: ${message}`, options);
  // Class 22: data exceptions, of which new versions bring more.
  const isData = sqlState?.startsWith('22') === true;
  return new QuarryError(isData ? 'BAD_DATA' : 'INTERNAL', `MySQL at ${address}: ${message}`, options);
}

function denied(
  errno: number,
  message: string,
  { user, database }: MysqlPlace,
  options: { cause: Error },
): QuarryError {
  const advice =
    errno === 1045 || errno === 1698
      ? 'give the right user and password'
      : `run as an administrator: GRANT ${GRANT} ON \`${database}\`.* TO '${user}'@'%'; (the rows' table, ${MARKER_TABLE} and staging tables live there)`;
  return new QuarryError('PERMISSION_DENIED', `MySQL refuses: ${message}; ${advice}`, options);
}
