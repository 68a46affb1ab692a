import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { toGrpcStatus } from '../../common/rpc/grpc-status.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { SparkError } from './spark-error.ts';

/**
 * What all copies of a message may take in the trailers, percent-encoded: clients refuse more than 8 KiB of metadata, and
 * the text travels three times (grpc-message, Spark's status, Quarry's own). FetchErrorDetails has all of it.
 */
const MESSAGE_LENGTH_MAX = 1_500;
const PARAMETERS_LENGTH_MAX = 800;

/**
 * The gRPC status of an error as Spark sends it: INTERNAL whatever it is (another code would make clients retry), with an
 * ErrorInfo from which they rebuild the exception. Code and message in the details equal the call's exactly; a
 * Python client raises ValueError otherwise.
 */
export function errorStatus(error: SparkError, errorId: string): Partial<StatusObject> {
  const details = truncated(error.message);
  const metadata =
    toGrpcStatus(
      new QuarryError(error.cause.code, truncated(error.cause.message), { details: error.cause.details }),
    ).metadata ?? new Metadata();
  metadata.set('grpc-status-details-bin', rpcStatus(status.INTERNAL, details, errorInfo(error, errorId)));
  return { code: status.INTERNAL, details, metadata };
}

function truncated(message: string): string {
  // A lone surrogate has no UTF-8 form.
  let text = message.replaceAll(/\p{Surrogate}/gu, '\ufffd');
  while (encodeURI(text).length > MESSAGE_LENGTH_MAX) {
    text = `${text.slice(0, Math.floor(text.length * 0.8)).replace(/[\ud800-\udbff]$/, '')}...`;
  }
  return text;
}

/** The reason and metadata of google.rpc.ErrorInfo. */
function errorInfo(error: SparkError, errorId: string): { reason: string; metadata: Record<string, string> } {
  const parameters = JSON.stringify(error.parameters);
  return {
    reason: error.classes[0]!,
    metadata: {
      classes: JSON.stringify(error.classes),
      errorId,
      ...(error.errorClass === undefined ? {} : { errorClass: error.errorClass }),
      ...(error.sqlState === undefined ? {} : { sqlState: error.sqlState }),
      ...(error.errorClass === undefined || parameters.length > PARAMETERS_LENGTH_MAX
        ? {}
        : { messageParameters: parameters }),
    },
  };
}

/** google.rpc.Status { code = 1, message = 2, details = 3 } around one ErrorInfo { reason = 1, domain = 2, metadata = 3 }. */
function rpcStatus(
  code: number,
  message: string,
  info: { reason: string; metadata: Record<string, string> },
): Buffer {
  const detail = protobuf.Writer.create();
  detail.uint32(0x0a).string(info.reason).uint32(0x12).string('org.apache.spark');
  for (const [key, value] of Object.entries(info.metadata)) {
    detail.uint32(0x1a).fork().uint32(0x0a).string(key).uint32(0x12).string(value).ldelim();
  }
  const writer = protobuf.Writer.create();
  writer.uint32(0x08).int32(code).uint32(0x12).string(message);
  writer.uint32(0x1a).fork();
  writer.uint32(0x0a).string('type.googleapis.com/google.rpc.ErrorInfo').uint32(0x12).bytes(detail.finish());
  return Buffer.from(writer.ldelim().finish());
}
