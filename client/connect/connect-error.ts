import type { ServiceError } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import type { ErrorCode } from '../../common/error-codes.ts';
import { type ErrorDetails, QuarryError } from '../../common/quarry-error.ts';

/**
 * What Spark's servers say in the `grpc-status-details-bin` trailer, by Spark's own names. Only what is read is declared
 * (field numbers of google.rpc.Status, google.protobuf.Any and google.rpc.ErrorInfo).
 */
const { root } = protobuf.parse(
  `syntax = "proto3";
   message Status { int32 code = 1; string message = 2; repeated Detail details = 3; }
   message Detail { string type_url = 1; bytes value = 2; }
   message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }`,
);
const Status = root.lookupType('Status');
const ErrorInfo = root.lookupType('ErrorInfo');

interface ErrorInfoFields {
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Spark's error conditions that a caller tells apart; the longest matching prefix counts. */
const CODE_OF_CONDITION: Readonly<Record<string, ErrorCode>> = {
  PATH_NOT_FOUND: 'FILE_NOT_FOUND',
  PATH_ALREADY_EXISTS: 'FILE_EXISTS',
  PARSE_SYNTAX_ERROR: 'PARSE',
  OPERATION_CANCELED: 'INTERRUPTED',
  OPERATION_CANCELLED: 'INTERRUPTED',
  DIVIDE_BY_ZERO: 'ARITHMETIC',
  ARITHMETIC_OVERFLOW: 'ARITHMETIC',
  'INVALID_HANDLE.SESSION': 'SESSION_NOT_FOUND',
  'INVALID_HANDLE.OPERATION': 'OPERATION_NOT_FOUND',
  INVALID_CURSOR: 'OPERATION_NOT_FOUND',
  UNSUPPORTED_FEATURE: 'UNSUPPORTED',
  NOT_IMPLEMENTED: 'UNSUPPORTED',
  CAST_INVALID_INPUT: 'BAD_DATA',
  FAILED_READ_FILE: 'BAD_DATA',
};

/** Spark's exception classes, the most specific first. */
const CODE_OF_CLASS: readonly (readonly [suffix: string, code: ErrorCode])[] = [
  ['ParseException', 'PARSE'],
  ['AnalysisException', 'ANALYSIS'],
  ['ArithmeticException', 'ARITHMETIC'],
  ['UnsupportedOperationException', 'UNSUPPORTED'],
  ['NumberFormatException', 'BAD_DATA'],
  ['DateTimeException', 'BAD_DATA'],
  ['IllegalArgumentException', 'INVALID_ARGUMENT'],
  ['FileNotFoundException', 'FILE_NOT_FOUND'],
  ['OutOfMemoryError', 'OUT_OF_MEMORY'],
];

/**
 * The error of a Spark Connect call. A Quarry server's own error arrives whole; another server's is told by its
 * condition (`[PATH_NOT_FOUND] ...`), then by its exception class. `details` carries errorClass and sqlState where known.
 */
export function connectError(thrown: unknown): QuarryError {
  const error = QuarryError.from(thrown);
  if (error.code !== 'INTERNAL' && error.code !== 'UNSUPPORTED') return error;
  const failure = serviceErrorOf(error);
  if (failure === undefined) return error;
  const info = errorInfoOf(failure);
  const message = failure.details || failure.message;
  const condition = info?.metadata['errorClass'] || /^\[([A-Z][A-Z0-9_.]*)\]/.exec(message)?.[1] || '';
  const code = codeOfCondition(condition) ?? codeOfClass(info) ?? error.code;
  const details: Record<string, string> = {};
  if (condition !== '') details['errorClass'] = condition;
  if (info?.metadata['sqlState']) details['sqlState'] = info.metadata['sqlState'];
  return new QuarryError(code, message, { details: details satisfies ErrorDetails, cause: failure });
}

function codeOfCondition(condition: string): ErrorCode | undefined {
  const known = Object.keys(CODE_OF_CONDITION).find((prefix) => condition.startsWith(prefix));
  return known === undefined ? undefined : CODE_OF_CONDITION[known];
}

function codeOfClass(info: ErrorInfoFields | undefined): ErrorCode | undefined {
  if (info === undefined) return undefined;
  const names = [info.reason, ...classesOf(info.metadata['classes'])];
  return CODE_OF_CLASS.find(([suffix]) => names.some((name) => name.endsWith(suffix)))?.[1];
}

function classesOf(json: string | undefined): readonly string[] {
  if (json === undefined) return [];
  try {
    const parsed: unknown = JSON.parse(json);
    return Array.isArray(parsed) ? parsed.filter((name) => typeof name === 'string') : [];
  } catch {
    // A server cuts long metadata to fit its header limit; the reason alone then has to do.
    return [];
  }
}

function serviceErrorOf(error: QuarryError): ServiceError | undefined {
  const cause = error.cause as Partial<ServiceError> | undefined;
  return cause?.metadata === undefined ? undefined : (cause as ServiceError);
}

function errorInfoOf(failure: ServiceError): ErrorInfoFields | undefined {
  const trailer = failure.metadata.get('grpc-status-details-bin')[0];
  if (!Buffer.isBuffer(trailer)) return undefined;
  const status = Status.decode(trailer) as unknown as {
    details: readonly { typeUrl: string; value: Uint8Array }[];
  };
  const detail = status.details.find(({ typeUrl }) => typeUrl.endsWith('/google.rpc.ErrorInfo'));
  return detail === undefined ? undefined : (ErrorInfo.decode(detail.value) as unknown as ErrorInfoFields);
}
