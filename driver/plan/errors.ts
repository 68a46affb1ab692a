import { QuarryError } from '../../common/quarry-error.ts';

/** SQLSTATE of the error classes that the analyzer raises; clients show both. */
const SQL_STATES = {
  'UNRESOLVED_COLUMN.WITH_SUGGESTION': '42703',
  'UNRESOLVED_COLUMN.WITHOUT_SUGGESTION': '42703',
  CANNOT_RESOLVE_DATAFRAME_COLUMN: '42704',
  AMBIGUOUS_REFERENCE: '42704',
  AMBIGUOUS_COLUMN_REFERENCE: '42702',
  FIELD_NOT_FOUND: '42704',
  TABLE_OR_VIEW_NOT_FOUND: '42P01',
  PATH_NOT_FOUND: '42K03',
  UNRESOLVED_ROUTINE: '42883',
  UNRESOLVED_USING_COLUMN_FOR_JOIN: '42703',
  'WRONG_NUM_ARGS.WITHOUT_SUGGESTION': '42605',
  'DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE': '42K09',
  'DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES': '42K09',
  'DATATYPE_MISMATCH.DATA_DIFF_TYPES': '42K09',
  'DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION': '42K09',
  'DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN': '42K09',
  MISSING_AGGREGATION: '42803',
  GROUP_BY_AGGREGATE: '42903',
  GROUP_BY_POS_OUT_OF_RANGE: '42805',
  ORDER_BY_POS_OUT_OF_RANGE: '42805',
  NUM_COLUMNS_MISMATCH: '42826',
  INCOMPATIBLE_COLUMN_TYPE: '42825',
  ASSIGNMENT_ARITY_MISMATCH: '42802',
  UNSUPPORTED_FEATURE: '0A000',
  UNSUPPORTED_GENERATOR: '42K0E',
  WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE: '42601',
  COLUMN_ALREADY_EXISTS: '42711',
  UNBOUND_SQL_PARAMETER: '42P02',
  UNPIVOT_VALUE_DATA_TYPE_MISMATCH: '42K09',
  INVALID_REGEXP: '2201B',
  INVALID_EXTRACT_BASE_FIELD_TYPE: '42000',
} as const;

export type AnalysisErrorClass = keyof typeof SQL_STATES;

/** An ANALYSIS error as Spark words it: clients show the class, the text and the SQLSTATE. */
export function analysisError(errorClass: AnalysisErrorClass, text: string): QuarryError {
  const sqlState = SQL_STATES[errorClass];
  return new QuarryError('ANALYSIS', `[${errorClass}] ${text} SQLSTATE: ${sqlState}`, {
    details: { errorClass, sqlState },
  });
}

/** A part of Spark that is not here. The text says which. */
export function unsupported(what: string): QuarryError {
  return new QuarryError('UNSUPPORTED', `[UNSUPPORTED_FEATURE] ${what} is not supported. SQLSTATE: 0A000`, {
    details: { errorClass: 'UNSUPPORTED_FEATURE', sqlState: '0A000' },
  });
}
