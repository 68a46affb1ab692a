import type { StartRole } from '../common/role.ts';
import { Datanode } from './datanode.ts';
import { openHttpDoor } from './http-door.ts';
import { metricsText } from './metrics.ts';

/** Starts a datanode and its HTTP door; resolves when the namenode knows it. Errors: see Datanode.start. */
export const start: StartRole = async (options, config, seams) => {
  const host = config['bind.host'];
  const nodeId = options.node || options.name;
  const http = await openHttpDoor(host, config['datanode.httpPort']);
  try {
    const datanode = await Datanode.start(
      {
        nodeId,
        namenodeAddress: options.namenodeAddress,
        hostLabel: config['datanode.hostLabel'] || nodeId,
        dataAddress: `${host}:${config['datanode.dataPort']}`,
        grpcAddress: `${host}:${config['datanode.grpcPort']}`,
        unixSocket: options.unixSocket,
        httpAddress: http.address,
      },
      config,
      seams,
    );
    http.metrics = () => metricsText(nodeId, datanode.stats(), process.memoryUsage());
    return {
      addresses: { data: datanode.dataAddress, grpc: datanode.grpcAddress, http: http.address },
      facts: { clusterId: datanode.clusterId },
      async close() {
        await http.close();
        await datanode.close();
      },
    };
  } catch (thrown) {
    await http.close();
    throw thrown;
  }
};
