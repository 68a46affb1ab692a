import { status } from '@grpc/grpc-js';

/** What a caller does with an error of this code. Callers switch on the reaction, never on a message. */
export type Reaction =
  | 'give-up'
  | 'retry'
  | 'try-other-replica'
  | 'refresh-metadata'
  | 're-register'
  | 'recompute-input';

export interface ErrorCodeSpec {
  readonly status: status;
  readonly reaction: Reaction;
}

/** The one table of error codes. A code exists only where a caller reacts to it or a user must tell it apart. */
export const ERROR_CODES = {
  // input of a user
  INVALID_ARGUMENT: { status: status.INVALID_ARGUMENT, reaction: 'give-up' },
  INVALID_PATH: { status: status.INVALID_ARGUMENT, reaction: 'give-up' },
  UNKNOWN_CONFIG: { status: status.INVALID_ARGUMENT, reaction: 'give-up' },
  UNSUPPORTED: { status: status.UNIMPLEMENTED, reaction: 'give-up' },
  PERMISSION_DENIED: { status: status.PERMISSION_DENIED, reaction: 'give-up' },
  INTERRUPTED: { status: status.CANCELLED, reaction: 'give-up' },
  // namespace
  FILE_NOT_FOUND: { status: status.NOT_FOUND, reaction: 'give-up' },
  FILE_EXISTS: { status: status.ALREADY_EXISTS, reaction: 'give-up' },
  NOT_A_DIRECTORY: { status: status.FAILED_PRECONDITION, reaction: 'give-up' },
  IS_A_DIRECTORY: { status: status.FAILED_PRECONDITION, reaction: 'give-up' },
  DIRECTORY_NOT_EMPTY: { status: status.FAILED_PRECONDITION, reaction: 'give-up' },
  LEASE_HELD: { status: status.FAILED_PRECONDITION, reaction: 'give-up' },
  LEASE_LOST: { status: status.FAILED_PRECONDITION, reaction: 'give-up' },
  LIMIT_EXCEEDED: { status: status.RESOURCE_EXHAUSTED, reaction: 'give-up' },
  CALL_ID_REUSED: { status: status.INVALID_ARGUMENT, reaction: 'give-up' },
  // namenode and cluster
  SAFE_MODE: { status: status.UNAVAILABLE, reaction: 'retry' },
  NOT_ENOUGH_DATANODES: { status: status.UNAVAILABLE, reaction: 'retry' },
  NOT_REPLICATED_YET: { status: status.UNAVAILABLE, reaction: 'retry' },
  NOT_REGISTERED: { status: status.FAILED_PRECONDITION, reaction: 're-register' },
  WRONG_CLUSTER: { status: status.FAILED_PRECONDITION, reaction: 'give-up' },
  WRONG_LAYOUT: { status: status.FAILED_PRECONDITION, reaction: 'give-up' },
  STORAGE_IN_USE: { status: status.ALREADY_EXISTS, reaction: 'give-up' },
  PORT_IN_USE: { status: status.ALREADY_EXISTS, reaction: 'give-up' },
  NOT_FORMATTED: { status: status.FAILED_PRECONDITION, reaction: 'give-up' },
  METADATA_DAMAGED: { status: status.DATA_LOSS, reaction: 'give-up' },
  CLUSTER_NOT_RUNNING: { status: status.UNAVAILABLE, reaction: 'give-up' },
  // blocks
  NO_SPACE: { status: status.RESOURCE_EXHAUSTED, reaction: 'try-other-replica' },
  BLOCK_NOT_FOUND: { status: status.NOT_FOUND, reaction: 'try-other-replica' },
  BLOCK_CORRUPT: { status: status.DATA_LOSS, reaction: 'try-other-replica' },
  STALE_GENERATION: { status: status.FAILED_PRECONDITION, reaction: 'refresh-metadata' },
  BLOCK_UNAVAILABLE: { status: status.UNAVAILABLE, reaction: 'give-up' },
  PIPELINE_FAILED: { status: status.UNAVAILABLE, reaction: 'give-up' },
  DISK_FAILED: { status: status.UNAVAILABLE, reaction: 'try-other-replica' },
  // compute
  ANALYSIS: { status: status.INVALID_ARGUMENT, reaction: 'give-up' },
  PARSE: { status: status.INVALID_ARGUMENT, reaction: 'give-up' },
  BAD_DATA: { status: status.INVALID_ARGUMENT, reaction: 'give-up' },
  ARITHMETIC: { status: status.INVALID_ARGUMENT, reaction: 'give-up' },
  USER_CODE: { status: status.ABORTED, reaction: 'give-up' },
  CAPTURED_VARIABLE: { status: status.INVALID_ARGUMENT, reaction: 'give-up' },
  SHUFFLE_LOST: { status: status.UNAVAILABLE, reaction: 'recompute-input' },
  EXECUTOR_LOST: { status: status.UNAVAILABLE, reaction: 'retry' },
  OUT_OF_MEMORY: { status: status.RESOURCE_EXHAUSTED, reaction: 'give-up' },
  NO_EXECUTORS: { status: status.UNAVAILABLE, reaction: 'retry' },
  SESSION_NOT_FOUND: { status: status.NOT_FOUND, reaction: 'give-up' },
  OPERATION_NOT_FOUND: { status: status.NOT_FOUND, reaction: 'give-up' },
  // log, streams, views
  TOPIC_NOT_FOUND: { status: status.NOT_FOUND, reaction: 'give-up' },
  OFFSET_OUT_OF_RANGE: { status: status.OUT_OF_RANGE, reaction: 'give-up' },
  LOG_UNAVAILABLE: { status: status.UNAVAILABLE, reaction: 'retry' },
  FENCED: { status: status.ABORTED, reaction: 'give-up' },
  CHECKPOINT_MISMATCH: { status: status.FAILED_PRECONDITION, reaction: 'give-up' },
  STREAM_ACTIVE: { status: status.ALREADY_EXISTS, reaction: 'give-up' },
  VIEW_UNAVAILABLE: { status: status.UNAVAILABLE, reaction: 'retry' },
  TABLES_UNAVAILABLE: { status: status.UNAVAILABLE, reaction: 'retry' },
  TABLE_EXISTS: { status: status.ALREADY_EXISTS, reaction: 'give-up' },
  // workflow
  DAG_INVALID: { status: status.INVALID_ARGUMENT, reaction: 'give-up' },
  DAG_NOT_FOUND: { status: status.NOT_FOUND, reaction: 'give-up' },
  TASK_FAILED: { status: status.ABORTED, reaction: 'retry' },
  SENSOR_TIMEOUT: { status: status.DEADLINE_EXCEEDED, reaction: 'give-up' },
  // transport
  PEER_UNREACHABLE: { status: status.UNAVAILABLE, reaction: 'retry' },
  DEADLINE: { status: status.DEADLINE_EXCEEDED, reaction: 'retry' },
  INTERNAL: { status: status.INTERNAL, reaction: 'give-up' },
} as const satisfies Record<string, ErrorCodeSpec>;

export type ErrorCode = keyof typeof ERROR_CODES;
