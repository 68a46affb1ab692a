import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parseSettings } from '../common/config.ts';
import { QuarryError } from '../common/quarry-error.ts';

export interface PipelineOptions {
  readonly once: boolean;
  readonly json: boolean;
  /** Of --once: how many clicks; else how many of yesterday come first. */
  readonly clicks: number;
  /** Clicks a second after those. */
  readonly rate: number;
  readonly seed: number;
  readonly lateShare: number;
  readonly malformedShare: number;
  readonly directory: string;
  /** The directory is a temporary one of this run. */
  readonly isTemporary: boolean;
  readonly ports: 'default' | 'auto';
  readonly nodes: number;
  readonly settings: Record<string, string>;
  /** kafka://..., or undefined for the embedded log. */
  readonly kafka: string | undefined;
  /** redis://..., or undefined for the embedded view. */
  readonly redis: string | undefined;
  readonly mysql: TablesTarget | undefined;
  /** smtp://..., or undefined for a mail box in the directory. */
  readonly smtp: string | undefined;
  readonly topic: string;
}

export interface TablesTarget {
  readonly jdbcUrl: string;
  readonly user: string;
  readonly password: string;
}

export const USAGE = `npm run pipeline [-- OPTIONS]
  the whole click pipeline: agent -> log -> stream -> view, log -> raw Parquet, nightly DAG -> tables -> mail, dashboard
  --kafka kafka://HOST:PORT   --redis redis://HOST:PORT   --mysql mysql://USER:PASSWORD@HOST:PORT/DB   --smtp smtp://HOST:PORT
                     real servers in the place of the embedded log, view, tables and mail box
  --rate R           clicks a second (default 50)        --dir DIR   where everything lives (default ~/.quarry-pipeline)
  --ports auto       free ports in the place of the usual ones     --nodes N (default 3)     --set key=value
  --once --clicks N --seed S --json     N clicks of yesterday through all of it, to the end; prints what each layer counted`;

const OPTIONS = {
  once: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  clicks: { type: 'string', default: '20000' },
  rate: { type: 'string', default: '50' },
  seed: { type: 'string', default: '1' },
  late: { type: 'string', default: '0.005' },
  malformed: { type: 'string', default: '0.002' },
  dir: { type: 'string' },
  ports: { type: 'string' },
  nodes: { type: 'string', default: '3' },
  set: { type: 'string', multiple: true },
  kafka: { type: 'string' },
  redis: { type: 'string' },
  mysql: { type: 'string' },
  smtp: { type: 'string' },
  topic: { type: 'string', default: 'clicks' },
  help: { type: 'boolean', default: false },
} as const;

/** Undefined when help was asked for. Errors: INVALID_ARGUMENT, UNKNOWN_CONFIG. */
export function readOptions(args: readonly string[]): PipelineOptions | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const ports = values.ports ?? (values.once ? 'auto' : 'default');
  if (ports !== 'default' && ports !== 'auto') {
    throw new QuarryError('INVALID_ARGUMENT', `--ports takes default or auto, not ${ports}`);
  }
  const isTemporary = values.once && values.dir === undefined;
  const home = process.env['HOME'] ?? tmpdir();
  const directory = isTemporary
    ? mkdtempSync(join(tmpdir(), 'quarry-pipeline-'))
    : resolve(values.dir ?? join(home, '.quarry-pipeline'));
  return {
    once: values.once,
    json: values.json,
    clicks: number('--clicks', values.clicks, 1, 1e9),
    rate: number('--rate', values.rate, 0, 1e6),
    seed: number('--seed', values.seed, 0, 2 ** 32 - 1),
    lateShare: share('--late', values.late),
    malformedShare: share('--malformed', values.malformed),
    directory,
    isTemporary,
    ports,
    nodes: number('--nodes', values.nodes, 1, 100),
    settings: parseSettings(values.set ?? []),
    kafka: values.kafka?.startsWith('kafka+ssl://') ? values.kafka : url('--kafka', values.kafka, 'kafka:'),
    redis: url('--redis', values.redis, 'redis:'),
    mysql: values.mysql === undefined ? undefined : tablesTarget(values.mysql),
    smtp: url('--smtp', values.smtp, 'smtp:'),
    topic: values.topic,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (thrown) {
    throw new QuarryError('INVALID_ARGUMENT', `${(thrown as Error).message.split('.')[0]}; see --help`);
  }
}

function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${name} takes a whole number from ${min} to ${max}, not ${text}`,
    );
  }
  return value;
}

function share(name: string, text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 0.5)) {
    throw new QuarryError('INVALID_ARGUMENT', `${name} takes a share from 0 to 0.5, not ${text}`);
  }
  return value;
}

/** HOST:PORT alone is taken for the scheme's. */
function url(name: string, text: string | undefined, scheme: string): string | undefined {
  if (text === undefined) return undefined;
  if (text.startsWith(`${scheme}//`)) return text;
  if (/^[^/]+:\d+(,[^/]+:\d+)*$/.test(text)) return `${scheme}//${text}`;
  throw new QuarryError('INVALID_ARGUMENT', `${name} takes ${scheme}//HOST:PORT, not ${text}`);
}

function tablesTarget(text: string): TablesTarget {
  const plain = text.replace(/^jdbc:/, '');
  if (!/^(mysql|mariadb):\/\/[^/]+\/\w+/.test(plain)) {
    throw new QuarryError('INVALID_ARGUMENT', '--mysql takes mysql://USER:PASSWORD@HOST:PORT/DATABASE');
  }
  const { host, pathname, username, password, searchParams } = new URL(plain);
  return {
    jdbcUrl: `jdbc:mysql://${host}${pathname}`,
    user: decodeURIComponent(username || searchParams.get('user') || ''),
    password: decodeURIComponent(password || searchParams.get('password') || ''),
  };
}
