import { join } from 'node:path';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import type { DatanodeRecoveryServiceDefinition } from '../../proto/gen/quarry/DatanodeRecoveryService.ts';
import type { DatanodeReportServiceDefinition } from '../../proto/gen/quarry/DatanodeReportService.ts';
import type { ExecutorServiceDefinition } from '../../proto/gen/quarry/ExecutorService.ts';
import type { NamenodeServiceDefinition } from '../../proto/gen/quarry/NamenodeService.ts';
import type { TaskServiceDefinition } from '../../proto/gen/quarry/TaskService.ts';
import { packageRoot } from '../package-root.ts';

/**
 * Loads one service from proto/. Each file is parsed on first use, so that a process pays for its own services only.
 * `longs` must agree with scripts/generate.ts: numbers for Quarry's ids and sizes, strings where any 64-bit value may come.
 */
export function loadService(
  directory: string,
  file: string,
  name: string,
  longs: typeof Number | typeof String = Number,
): ServiceDefinition {
  const definition = loadSync(file, {
    includeDirs: [join(packageRoot, 'proto', directory)],
    longs,
    enums: String,
    defaults: true,
    oneofs: true,
  })[name];
  if (definition === undefined || 'format' in definition) throw new Error(`${file} has no service ${name}`);
  return definition as ServiceDefinition;
}

function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

export const namenodeService = lazy(
  () =>
    loadService('quarry', 'namenode.proto', 'quarry.NamenodeService') as unknown as NamenodeServiceDefinition,
);
export const datanodeReportService = lazy(
  () =>
    loadService(
      'quarry',
      'datanode.proto',
      'quarry.DatanodeReportService',
    ) as unknown as DatanodeReportServiceDefinition,
);
export const datanodeRecoveryService = lazy(
  () =>
    loadService(
      'quarry',
      'datanode.proto',
      'quarry.DatanodeRecoveryService',
    ) as unknown as DatanodeRecoveryServiceDefinition,
);
export const executorService = lazy(
  () =>
    loadService('quarry', 'driver.proto', 'quarry.ExecutorService') as unknown as ExecutorServiceDefinition,
);
export const taskService = lazy(
  () => loadService('quarry', 'executor.proto', 'quarry.TaskService') as unknown as TaskServiceDefinition,
);
