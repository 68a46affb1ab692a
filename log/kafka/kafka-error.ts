import type { ErrorCode } from '../../common/error-codes.ts';
import { QuarryError } from '../../common/quarry-error.ts';

interface Meaning {
  readonly name: string;
  readonly code: ErrorCode;
  /** The same request will not be answered otherwise: the caller starts anew. */
  readonly final?: boolean;
  /** What the user can do. */
  readonly hint?: string;
}

const RETRY = 'LOG_UNAVAILABLE';

/** Kafka's error codes that this client tells apart; every other one is a refusal that says its number. */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  1: { name: 'OFFSET_OUT_OF_RANGE', code: 'OFFSET_OUT_OF_RANGE' },
  2: { name: 'CORRUPT_MESSAGE', code: RETRY },
  3: { name: 'UNKNOWN_TOPIC_OR_PARTITION', code: 'TOPIC_NOT_FOUND' },
  5: { name: 'LEADER_NOT_AVAILABLE', code: RETRY },
  6: { name: 'NOT_LEADER_OR_FOLLOWER', code: RETRY },
  7: { name: 'REQUEST_TIMED_OUT', code: RETRY },
  9: { name: 'REPLICA_NOT_AVAILABLE', code: RETRY },
  10: {
    name: 'MESSAGE_TOO_LARGE',
    code: 'LIMIT_EXCEEDED',
    hint: "a record is larger than the topic's max.message.bytes, or the brokers' message.max.bytes, allows",
  },
  13: { name: 'NETWORK_EXCEPTION', code: RETRY },
  14: { name: 'COORDINATOR_LOAD_IN_PROGRESS', code: RETRY },
  15: { name: 'COORDINATOR_NOT_AVAILABLE', code: RETRY },
  16: { name: 'NOT_COORDINATOR', code: RETRY },
  17: { name: 'INVALID_TOPIC', code: 'INVALID_ARGUMENT' },
  18: {
    name: 'RECORD_LIST_TOO_LARGE',
    code: 'LIMIT_EXCEEDED',
    hint: "a record is larger than the topic's segment.bytes allows",
  },
  19: { name: 'NOT_ENOUGH_REPLICAS', code: RETRY },
  20: { name: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', code: RETRY },
  29: { name: 'TOPIC_AUTHORIZATION_FAILED', code: 'PERMISSION_DENIED' },
  31: { name: 'CLUSTER_AUTHORIZATION_FAILED', code: 'PERMISSION_DENIED' },
  32: {
    name: 'INVALID_TIMESTAMP',
    code: 'INVALID_ARGUMENT',
    hint: "a record's time is further from the broker's clock than the topic's message.timestamp.after.max.ms and message.timestamp.before.max.ms allow",
  },
  35: { name: 'UNSUPPORTED_VERSION', code: 'UNSUPPORTED', hint: 'Kafka 2.1 or newer is needed' },
  36: { name: 'TOPIC_ALREADY_EXISTS', code: 'INVALID_ARGUMENT' },
  37: { name: 'INVALID_PARTITIONS', code: 'INVALID_ARGUMENT' },
  38: { name: 'INVALID_REPLICATION_FACTOR', code: 'INVALID_ARGUMENT' },
  40: { name: 'INVALID_CONFIG', code: 'INVALID_ARGUMENT' },
  41: { name: 'NOT_CONTROLLER', code: RETRY },
  44: { name: 'POLICY_VIOLATION', code: 'INVALID_ARGUMENT' },
  45: { name: 'OUT_OF_ORDER_SEQUENCE_NUMBER', code: RETRY, final: true },
  47: { name: 'INVALID_PRODUCER_EPOCH', code: 'FENCED' },
  48: { name: 'INVALID_TXN_STATE', code: RETRY, final: true },
  49: { name: 'INVALID_PRODUCER_ID_MAPPING', code: RETRY, final: true },
  50: {
    name: 'INVALID_TRANSACTION_TIMEOUT',
    code: 'INVALID_ARGUMENT',
    hint: "transaction.timeout.ms is above the brokers' transaction.max.timeout.ms",
  },
  51: { name: 'CONCURRENT_TRANSACTIONS', code: RETRY },
  53: { name: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', code: 'PERMISSION_DENIED' },
  56: { name: 'KAFKA_STORAGE_ERROR', code: RETRY },
  59: { name: 'UNKNOWN_PRODUCER_ID', code: RETRY, final: true },
  74: { name: 'FENCED_LEADER_EPOCH', code: RETRY },
  75: { name: 'UNKNOWN_LEADER_EPOCH', code: RETRY },
  76: { name: 'UNSUPPORTED_COMPRESSION_TYPE', code: 'UNSUPPORTED' },
  78: { name: 'OFFSET_NOT_AVAILABLE', code: RETRY },
  87: { name: 'INVALID_RECORD', code: 'INVALID_ARGUMENT' },
  89: { name: 'THROTTLING_QUOTA_EXCEEDED', code: RETRY },
  90: { name: 'PRODUCER_FENCED', code: 'FENCED' },
  100: { name: 'UNKNOWN_TOPIC_ID', code: RETRY },
};

/** The typed error of a Kafka error code; `details.kafka` is its name. */
export function kafkaError(code: number, about: string): QuarryError {
  const meaning = MEANINGS[code];
  const name = meaning?.name ?? `error ${code}`;
  const hint = meaning?.hint === undefined ? '' : `: ${meaning.hint}`;
  return new QuarryError(meaning?.code ?? 'INTERNAL', `Kafka answered ${name} for ${about}${hint}`, {
    details: { kafka: name, kafkaCode: code, final: meaning?.final ?? false },
  });
}

export function topicNotFound(topic: string): QuarryError {
  return new QuarryError('TOPIC_NOT_FOUND', `there is no topic ${JSON.stringify(topic)}: create it first`);
}

/** A broker answers "unknown topic" also for a partition that it leads no longer: ask again; when the topic is gone, the metadata says so. */
export function moved(error: QuarryError): QuarryError {
  return error.code === 'TOPIC_NOT_FOUND' ? new QuarryError('LOG_UNAVAILABLE', error.message) : error;
}
