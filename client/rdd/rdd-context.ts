import { encodeValue } from '../../common/rdd/value-codec.ts';
import type { Row } from '../../common/compute/arrow-rows.ts';
import type { RddFilesInput } from '../../proto/gen/quarry/RddFiles.ts';
import type { PlanRunner } from '../connect/plan-runner.ts';
import { RDD } from './rdd.ts';

/** `session.rdd`: where RDDs start. Paths take globs and directories. */
export class RddContext {
  readonly #runner: PlanRunner;

  constructor(runner: PlanRunner) {
    this.#runner = runner;
  }

  /** The lines of files. One partition a block, or at least about `minPartitions` of them. */
  textFile(path: string | readonly string[], minPartitions = 0): RDD<string> {
    return this.#files('TEXT', path, minPartitions);
  }

  /** One JSON value a line; empty lines are passed over. */
  jsonLines<T = unknown>(path: string | readonly string[], minPartitions = 0): RDD<T> {
    return this.#files('JSON_LINES', path, minPartitions);
  }

  /** The rows of Parquet files as objects; cells as DataFrames give them. One partition a block. */
  parquet<T = Row>(path: string | readonly string[]): RDD<T> {
    return this.#files('PARQUET', path, 0);
  }

  /** Values of the program itself. Errors: INVALID_ARGUMENT for what no record can hold. */
  parallelize<T>(values: Iterable<T>, partitions = 0): RDD<T> {
    const texts = Array.from(values, encodeValue);
    return new RDD<T>(this.#runner, { node: { values: { values: texts, partitions } }, inputs: [] });
  }

  #files<T>(
    format: NonNullable<RddFilesInput['format']>,
    path: string | readonly string[],
    minPartitions: number,
  ): RDD<T> {
    const paths = typeof path === 'string' ? [path] : [...path];
    return new RDD<T>(this.#runner, { node: { files: { format, paths, minPartitions } }, inputs: [] });
  }
}
