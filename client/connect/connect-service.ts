import { loadService } from '../../common/rpc/services.ts';
import type { SparkConnectServiceDefinition } from '../../proto/gen/spark/connect/SparkConnectService.ts';

let loaded: SparkConnectServiceDefinition | undefined;

/** Spark Connect's methods as a client calls them. Parsed on first use. */
export function connectService(): SparkConnectServiceDefinition {
  loaded ??= loadService(
    'spark',
    'spark/connect/base.proto',
    'spark.connect.SparkConnectService',
    String,
  ) as unknown as SparkConnectServiceDefinition;
  return loaded;
}
