import { randomUUID } from 'node:crypto';
import type { FileSystem } from '../../client/fs/file-system.ts';
import type { Logger } from '../../common/log.ts';
import { type ErrorCode } from '../../common/error-codes.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { LogSource } from '../../log/log.ts';
import { pause } from '../pause.ts';
import { closedDays } from './closed-days.ts';
import type { LandingOptions } from './landing-options.ts';
import { type LandedTo, LandingState } from './landing-state.ts';
import { ParquetStage } from './parquet-stage.ts';
import { PartitionLanding } from './partition-landing.ts';

export interface LandingStatus {
  readonly partitions: readonly LandedTo[];
  /** Days with a `_SUCCESS`, since the start. */
  readonly closedDays: readonly string[];
  readonly problem: string | undefined;
}

/** A producer that has ended says so in this file of the directory: JSON {partition: offset}, the offsets behind its last records. */
export const END_OF_INPUT = '_END_OF_INPUT';
const SUCCESS = '_SUCCESS';
const TICK_MS = 500;
const RETRY_MS_MAX = 5_000;
const PARTITIONS_MS = 5_000;
/** Nobody has written to the topic yet; the position is to be read again; datanodes come back. */
const PASSING: readonly ErrorCode[] = ['TOPIC_NOT_FOUND', 'FENCED', 'PIPELINE_FAILED', 'BLOCK_UNAVAILABLE'];

/**
 * Lands a topic as Parquet, DIRECTORY/YYYY/MM/DD/TOPIC+PARTITION+START+END.parquet by event time, every record exactly once: a
 * flush is written aside and appears in one step together with the position behind it, and a start goes on from there. Late
 * records are kept and marked. A day gets its `_SUCCESS` when the watermark has passed its end, or at the end of the input.
 */
export class Landing {
  readonly #options: LandingOptions;
  readonly #fs: FileSystem;
  readonly #source: LogSource;
  readonly #logger: Logger;
  readonly #stageDirectory: string;
  readonly #stopped = new AbortController();
  #partitions: readonly PartitionLanding[] = [];
  #closed: readonly string[] = [];
  #problem: string | undefined;

  constructor(
    options: LandingOptions,
    {
      fs,
      source,
      logger,
      stageDirectory,
    }: { fs: FileSystem; source: LogSource; logger: Logger; stageDirectory: string },
  ) {
    this.#options = options;
    this.#fs = fs;
    this.#source = source;
    this.#logger = logger;
    this.#stageDirectory = stageDirectory;
  }

  get status(): LandingStatus {
    return {
      partitions: this.#partitions.map(({ landed }) => landed),
      closedDays: this.#closed,
      problem: this.#problem,
    };
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Until `stop`. Errors: what waiting does not mend, such as OFFSET_OUT_OF_RANGE where records are gone. */
  async run(): Promise<void> {
    const stage = await ParquetStage.open(this.#options, this.#stageDirectory);
    try {
      for (let waitMs = 100; !this.#stopped.signal.aborted; waitMs = Math.min(waitMs * 2, RETRY_MS_MAX)) {
        try {
          await this.#land(stage);
        } catch (thrown) {
          const error = QuarryError.from(thrown);
          if (error.reaction !== 'retry' && !PASSING.includes(error.code)) throw error;
          this.#problem = error.message;
          this.#logger.warn({ err: error }, 'landing.interrupted');
          await pause(waitMs, this.#stopped.signal);
        }
      }
    } finally {
      await stage.close();
    }
  }

  /** From the committed positions until something fails, the topic gets more partitions, or the landing stops. */
  async #land(stage: ParquetStage): Promise<void> {
    const state = new LandingState(this.#fs, this.#options.directory, this.#options.topic);
    await this.#sweep();
    const partitions: PartitionLanding[] = [];
    for (const { partition, offset } of await this.#source.earliest(this.#options.topic)) {
      const landed = await state.load({ partition, nextOffset: offset }, this.#temporary());
      const parts = { fs: this.#fs, source: this.#source, state, stage, options: this.#options };
      partitions.push(new PartitionLanding(parts, landed));
    }
    this.#partitions = partitions;
    this.#problem = undefined;
    this.#logger.info({ partitions: partitions.map(({ landed }) => landed) }, 'landing.resumed');
    const attempt = new AbortController();
    const signal = AbortSignal.any([attempt.signal, this.#stopped.signal]);
    const tasks = [...partitions.map((partition) => partition.run(signal)), this.#tick(signal)];
    try {
      await Promise.race([Promise.all(tasks), this.#morePartitions(partitions.length, signal)]);
    } finally {
      attempt.abort();
      await Promise.allSettled(tasks);
    }
  }

  async #morePartitions(than: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(PARTITIONS_MS, signal);
      if (signal.aborted) return;
      if ((await this.#source.partitionCount(this.#options.topic)) > than) return;
    }
  }

  async #tick(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(TICK_MS, signal);
      if (signal.aborted) return;
      const isEnd = await this.#isEndOfInput();
      await Promise.all(this.#partitions.map((partition) => partition.flush(isEnd)));
      await this.#closeDays(isEnd);
    }
  }

  /** All that the producer has named is read: nothing is to be waited for. */
  async #isEndOfInput(): Promise<boolean> {
    const path = `${this.#options.directory}/${END_OF_INPUT}`;
    if (!(await this.#fs.exists(path))) return false;
    const ends = JSON.parse((await this.#fs.readFile(path)).toString()) as Record<string, number>;
    return this.#partitions.every(({ readTo, landed }) => readTo >= (ends[landed.partition] ?? 0));
  }

  async #closeDays(isEnd: boolean): Promise<void> {
    const { directory, delayMs, idleMs } = this.#options;
    const watched = this.#partitions.filter(
      ({ landed, idleMs: quietMs, isLandedWhole }) =>
        landed.highestMs !== null && !(idleMs > 0 && isLandedWhole && quietMs >= idleMs),
    );
    const highest = watched.map(({ landed }) => landed.highestMs!);
    if (highest.length === 0 && !isEnd) return;
    const watermarkMs = isEnd ? Number.POSITIVE_INFINITY : Math.min(...highest) - delayMs;
    const open = (await this.#fs.glob(`${directory}/[0-9]*/[0-9]*/[0-9]*`))
      .filter((entry) => entry.directory)
      .map(({ path }) => path.slice(directory.length + 1))
      .filter((day) => !this.#closed.includes(day));
    for (const day of closedDays(open, watermarkMs)) {
      const path = `${directory}/${day}/${SUCCESS}`;
      if (!(await this.#fs.exists(path))) await this.#fs.writeFile(path, '', { overwrite: true });
      this.#closed = [...this.#closed, day];
      this.#logger.info({ day }, 'landing.day-closed');
    }
  }

  /** What a landing of this name had begun when it was killed. */
  async #sweep(): Promise<void> {
    const { directory, name } = this.#options;
    for (const { path } of await this.#fs.glob(`${directory}/_temporary/${name}-*`)) {
      await this.#fs.delete(path, { recursive: true });
    }
  }

  #temporary(): string {
    return `${this.#options.directory}/_temporary/${this.#options.name}-${randomUUID()}`;
  }
}
