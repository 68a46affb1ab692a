import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { ERROR_CODES } from '../error-codes.ts';
import { QuarryError, type WireError } from '../quarry-error.ts';

const TRAILER = 'quarry-error-bin';

/** The gRPC form of an error: the status of the table, and the whole error in one binary trailer. */
export function toGrpcStatus(thrown: unknown): Partial<StatusObject> {
  const error = QuarryError.from(thrown);
  const metadata = new Metadata();
  metadata.set(TRAILER, Buffer.from(JSON.stringify(error.toWire())));
  return { code: ERROR_CODES[error.code].status, details: error.message, metadata };
}

/** The error a caller sees: the peer's own, or what its absence says about the way there. */
export function fromGrpcStatus(thrown: unknown, address: string): QuarryError {
  const failure = thrown as Partial<StatusObject> & Error;
  const trailer = failure.metadata?.get(TRAILER)[0];
  if (Buffer.isBuffer(trailer)) return QuarryError.fromWire(JSON.parse(trailer.toString()) as WireError);
  const options = { cause: thrown, details: { address } };
  switch (failure.code) {
    case status.DEADLINE_EXCEEDED:
      return new QuarryError('DEADLINE', `no answer from ${address} in time`, options);
    case status.CANCELLED:
      return new QuarryError('INTERRUPTED', `the call to ${address} was cancelled`, options);
    case status.UNAVAILABLE:
      return new QuarryError(
        'PEER_UNREACHABLE',
        `cannot reach ${address}: ${failure.details ?? ''}`,
        options,
      );
    case status.UNIMPLEMENTED:
      return new QuarryError('UNSUPPORTED', failure.details ?? 'not implemented', options);
    default:
      return new QuarryError('INTERNAL', failure.details ?? failure.message ?? String(thrown), options);
  }
}
