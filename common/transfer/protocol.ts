import { QuarryError } from '../quarry-error.ts';

export const PROTOCOL_VERSION = 28;

export const OP = {
  WRITE_BLOCK: 80,
  READ_BLOCK: 81,
  BLOCK_CHECKSUM: 85,
  TRANSFER_BLOCK: 86,
  REQUEST_SHORT_CIRCUIT_FDS: 87,
  RELEASE_SHORT_CIRCUIT_FDS: 88,
  REQUEST_SHORT_CIRCUIT_SHM: 89,
} as const;

export const STATUS = {
  SUCCESS: 0,
  ERROR: 1,
  ERROR_CHECKSUM: 2,
  ERROR_INVALID: 3,
  ERROR_EXISTS: 4,
  ERROR_UNSUPPORTED: 7,
  CHECKSUM_OK: 6,
} as const;

/** A status's name for a message; any number may arrive. */
export function statusName(status: number): string {
  return Object.entries(STATUS).find(([, value]) => value === status)?.[0] ?? `status ${status}`;
}

/** What a WRITE_BLOCK is for; the names that callers use, the numbers of the wire. */
export const STAGE = {
  append: 0,
  'append-recovery': 1,
  'streaming-recovery': 3,
  'close-recovery': 5,
  create: 6,
  /** A datanode's copy of a replica that is still being written: it does not count as a replica before a recovery takes it in. */
  'transfer-open': 7,
  /** A datanode's copy of a finalized replica. */
  transfer: 8,
} as const;
export type WriteStage = keyof typeof STAGE;

export const CHECKSUM_NULL = 0;
export const CHECKSUM_CRC32C = 2;

/** Of a packet that only says that its sender lives. */
export const HEARTBEAT_SEQNO = -1;

/** No operation's header is near that long; a longer one is not from a client of this protocol. */
export const MESSAGE_BYTES_MAX = 64 * 1024;

/** The name of the cluster's blocks on this wire. */
export function blockPoolId(clusterId: string): string {
  return `BP-${clusterId}`;
}

/** The bytes are not those of this protocol: only ending the connection is safe. */
export function protocolViolation(what: string): QuarryError {
  return new QuarryError('PEER_UNREACHABLE', `the peer does not speak DataTransferProtocol: ${what}`);
}

/** An error as the text of a refusal. Statuses are few; the code in front lets Quarry's own clients tell a full disk from a broken one. */
export function refusalText(error: QuarryError): string {
  return `${error.code}: ${error.message}`;
}

/** The error behind a refusal; PIPELINE_FAILED when its text is not one of `refusalText`. */
export function refusalError(text: string | undefined): QuarryError {
  const [, code, message] = /^([A-Z_]+): (.*)$/s.exec(text ?? '') ?? [];
  if (code === undefined || message === undefined)
    return new QuarryError('PIPELINE_FAILED', text || 'it gave no reason');
  return QuarryError.fromWire({ code, message });
}
