import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { FileSystem } from '../../client/fs/file-system.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { LogSource, RecordBatch } from '../../log/log.ts';
import type { LandingOptions } from './landing-options.ts';
import type { LandedTo, LandingState } from './landing-state.ts';
import type { ParquetStage, StagedFile } from './parquet-stage.ts';

export interface PartitionLandingParts {
  readonly fs: FileSystem;
  readonly source: LogSource;
  readonly state: LandingState;
  readonly stage: ParquetStage;
  readonly options: LandingOptions;
}

/** One partition of the topic on its way into files. What is buffered is in the log and nowhere else; a crash forgets it. */
export class PartitionLanding {
  readonly #parts: PartitionLandingParts;
  #landed: LandedTo;
  #readTo: number;
  #offsets: number[] = [];
  #values: Buffer[] = [];
  #bytes = 0;
  #firstEventMs = 0;
  #bufferedSinceMs = 0;
  #newsAtMs = performance.now();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: PartitionLandingParts, landed: LandedTo) {
    this.#parts = parts;
    this.#landed = landed;
    this.#readTo = landed.nextOffset;
  }

  get landed(): LandedTo {
    return this.#landed;
  }

  /** Where the reader is. */
  get readTo(): number {
    return this.#readTo;
  }

  /** Everything that was read is in a file. */
  get isLandedWhole(): boolean {
    return this.#offsets.length === 0;
  }

  get idleMs(): number {
    return performance.now() - this.#newsAtMs;
  }

  /** Until the signal. Errors: those of the log and the file system, FENCED. */
  async run(signal: AbortSignal): Promise<void> {
    const { source, options } = this.#parts;
    const start = { topic: options.topic, partition: this.#landed.partition, from: this.#landed.nextOffset };
    for await (const batch of source.follow(start, { signal })) {
      await this.#exclusively(() => this.#add(batch));
    }
  }

  /** Lands what has waited long enough, or all of it. */
  flush(isEnd: boolean): Promise<void> {
    const isDue = () =>
      this.#offsets.length > 0 &&
      (isEnd || performance.now() - this.#bufferedSinceMs >= this.#parts.options.flushMs);
    return this.#exclusively(async () => {
      if (isDue()) await this.#land();
    });
  }

  async #add(batch: RecordBatch): Promise<void> {
    const { options } = this.#parts;
    for (const [i, value] of batch.values.entries()) {
      const eventMs = batch.timestampsMs[i]!;
      if (this.#offsets.length > 0 && eventMs - this.#firstEventMs >= options.flushEventMs) {
        await this.#land();
      }
      if (this.#offsets.length === 0) {
        this.#firstEventMs = eventMs;
        this.#bufferedSinceMs = performance.now();
      }
      this.#offsets.push(batch.offsets[i]!);
      this.#values.push(value ?? Buffer.alloc(0));
      this.#bytes += value?.length ?? 0;
      this.#readTo = batch.offsets[i]! + 1;
      if (this.#offsets.length >= options.flushRows || this.#bytes >= options.flushBytes) await this.#land();
    }
    this.#readTo = batch.nextOffset;
    if (batch.offsets.length > 0) this.#newsAtMs = performance.now();
  }

  async #land(): Promise<void> {
    const { stage, options } = this.#parts;
    const { partition, highestMs } = this.#landed;
    const first = this.#offsets[0]!;
    const last = this.#offsets.at(-1)!;
    const staged = await stage.write({ partition, offsets: this.#offsets, values: this.#values, highestMs });
    const name = `${options.topic}+${partition}+${offsetText(first)}+${offsetText(last)}.parquet`;
    const next: LandedTo = {
      partition,
      nextOffset: last + 1,
      highestMs: staged.highestMs,
      rows: this.#landed.rows + staged.rows,
      lateRows: this.#landed.lateRows + staged.lateRows,
      malformedRows: this.#landed.malformedRows + staged.malformedRows,
    };
    try {
      await this.#publish(staged.files, name, next);
    } finally {
      await stage.clear(staged);
    }
    this.#landed = next;
    this.#offsets = [];
    this.#values = [];
    this.#bytes = 0;
  }

  /** Temporary files first, then everything in one step: the data, the new position, and the end of the old one. */
  async #publish(files: readonly StagedFile[], name: string, next: LandedTo): Promise<void> {
    const { fs, state, options } = this.#parts;
    const temporary = `${options.directory}/_temporary/${options.name}-${randomUUID()}`;
    const moves = [
      { source: state.path(this.#landed), target: `${temporary}/previous` },
      { source: `${temporary}/next`, target: state.path(next) },
    ];
    try {
      await fs.writeFile(`${temporary}/next`, JSON.stringify(next));
      for (const [i, file] of files.entries()) {
        const source = `${temporary}/${i}.parquet`;
        await pipeline(createReadStream(file.localPath), await fs.createWriteStream(source));
        moves.push({ source, target: `${options.directory}/${file.day ?? '_malformed'}/${name}` });
      }
      await fs.publish({ moves, cleanup: temporary });
    } catch (thrown) {
      if (!hasCode(thrown, 'FILE_NOT_FOUND', 'FILE_EXISTS')) throw thrown;
      throw new QuarryError(
        'FENCED',
        `another landing has taken partition ${next.partition} of ${options.topic} on from offset ${this.#landed.nextOffset}`,
        { cause: thrown },
      );
    }
  }

  /** A flush by the clock and the reader take turns. */
  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

/** Names sort as their offsets do. */
function offsetText(offset: number): string {
  return String(offset).padStart(10, '0');
}
