import { Protocol } from '../../common/rpc/protocol.ts';
import type { SparkConnectServiceDefinition } from '../../proto/gen/spark/connect/SparkConnectService.ts';

let loaded: SparkConnectServiceDefinition | undefined;

/** Spark Connect's methods as a client calls them. Read on first use. */
export function connectService(): SparkConnectServiceDefinition {
  loaded ??= Protocol.load('spark/connect/base', String).service(
    'spark.connect.SparkConnectService',
  ) as unknown as SparkConnectServiceDefinition;
  return loaded;
}
