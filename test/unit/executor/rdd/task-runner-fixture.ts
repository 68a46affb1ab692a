import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileSystem } from '../../../../client/fs/file-system.ts';
import { rowsOfArrow } from '../../../../common/compute/arrow-rows.ts';
import { resolveConfig } from '../../../../common/config.ts';
import { silentLog } from '../../../../common/log.ts';
import { SystemNet } from '../../../../common/seams/system-net.ts';
import type { RddTask } from '../../../../common/rdd/rdd-task.ts';
import { decodeValue } from '../../../../common/rdd/value-codec.ts';
import { RddTaskRunner } from '../../../../executor/rdd/rdd-task-runner.ts';
import { DiskShuffleStore } from '../../../../executor/shuffle/disk-shuffle-store.ts';
import { ShuffleClient } from '../../../../executor/shuffle/shuffle-client.ts';
import { newCounters, type TaskContext, type TaskOutcome } from '../../../../executor/task/task-runner.ts';
import type { MapOutputInput } from '../../../../proto/gen/quarry/MapOutput.ts';
import type { ShuffleInput } from '../../../../proto/gen/quarry/ShuffleInput.ts';

export interface RanTask {
  readonly values: readonly unknown[];
  readonly outcome: TaskOutcome;
  readonly metrics: TaskContext['metrics'];
}

/** A runner over files in memory and shuffle files on this disk. */
export class TaskRunnerFixture {
  readonly files = new Map<string, Buffer>();
  readonly runner: RddTaskRunner;
  readonly store: DiskShuffleStore;
  readonly #directory: string;
  #runs = 0;

  private constructor(directory: string) {
    this.#directory = directory;
    this.store = new DiskShuffleStore({
      directory,
      executorId: 'ex1',
      address: () => 'here',
      client: new ShuffleClient(new SystemNet()),
    });
    this.runner = new RddTaskRunner(
      {
        node: 'dn1',
        executorId: 'ex1',
        config: resolveConfig({ 'executor.memoryLimitBytes': String(256 * 2 ** 20) }),
        fileSystem: memoryFileSystem(this.files),
        shuffle: this.store,
        temporaryDirectory: directory,
        memoryDirectory: directory,
        log: silentLog(),
      },
      { run: () => Promise.reject(new Error('no queries here')) },
    );
  }

  static async open(): Promise<TaskRunnerFixture> {
    return new TaskRunnerFixture(await mkdtemp(join(tmpdir(), 'quarry-rdd-')));
  }

  /** Where the bytes of a map output are. */
  pathOf({ file }: MapOutputInput): string {
    return join(this.#directory, file!);
  }

  async close(): Promise<void> {
    await this.runner.close();
    await rm(this.#directory, { recursive: true });
  }

  async run(
    task: RddTask,
    options: { partition?: number; attempt?: number; shuffles?: ShuffleInput[]; signal?: AbortSignal } = {},
  ): Promise<RanTask> {
    const values: unknown[] = [];
    const metrics = newCounters();
    const outcome = await this.runner.run({
      request: {
        // A job of its own: no run overwrites another's output.
        id: {
          jobId: `job-${this.#runs++}`,
          stage: 0,
          partition: options.partition ?? 0,
          attempt: options.attempt ?? 0,
        },
        work: 'rdd',
        rdd: Buffer.from(JSON.stringify(task)),
        shuffles: options.shuffles ?? [],
        outputPartitions: 0,
      },
      signal: options.signal ?? new AbortController().signal,
      metrics,
      emit: async (data) => {
        for (const row of rowsOfArrow(data)) values.push(decodeValue(row['value'] as string));
      },
    });
    return { values, outcome, metrics };
  }
}

/** Only what tasks call. Reads come in small pieces, so that lines cross them. */
function memoryFileSystem(files: Map<string, Buffer>): FileSystem {
  const fileSystem = {
    locate: async (path: string) => ({ path, blocks: [{ locations: [{ hostLabel: 'dn1' }] }] }),
    async *openLocated({ path }: { path: string }, { offset }: { offset: number }) {
      const bytes = files.get(path)!;
      for (let at = offset; at < bytes.length; at += 7) yield Buffer.from(bytes.subarray(at, at + 7));
    },
    create: async (path: string) => {
      const pieces: Buffer[] = [];
      return {
        write: async (piece: Buffer) => void pieces.push(Buffer.from(piece)),
        close: async () => void files.set(path, Buffer.concat(pieces)),
        abort: async () => undefined,
      };
    },
  };
  return fileSystem as unknown as FileSystem;
}
