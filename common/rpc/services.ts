import type { DatanodeRecoveryServiceDefinition } from '../../proto/gen/quarry/DatanodeRecoveryService.ts';
import type { DatanodeReportServiceDefinition } from '../../proto/gen/quarry/DatanodeReportService.ts';
import type { ExecutorServiceDefinition } from '../../proto/gen/quarry/ExecutorService.ts';
import type { NamenodeServiceDefinition } from '../../proto/gen/quarry/NamenodeService.ts';
import type { TaskServiceDefinition } from '../../proto/gen/quarry/TaskService.ts';
import type { ViewsServiceDefinition } from '../../proto/gen/quarry/ViewsService.ts';
import { Protocol } from './protocol.ts';

/** Each file is read on first use, so that a process pays for its own services only. */
function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

const namenode = lazy(() => Protocol.load('quarry/namenode'));
const datanode = lazy(() => Protocol.load('quarry/datanode'));
const driver = lazy(() => Protocol.load('quarry/driver'));
const executor = lazy(() => Protocol.load('quarry/executor'));

export const namenodeService = lazy(
  () => namenode().service('quarry.NamenodeService') as unknown as NamenodeServiceDefinition,
);
export const datanodeReportService = lazy(
  () => datanode().service('quarry.DatanodeReportService') as unknown as DatanodeReportServiceDefinition,
);
export const datanodeRecoveryService = lazy(
  () => datanode().service('quarry.DatanodeRecoveryService') as unknown as DatanodeRecoveryServiceDefinition,
);
export const executorService = lazy(
  () => driver().service('quarry.ExecutorService') as unknown as ExecutorServiceDefinition,
);
export const taskService = lazy(
  () => executor().service('quarry.TaskService') as unknown as TaskServiceDefinition,
);
export const viewsService = lazy(
  () => Protocol.load('quarry/views').service('quarry.ViewsService') as unknown as ViewsServiceDefinition,
);
