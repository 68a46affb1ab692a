import { hostname } from 'node:os';
import { QuarryError } from '../../common/quarry-error.ts';
import { required } from '../told.ts';

export interface LandingColumn {
  readonly name: string;
  /** DuckDB's name of the type. */
  readonly kernelType: string;
}

export interface LandingOptions {
  /** URL of the log. */
  readonly log: string;
  readonly topic: string;
  /** In the cluster; days are folders YYYY/MM/DD below it. */
  readonly directory: string;
  /** Field of the records with the event time: seconds as a number, or an ISO time. */
  readonly timeField: string;
  /** Fields that become columns, besides event_time, late, log_partition and log_offset. */
  readonly columns: readonly LandingColumn[];
  /** How far behind the highest event time of its partition a record may be and still be on time. */
  readonly delayMs: number;
  readonly flushRows: number;
  readonly flushBytes: number;
  /** A file spans at most so much event time (Kafka Connect's rotate.interval.ms). */
  readonly flushEventMs: number;
  /** A record waits for its file at most so long. */
  readonly flushMs: number;
  /** A partition with records that are all landed holds no day open after so long without news; 0: it does for ever. */
  readonly idleMs: number;
  readonly name: string;
}

const MiB = 1024 * 1024;
const KERNEL_TYPES: Readonly<Record<string, string>> = {
  STRING: 'VARCHAR',
  INT: 'INTEGER',
  BIGINT: 'BIGINT',
  DOUBLE: 'DOUBLE',
  BOOLEAN: 'BOOLEAN',
};
/** Names that the landing gives itself. */
const OWN_COLUMNS = ['event_time', 'late', 'log_partition', 'log_offset'];

/** From the `service` keys of the same names; `columns` as `product STRING, status INT`. Errors: INVALID_ARGUMENT. */
export function readLandingOptions(told: Readonly<Record<string, string>>): LandingOptions {
  return {
    log: required('landing', told, 'log'),
    topic: required('landing', told, 'topic'),
    directory: required('landing', told, 'directory').replace(/\/+$/, ''),
    timeField: told['timeField'] ?? 'msec',
    columns: readColumns(required('landing', told, 'columns')),
    delayMs: wholeNumber(told, 'delayMs', 600_000),
    flushRows: wholeNumber(told, 'flushRows', 100_000),
    flushBytes: wholeNumber(told, 'flushBytes', 32 * MiB),
    flushEventMs: wholeNumber(told, 'flushEventMs', 86_400_000),
    flushMs: wholeNumber(told, 'flushMs', 60_000),
    idleMs: wholeNumber(told, 'idleMs', 0),
    name: told['name'] ?? hostname(),
  };
}

function readColumns(text: string): LandingColumn[] {
  return text.split(',').map((part) => {
    const [name, type = '', ...rest] = part.trim().split(/\s+/);
    const kernelType = KERNEL_TYPES[type.toUpperCase()];
    if (name === undefined || kernelType === undefined || rest.length > 0) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `columns: '${part.trim()}' is not NAME TYPE with one of ${Object.keys(KERNEL_TYPES).join(', ')}`,
      );
    }
    if (OWN_COLUMNS.includes(name)) {
      throw new QuarryError('INVALID_ARGUMENT', `columns: ${name} is a column that the landing adds itself`);
    }
    return { name, kernelType };
  });
}

function wholeNumber(told: Readonly<Record<string, string>>, key: string, otherwise: number): number {
  const value = Number(told[key] ?? otherwise);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new QuarryError('INVALID_ARGUMENT', `landing: ${key} takes a whole number, not ${told[key]}`);
  }
  return value;
}
