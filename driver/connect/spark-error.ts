import { QuarryError } from '../../common/quarry-error.ts';
import { translateKernelError } from '../plan/kernel-error.ts';

/** An error in Spark's terms: what its clients turn back into their own exception classes. */
export interface SparkError {
  /** `[ERROR_CLASS] text SQLSTATE: xxxxx` */
  readonly message: string;
  /** Java classes, the most special first. */
  readonly classes: readonly string[];
  readonly errorClass: string | undefined;
  readonly sqlState: string | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  /** The same failure for Quarry's own clients. */
  readonly cause: QuarryError;
}

const ANALYSIS = ['org.apache.spark.sql.AnalysisException'];
const SQL = ['org.apache.spark.SparkSQLException', 'java.sql.SQLException'];
const SPARK = ['org.apache.spark.SparkException'];
const ROOT = ['java.lang.Exception', 'java.lang.Throwable', 'java.lang.Object'];

interface ErrorRule {
  readonly classes: readonly string[];
  readonly errorClass?: string;
  readonly sqlState?: string;
}

/** By error class first, where Spark has a special exception, then by Quarry's code. */
const BY_CLASS: Readonly<Record<string, readonly string[]>> = {
  SQL_CONF_NOT_FOUND: ['org.apache.spark.SparkNoSuchElementException', 'java.util.NoSuchElementException'],
  CAST_INVALID_INPUT: [
    'org.apache.spark.SparkNumberFormatException',
    'java.lang.NumberFormatException',
    'java.lang.IllegalArgumentException',
  ],
  STREAM_FAILED: ['org.apache.spark.sql.streaming.StreamingQueryException'],
  INVALID_ARRAY_INDEX: ['java.lang.ArrayIndexOutOfBoundsException'],
  INVALID_ARRAY_INDEX_IN_ELEMENT_AT: ['java.lang.ArrayIndexOutOfBoundsException'],
};

const BY_CODE: Partial<Record<QuarryError['code'], ErrorRule>> = {
  PARSE: {
    classes: ['org.apache.spark.sql.catalyst.parser.ParseException', ...ANALYSIS],
    errorClass: 'PARSE_SYNTAX_ERROR',
    sqlState: '42601',
  },
  ANALYSIS: { classes: ANALYSIS },
  FILE_NOT_FOUND: { classes: ANALYSIS, errorClass: 'PATH_NOT_FOUND', sqlState: '42K03' },
  FILE_EXISTS: { classes: ANALYSIS, errorClass: 'PATH_ALREADY_EXISTS', sqlState: '42K04' },
  ARITHMETIC: { classes: ['org.apache.spark.SparkArithmeticException', 'java.lang.ArithmeticException'] },
  UNSUPPORTED: {
    classes: [
      'org.apache.spark.SparkUnsupportedOperationException',
      'java.lang.UnsupportedOperationException',
    ],
    errorClass: 'UNSUPPORTED_FEATURE',
    sqlState: '0A000',
  },
  INVALID_ARGUMENT: { classes: ['java.lang.IllegalArgumentException'] },
  STREAM_ACTIVE: { classes: ['java.lang.IllegalArgumentException'] },
  INVALID_PATH: { classes: ['java.lang.IllegalArgumentException'] },
  CAPTURED_VARIABLE: { classes: ['java.lang.IllegalArgumentException'] },
  INTERRUPTED: { classes: SQL, errorClass: 'OPERATION_CANCELED', sqlState: 'HY008' },
  SESSION_NOT_FOUND: { classes: SQL },
  OPERATION_NOT_FOUND: { classes: SQL },
  INTERNAL: { classes: SPARK, errorClass: 'INTERNAL_ERROR', sqlState: 'XX000' },
};

/** Total: whatever was thrown, a client gets a class, a text and no stack trace. */
export function sparkError(thrown: unknown): SparkError {
  const cause = userFacing(QuarryError.from(thrown));
  const rule = BY_CODE[cause.code] ?? { classes: SPARK };
  const { errorClass = rule.errorClass, sqlState = rule.sqlState, ...others } = cause.details;
  const name = errorClass === undefined ? undefined : String(errorClass);
  const state = sqlState === undefined ? undefined : String(sqlState);
  return {
    message: messageOf(cause, name, state),
    classes: [...(BY_CLASS[name ?? ''] ?? rule.classes), ...ROOT],
    errorClass: name,
    sqlState: state,
    parameters: Object.fromEntries(Object.entries(others).map(([key, value]) => [key, String(value)])),
    cause,
  };
}

/** Data that the kernel refuses arrives in the kernel's words; Spark has its own for it. */
function userFacing(error: QuarryError): QuarryError {
  if (error.details['errorClass'] !== undefined || error.message.startsWith('['))
    return withClassOfText(error);
  const isOfKernel = error.code === 'INTERNAL' || error.code === 'BAD_DATA' || error.code === 'ARITHMETIC';
  return (isOfKernel ? translateKernelError(error.message) : undefined) ?? error;
}

/** A message in Spark's form says its class itself. */
function withClassOfText(error: QuarryError): QuarryError {
  const match = /^\[([A-Z0-9_.]+)\][\s\S]*SQLSTATE: ([0-9A-Z]{5})/.exec(error.message);
  if (error.details['errorClass'] !== undefined || match === null) return error;
  return new QuarryError(error.code, error.message, {
    details: { ...error.details, errorClass: match[1]!, sqlState: match[2]! },
    cause: error.cause,
  });
}

function messageOf(error: QuarryError, errorClass: string | undefined, sqlState: string | undefined): string {
  const text = errorClass === undefined ? undefined : wording(error, errorClass);
  if (text === undefined) return error.message;
  return `[${errorClass}] ${text}${sqlState === undefined ? '' : ` SQLSTATE: ${sqlState}`}`;
}

/** Spark's own sentence where scripts match on it, else ours; undefined when the message has Spark's form already. */
function wording(error: QuarryError, errorClass: string): string | undefined {
  const path = error.details['path'];
  if (errorClass === 'PATH_NOT_FOUND' && path !== undefined) return `Path does not exist: ${path}.`;
  if (errorClass === 'PATH_ALREADY_EXISTS' && path !== undefined) {
    return `Path ${path} already exists. Set mode as "overwrite" to overwrite the existing path.`;
  }
  if (errorClass === 'OPERATION_CANCELED') return 'Operation has been canceled.';
  return error.message.startsWith('[') ? undefined : sentence(error.message);
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
