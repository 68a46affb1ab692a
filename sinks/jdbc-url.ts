import { QuarryError } from '../common/quarry-error.ts';

/** `jdbc:KIND://HOST:PORT/DATABASE[?user=U&password=P]`. Other parameters mean something to Java's drivers alone and are ignored. */
export interface JdbcUrl {
  readonly kind: 'mysql' | 'mariadb' | 'quarry';
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
}

const PORTS = { mysql: 3306, mariadb: 3306, quarry: 9292 } as const;
const PATTERN = /^jdbc:(mysql|mariadb|quarry):\/\/(\[[^\]]+\]|[^:/?@]+)(?::(\d+))?(?:\/([^?]*))?(?:\?(.*))?$/;

/** Errors: INVALID_ARGUMENT, whose message leaves the parameters out: a password may be among them. */
export function parseJdbcUrl(url: string): JdbcUrl {
  const match = PATTERN.exec(url);
  if (match === null) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${jdbcUrlForPeople(url)} is not a URL of tables: use jdbc:mysql://HOST:PORT/DATABASE, jdbc:mariadb://HOST:PORT/DATABASE or jdbc:quarry://HOST:PORT/NAME`,
    );
  }
  const kind = match[1] as JdbcUrl['kind'];
  const parameters = new URLSearchParams(match[5] ?? '');
  return {
    kind,
    host: match[2]!.replace(/^\[|\]$/g, ''),
    port: Number(match[3] ?? PORTS[kind]),
    database: decodeURIComponent(match[4] ?? ''),
    user: parameters.get('user') ?? undefined,
    password: parameters.get('password') ?? undefined,
  };
}

/** The URL without its parameters and without what stands before an @. */
export function jdbcUrlForPeople(url: string): string {
  return url.replace(/\?.*$/s, '').replace(/\/\/[^/]*@/, '//');
}
