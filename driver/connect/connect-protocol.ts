import { Protocol } from '../../common/rpc/protocol.ts';
import type { ExecutePlanResponseInput } from '../../proto/gen/spark/connect/ExecutePlanResponse.ts';
import type { WriteStreamOperationStart } from '../../proto/gen/spark/connect/WriteStreamOperationStart.ts';
import type { SparkConnectServiceDefinition } from '../../proto/gen/spark/connect/SparkConnectService.ts';

const SERVICE = 'spark.connect.SparkConnectService';

let protocol: Protocol | undefined;
let loaded: SparkConnectServiceDefinition | undefined;

function spark(): Protocol {
  protocol ??= Protocol.load('spark/connect/base', String);
  return protocol;
}

/** The codecs of Spark Connect. Reading them takes tens of milliseconds, so the first call pays and the start does not. */
export function connectProtocol(): SparkConnectServiceDefinition {
  loaded ??= spark().service(SERVICE) as unknown as SparkConnectServiceDefinition;
  return loaded;
}

/** A WriteStreamOperationStart that travels inside a message of ours. */
export function decodeWriteStream(bytes: Buffer): WriteStreamOperationStart {
  const { deserialize } = spark().message('spark.connect.WriteStreamOperationStart');
  return deserialize(bytes) as WriteStreamOperationStart;
}

export function methodPath(name: keyof SparkConnectServiceDefinition): string {
  return `/${SERVICE}/${name}`;
}

/** An encoded response: kept once for every time it is sent. */
export function encodeResponse(response: ExecutePlanResponseInput): Buffer {
  return connectProtocol().ExecutePlan.responseSerialize(response);
}
