import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { BlockCache } from '../cache/block-cache.ts';
import { KernelPool } from '../kernel/kernel-pool.ts';
import { RddTaskRunner } from '../rdd/rdd-task-runner.ts';
import { FileRangeSource } from '../scan/file-range-source.ts';
import { ScanReader } from '../scan/scan-reader.ts';
import { SqlTaskRunner } from './sql-task-runner.ts';
import type { ExecutorEnvironment, TaskRunner } from './task-runner.ts';

export interface OpenRunners {
  readonly sql: TaskRunner;
  readonly rdd: TaskRunner;
  readonly kernels: KernelPool;
}

/** Both runners of an executor, on kernels that they share. Importing this file loads the kernel's library. */
export function openRunners(environment: ExecutorEnvironment, cache: BlockCache): OpenRunners {
  const { config } = environment;
  const kernels = new KernelPool({
    memoryLimitBytes: Math.floor(config['executor.memoryLimitBytes'] / Math.max(1, config['executor.slots'])),
    // A job of one task should have the whole machine; with more tasks the system shares it out.
    threads: availableParallelism(),
    temporaryDirectory: join(environment.temporaryDirectory, 'kernel'),
  });
  const scans = new ScanReader(cache, new FileRangeSource(environment.fileSystem), environment.node);
  const sql = new SqlTaskRunner(environment, kernels, scans);
  return { sql, rdd: new RddTaskRunner(environment, sql), kernels };
}
