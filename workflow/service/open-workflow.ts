import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '../../common/config.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Seams } from '../../common/seams/seams.ts';
import { SchedulerState } from '../core/scheduler-state.ts';
import { AttemptLauncher } from '../run/attempt-launcher.ts';
import { WorkflowStore } from '../store/workflow-store.ts';
import { DagCatalog } from './dag-catalog.ts';
import { serveApi } from './http-api.ts';
import { WorkflowService } from './workflow-service.ts';

export interface WorkflowOptions {
  /** Store and logs; this process is its only owner. */
  readonly directory: string;
  readonly dags: readonly string[];
  readonly cluster: string;
  readonly config: Config;
  readonly seams: Pick<Seams, 'disk' | 'log'>;
  /** False: runs only when asked to. */
  readonly hasSchedules?: boolean;
}

export interface Workflow {
  /** host:port of the API. */
  readonly address: string;
  close(): Promise<void>;
}

const STORE = 'store';
const STORE_ID = 'store-id';

/** The scheduler with its API. Errors: STORAGE_IN_USE, DISK_FAILED, PORT_IN_USE, INVALID_ARGUMENT. */
export async function openWorkflow(options: WorkflowOptions): Promise<Workflow> {
  const { config, seams } = options;
  const pools = parsePools(config['workflow.pools']);
  const known = (await seams.disk.readFile(STORE_ID))?.toString();
  const storage = await seams.disk.openStore(STORE, { createIfMissing: known === undefined });
  const storeId = known ?? randomUUID();
  if (known === undefined) await seams.disk.writeFileDurably(STORE_ID, Buffer.from(storeId));
  const store = new WorkflowStore(storage.db);
  const state = new SchedulerState({
    slots: config['workflow.slots'],
    pools,
    runsKept: config['workflow.runsKept'],
  });
  state.apply((await store.load()).map((record) => ({ put: record })));
  const catalog = new DagCatalog(options.dags, new Set(pools.keys()));
  const world = {
    directory: join(options.directory, 'attempts'),
    storeId,
    cluster: options.cluster,
    smtpUrl: config['workflow.smtpUrl'],
    workflowUrl: '',
  };
  const service = new WorkflowService({
    state,
    store,
    catalog,
    launcher: new AttemptLauncher(config['workflow.killGraceMs']),
    world,
    log: seams.log,
    fail(cause) {
      // What is on disk decides; a process that cannot write it must not go on from memory.
      seams.log.fatal({ err: cause }, 'scheduler.failed');
      process.exit(70);
    },
  });
  const door = await serveApi(config['bind.host'], config['workflow.port'], { service, catalog, world });
  world.workflowUrl = `http://${door.address}`;
  await service.start(options.hasSchedules ?? true);
  let isReloading = false;
  const reload = setInterval(() => {
    if (isReloading) return;
    isReloading = true;
    service
      .reload()
      .catch((thrown: unknown) => seams.log.error({ err: thrown }, 'dags.not-loaded'))
      .finally(() => {
        isReloading = false;
      });
  }, config['workflow.reloadIntervalMs']);
  return {
    address: door.address,
    async close() {
      clearInterval(reload);
      await door.close();
      await service.close();
      await storage.close();
    },
  };
}

function parsePools(pools: readonly string[]): Map<string, number> {
  return new Map(
    pools.map((text) => {
      const [, name, slots] = /^([\w.-]+)=(\d+)$/.exec(text) ?? [];
      if (name === undefined)
        throw new QuarryError(
          'INVALID_ARGUMENT',
          `workflow.pools takes NAME=SLOTS, not ${JSON.stringify(text)}`,
        );
      return [name, Number(slots)] as const;
    }),
  );
}
