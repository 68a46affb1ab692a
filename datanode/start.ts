// Loaded while the process waits for its options, not when it opens its store.
import 'classic-level';
import { metrics, notFound, serveHttp } from '../common/http-door.ts';
import type { StartRole } from '../common/role.ts';
import { Datanode } from './datanode.ts';
import { metricsText } from './metrics.ts';

/** Starts a datanode and its HTTP door; resolves when the namenode knows it. Errors: see Datanode.start. */
export const start: StartRole = async (options, config, seams) => {
  const host = config['bind.host'];
  const nodeId = options.node || options.name;
  // The namenode is told this door's address at registration, so it opens first.
  let text = () => '';
  const http = await serveHttp(host, config['datanode.httpPort'], (path) =>
    path === '/metrics' ? metrics(text()) : notFound('this datanode serves /metrics'),
  );
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
    text = () => metricsText(nodeId, datanode.stats(), process.memoryUsage());
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
