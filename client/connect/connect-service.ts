import { Protocol } from '../../common/rpc/protocol.ts';
import type { WriteStreamOperationStartInput } from '../../proto/gen/spark/connect/WriteStreamOperationStart.ts';
import type { SparkConnectServiceDefinition } from '../../proto/gen/spark/connect/SparkConnectService.ts';

let protocol: Protocol | undefined;
let loaded: SparkConnectServiceDefinition | undefined;

function spark(): Protocol {
  protocol ??= Protocol.load('spark/connect/base', String);
  return protocol;
}

/** Spark Connect's methods as a client calls them. Read on first use. */
export function connectService(): SparkConnectServiceDefinition {
  loaded ??= spark().service('spark.connect.SparkConnectService') as unknown as SparkConnectServiceDefinition;
  return loaded;
}

/** A WriteStreamOperationStart as it travels inside a message of ours. */
export function encodeWriteStream(operation: WriteStreamOperationStartInput): Buffer {
  return spark().message('spark.connect.WriteStreamOperationStart').serialize(operation);
}
