import { Protocol } from '../../common/rpc/protocol.ts';
import type { ExecutePlanResponseInput } from '../../proto/gen/spark/connect/ExecutePlanResponse.ts';
import type { SparkConnectServiceDefinition } from '../../proto/gen/spark/connect/SparkConnectService.ts';

const SERVICE = 'spark.connect.SparkConnectService';

let loaded: SparkConnectServiceDefinition | undefined;

/** The codecs of Spark Connect. Reading them takes tens of milliseconds, so the first call pays and the start does not. */
export function connectProtocol(): SparkConnectServiceDefinition {
  loaded ??= Protocol.load('spark/connect/base', String).service(
    SERVICE,
  ) as unknown as SparkConnectServiceDefinition;
  return loaded;
}

export function methodPath(name: keyof SparkConnectServiceDefinition): string {
  return `/${SERVICE}/${name}`;
}

/** An encoded response: kept once for every time it is sent. */
export function encodeResponse(response: ExecutePlanResponseInput): Buffer {
  return connectProtocol().ExecutePlan.responseSerialize(response);
}
