import { dirname } from 'node:path';
import type { StartRole } from '../../common/role.ts';
import { openWorkflow } from '../../workflow/service/open-workflow.ts';

/**
 * `service.dags`: DAG files and directories of them, one per line. `service.cluster`: the cluster's directory, where tasks find
 * cluster.json; the directory above the service's own when it is not given.
 */
export const start: StartRole = async ({ directory, service }, config, seams) => {
  const paths = (service?.['dags'] ?? '').split('\n').filter((path) => path.trim() !== '');
  const workflow = await openWorkflow({
    directory,
    dags: paths,
    cluster: service?.['cluster'] ?? dirname(directory),
    config,
    seams,
  });
  return { addresses: { http: workflow.address }, close: () => workflow.close() };
};
