import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveConfig } from '../../../../common/config.ts';
import { silentLog } from '../../../../common/log.ts';
import type { RoleOptions, RunningRole } from '../../../../common/role.ts';
import { systemSeams } from '../../../../common/seams/system.ts';
import { FileIndex } from '../../../../driver/files/file-index.ts';
import { SplitPlanner } from '../../../../driver/files/split-planner.ts';
import type { LogicalPlan } from '../../../../driver/plan/logical-plan.ts';
import type { Compute } from '../../../../driver/schedule/compute.ts';
import { StreamEngine, type StreamEngineOptions } from '../../../../driver/stream/stream-engine.ts';
import type { StreamingQuery, StreamSpec } from '../../../../driver/stream/streaming-query.ts';
import type { Log } from '../../../../log/log.ts';
import { openLog } from '../../../../log/open-log.ts';
import { start as startLog } from '../../../../services/log/start.ts';
import { PlanFixture } from '../plan/plan-fixture.ts';
import { LocalJobs } from './local-jobs.ts';
import { MemoryFileSystem } from './memory-file-system.ts';

/** An engine over an embedded log, files in memory and tasks in this process: everything of a streaming query but the wire. */
export class StreamFixture {
  readonly files = new MemoryFileSystem();
  readonly plans: PlanFixture;
  readonly log: Log;
  readonly logUrl: string;
  readonly #jobs: LocalJobs;
  readonly #service: RunningRole;
  readonly #directory: string;
  #ids = 10_000;
  engine: StreamEngine;

  private constructor(
    parts: { plans: PlanFixture; log: Log; jobs: LocalJobs; service: RunningRole; directory: string },
    files: MemoryFileSystem,
  ) {
    this.files = files;
    this.plans = parts.plans;
    this.log = parts.log;
    this.logUrl = `quarry-log://${parts.service.addresses['log']!}`;
    this.#jobs = parts.jobs;
    this.#service = parts.service;
    this.#directory = parts.directory;
    this.engine = this.newEngine();
  }

  static async open(): Promise<StreamFixture> {
    const directory = await mkdtemp(join(tmpdir(), 'quarry-log-'));
    const files = new MemoryFileSystem();
    const service = await startLog(
      {} as RoleOptions,
      resolveConfig({ 'log.port': '0' }),
      systemSeams(directory, silentLog()),
    );
    const log = await openLog(`quarry-log://${service.addresses['log']!}`);
    const [plans, jobs] = [await PlanFixture.open(), await LocalJobs.open(files)];
    return new StreamFixture({ plans, log, jobs, service, directory }, files);
  }

  async close(): Promise<void> {
    await this.engine.close();
    await this.log.close();
    await this.#service.close();
    await this.#jobs.close();
    this.plans.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** As after a driver has died: nothing of the old one goes on. */
  newEngine(onStep?: StreamEngineOptions['onStep']): StreamEngine {
    const { fileSystem } = this.files;
    const seams = systemSeams(this.#directory, silentLog());
    const files = new FileIndex(fileSystem);
    const splits = new SplitPlanner(fileSystem, files, seams.clock);
    const executor = {
      id: 'ex1',
      incarnation: '1',
      node: 'dn1',
      taskAddress: '',
      shuffleAddress: 'here',
      slots: 2,
    };
    const compute = { jobs: this.#jobs, files, splits, executors: () => [executor] } as unknown as Compute;
    this.engine = new StreamEngine({
      compute,
      fileSystem,
      config: resolveConfig(),
      seams,
      ...(onStep === undefined ? {} : { onStep }),
    });
    return this.engine;
  }

  async append(
    topic: string,
    values: readonly (string | null)[],
    partition = 0,
    timestampMs = 1_700_000_000_000,
  ): Promise<void> {
    await this.log.sink.append(
      values.map((value) => ({
        topic,
        partition,
        key: null,
        value: value === null ? null : Buffer.from(value),
        timestampMs,
      })),
    );
  }

  source(
    format: string,
    columns: readonly (readonly [name: string, type: string])[],
    options: Record<string, string>,
  ): LogicalPlan {
    const output = columns.map(([name, kind]) => ({
      id: this.#ids++,
      name,
      type: { kind } as never,
      nullable: true,
      planIds: [],
      qualifiers: [],
    }));
    return { kind: 'stream-source', output, format, options, userSchema: undefined };
  }

  /** Registers `name` as a stream of a topic's records. */
  topic(name: string, topic: string, options: Record<string, string> = {}): void {
    const columns = [
      ['key', 'binary'],
      ['value', 'binary'],
      ['topic', 'string'],
      ['partition', 'integer'],
      ['offset', 'long'],
      ['timestamp', 'timestamp'],
      ['timestampType', 'integer'],
    ] as const;
    const all = { url: this.logUrl, subscribe: topic, startingOffsets: 'earliest', ...options };
    this.plans.addView(name, this.source('quarry-log', columns, all));
  }

  async sql(text: string): Promise<LogicalPlan> {
    return (await this.plans.analyzer.analyzeSql(text)) as LogicalPlan;
  }

  /** Registers `name` as `plan` with a watermark on `column`. */
  watermark(name: string, plan: LogicalPlan, column: string, delayMs: number): void {
    const columnId = plan.output.find((each) => each.name === column)!.id;
    this.plans.addView(name, { kind: 'watermark', output: plan.output, input: plan, columnId, delayMs });
  }

  start(plan: LogicalPlan, spec: Partial<StreamSpec>): Promise<StreamingQuery> {
    return this.engine.start(
      {
        name: '',
        plan,
        format: 'memory',
        path: '',
        table: '',
        options: {},
        partitionBy: [],
        outputMode: 'append',
        trigger: { kind: 'available-now' },
        ...spec,
      },
      { sessionId: 's', timeZone: 'UTC', conf: new Map() },
    );
  }
}
