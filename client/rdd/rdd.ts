import { rowsOfArrow } from '../../common/compute/arrow-rows.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { decodeValue } from '../../common/rdd/value-codec.ts';
import type { RddActionInput } from '../../proto/gen/quarry/RddAction.ts';
import type { RddNarrowInput } from '../../proto/gen/quarry/RddNarrow.ts';
import type { RddShuffleInput } from '../../proto/gen/quarry/RddShuffle.ts';
import type { ExecuteOptions, PlanRunner } from '../connect/plan-runner.ts';
import { rddPlan, type RddTree } from './rdd-plan-builder.ts';
import { type Bindings, travellingFunction } from './travelling-function.ts';

/** `with`: what the function uses of its surroundings. It gets them as one object, its last argument. */
export interface FunctionOptions<B extends Bindings> {
  readonly with?: B;
}

export interface ShuffleOptions<B extends Bindings> extends FunctionOptions<B> {
  /** Partitions of the result; as the cluster likes without it. */
  readonly partitions?: number;
}

export interface SaveOptions extends ExecuteOptions {
  /** Takes the place of what is at the path; without it that is FILE_EXISTS. */
  readonly overwrite?: boolean;
}

export type JoinKind = 'inner' | 'left' | 'right' | 'full';

type NoBindings = Record<never, never>;
type AnyFunction = (...args: never[]) => unknown;

/**
 * Records in partitions, spread over the cluster, and what is to be done with them: nothing runs before an action (`collect`,
 * `count`, `saveAsTextFile`, ...). Immutable. Functions run in the executors, beside the data: they travel as source, may use
 * their arguments and the language's own objects, and get anything else by `{ with: ... }`. Records may be anything JSON
 * holds, and undefined, NaN, bigint, Date, Map, Set and Uint8Array.
 *
 * Errors of transformations: CAPTURED_VARIABLE, INVALID_ARGUMENT. Of actions: USER_CODE (a function threw; the message has its
 * line), FILE_NOT_FOUND, BAD_DATA, OUT_OF_MEMORY, INTERRUPTED, UNSUPPORTED where the server is not Quarry's.
 *
 * @example
 * const counts = await session.rdd.textFile('/logs').flatMap((line) => line.split(' '))
 *   .filter((word, { stop }) => !stop.has(word), { with: { stop: new Set(['the']) } })
 *   .map((word) => [word, 1]).reduceByKey((a, b) => a + b).collect();
 */
export class RDD<T> {
  readonly #runner: PlanRunner;
  readonly #tree: RddTree;

  constructor(runner: PlanRunner, tree: RddTree) {
    this.#runner = runner;
    this.#tree = tree;
  }

  /** A function that answers `[key, value]` makes pairs, for reduceByKey and the like. */
  map<K, V, B extends Bindings = NoBindings>(
    fn: (record: T, bindings: B) => [K, V],
    options?: FunctionOptions<B>,
  ): RDD<[K, V]>;
  map<U, B extends Bindings = NoBindings>(
    fn: (record: T, bindings: B) => U,
    options?: FunctionOptions<B>,
  ): RDD<U>;
  map<U, B extends Bindings = NoBindings>(
    fn: (record: T, bindings: B) => U,
    options: FunctionOptions<B> = {},
  ): RDD<U> {
    return this.#narrow('MAP', 'map', fn, options);
  }

  filter<B extends Bindings = NoBindings>(
    fn: (record: T, bindings: B) => unknown,
    options: FunctionOptions<B> = {},
  ): RDD<T> {
    return this.#narrow('FILTER', 'filter', fn, options);
  }

  /** The function may be a generator. */
  flatMap<K, V, B extends Bindings = NoBindings>(
    fn: (record: T, bindings: B) => Iterable<[K, V]>,
    options?: FunctionOptions<B>,
  ): RDD<[K, V]>;
  flatMap<U, B extends Bindings = NoBindings>(
    fn: (record: T, bindings: B) => Iterable<U>,
    options?: FunctionOptions<B>,
  ): RDD<U>;
  flatMap<U, B extends Bindings = NoBindings>(
    fn: (record: T, bindings: B) => Iterable<U>,
    options: FunctionOptions<B> = {},
  ): RDD<U> {
    return this.#narrow('FLAT_MAP', 'flatMap', fn, options);
  }

  /** The function gets all records of a partition as an iterable, read as it asks for them. */
  mapPartitions<U, B extends Bindings = NoBindings>(
    fn: (records: Iterable<T>, bindings: B) => Iterable<U>,
    options: FunctionOptions<B> = {},
  ): RDD<U> {
    return this.#narrow('MAP_PARTITIONS', 'mapPartitions', fn, options);
  }

  /** Pairs of the function's answer and the record. */
  keyBy<K, B extends Bindings = NoBindings>(
    fn: (record: T, bindings: B) => K,
    options: FunctionOptions<B> = {},
  ): RDD<[K, T]> {
    return this.#narrow('KEY_BY', 'keyBy', fn, options);
  }

  /** Pairs of a key and all records with it. Keys that hold the same are the same: objects are compared by their content. */
  groupBy<K, B extends Bindings = NoBindings>(
    fn: (record: T, bindings: B) => K,
    options: ShuffleOptions<B> = {},
  ): RDD<[K, T[]]> {
    return this.keyBy(fn, options).groupByKey(options);
  }

  mapValues<K, V, U, B extends Bindings = NoBindings>(
    this: RDD<readonly [K, V]>,
    fn: (value: V, bindings: B) => U,
    options: FunctionOptions<B> = {},
  ): RDD<[K, U]> {
    return this.#narrow('MAP_VALUES', 'mapValues', fn, options);
  }

  flatMapValues<K, V, U, B extends Bindings = NoBindings>(
    this: RDD<readonly [K, V]>,
    fn: (value: V, bindings: B) => Iterable<U>,
    options: FunctionOptions<B> = {},
  ): RDD<[K, U]> {
    return this.#narrow('FLAT_MAP_VALUES', 'flatMapValues', fn, options);
  }

  keys<K, V>(this: RDD<readonly [K, V]>): RDD<K> {
    return this.map((pair) => pair[0]);
  }

  values<K, V>(this: RDD<readonly [K, V]>): RDD<V> {
    return this.map((pair) => pair[1]);
  }

  /** One pair a key. The function must not mind in which order values come together. */
  reduceByKey<K, V, B extends Bindings = NoBindings>(
    this: RDD<readonly [K, V]>,
    fn: (left: V, right: V, bindings: B) => V,
    options: ShuffleOptions<B> = {},
  ): RDD<[K, V]> {
    const sent = travellingFunction(fn, 'reduceByKey', options.with);
    return this.#shuffle({ kind: 'REDUCE_BY_KEY', function: sent, partitions: options.partitions ?? 0 });
  }

  groupByKey<K, V>(
    this: RDD<readonly [K, V]>,
    options: { readonly partitions?: number } = {},
  ): RDD<[K, V[]]> {
    return this.#shuffle({ kind: 'GROUP_BY_KEY', partitions: options.partitions ?? 0 });
  }

  /** Pairs of a key and a value of each side; null where an outer join finds none. */
  join<K, V, W>(
    this: RDD<readonly [K, V]>,
    other: RDD<readonly [K, W]>,
    kind: JoinKind = 'inner',
    options: { readonly partitions?: number } = {},
  ): RDD<[K, [V, W]]> {
    const shuffle: RddShuffleInput = { kind: 'JOIN', joinType: kind, partitions: options.partitions ?? 0 };
    return this.#next({ node: { shuffle }, inputs: [this.#tree, other.#tree] });
  }

  /** Each record once; objects are compared by their content. */
  distinct(options: { readonly partitions?: number } = {}): RDD<T> {
    return this.#shuffle({ kind: 'DISTINCT', partitions: options.partitions ?? 0 });
  }

  /** By what the function answers: numbers, texts, dates or arrays of them. All records go through one task. */
  sortBy<K, B extends Bindings = NoBindings>(
    fn: (record: T, bindings: B) => K,
    options: FunctionOptions<B> & { readonly descending?: boolean } = {},
  ): RDD<T> {
    const sent = travellingFunction(fn, 'sortBy', options.with);
    return this.#shuffle({ kind: 'SORT_BY', function: sent, descending: options.descending ?? false });
  }

  repartition(partitions: number): RDD<T> {
    return this.#shuffle({ kind: 'REPARTITION', partitions });
  }

  /** The records of both, duplicates kept. */
  union(other: RDD<T>): RDD<T> {
    return this.#next({ node: { union: {} }, inputs: [this.#tree, other.#tree] });
  }

  /** Every record, in the order of the partitions. */
  async collect(options: ExecuteOptions = {}): Promise<T[]> {
    const records: T[] = [];
    for await (const record of this.#records({ kind: 'COLLECT' }, options)) records.push(record as T);
    return records;
  }

  /** The records one by one while they arrive; leaving the loop early ends the job. */
  async *toLocalIterator(options: ExecuteOptions = {}): AsyncGenerator<T> {
    for await (const record of this.#records({ kind: 'COLLECT' }, options)) yield record as T;
  }

  async count(options: ExecuteOptions = {}): Promise<number> {
    return (await this.#one({ kind: 'COUNT' }, options)) as number;
  }

  /** The first records, in the order of the partitions; no more of the data is read than it takes. */
  async take(limit: number, options: ExecuteOptions = {}): Promise<T[]> {
    if (!Number.isInteger(limit) || limit < 0) {
      throw new QuarryError('INVALID_ARGUMENT', `take needs a whole number of at least 0, not ${limit}`);
    }
    const records: T[] = [];
    if (limit === 0) return records;
    for await (const record of this.#records({ kind: 'TAKE', limit }, options)) {
      records.push(record as T);
      if (records.length === limit) break;
    }
    return records;
  }

  async first(options: ExecuteOptions = {}): Promise<T | null> {
    return (await this.take(1, options))[0] ?? null;
  }

  /** All records as one, or undefined when there are none. The function must not mind the order. */
  async reduce<B extends Bindings = NoBindings>(
    fn: (left: T, right: T, bindings: B) => T,
    options: FunctionOptions<B> & ExecuteOptions = {},
  ): Promise<T | undefined> {
    const sent = travellingFunction(fn, 'reduce', options.with);
    return (await this.#one({ kind: 'REDUCE', function: sent }, options)) as T | undefined;
  }

  /** Calls the function in the executors, for its effect there. */
  async foreach<B extends Bindings = NoBindings>(
    fn: (record: T, bindings: B) => void,
    options: FunctionOptions<B> & ExecuteOptions = {},
  ): Promise<void> {
    await this.#one({ kind: 'FOREACH', function: travellingFunction(fn, 'foreach', options.with) }, options);
  }

  /** One file a partition, a line a record: strings as they are, anything else as JSON. All files appear at once. Errors: FILE_EXISTS. */
  async saveAsTextFile(path: string, options: SaveOptions = {}): Promise<void> {
    await this.#save({ kind: 'SAVE_TEXT', path, overwrite: options.overwrite ?? false }, options);
  }

  /** As saveAsTextFile, every record as JSON: `session.rdd.jsonLines` reads it. */
  async saveAsJsonLines(path: string, options: SaveOptions = {}): Promise<void> {
    await this.#save({ kind: 'SAVE_JSON', path, overwrite: options.overwrite ?? false }, options);
  }

  #next<U>(tree: RddTree): RDD<U> {
    return new RDD<U>(this.#runner, tree);
  }

  #narrow<U, B extends Bindings>(
    kind: NonNullable<RddNarrowInput['kind']>,
    operation: string,
    fn: AnyFunction,
    options: FunctionOptions<B>,
  ): RDD<U> {
    const sent = travellingFunction(fn, operation, options.with);
    return this.#next({ node: { narrow: { kind, function: sent } }, inputs: [this.#tree] });
  }

  #shuffle<U>(shuffle: RddShuffleInput): RDD<U> {
    return this.#next({ node: { shuffle }, inputs: [this.#tree] });
  }

  async *#records(action: RddActionInput, options: ExecuteOptions): AsyncGenerator<unknown> {
    const root = { extension: rddPlan(this.#tree, action), common: { planId: this.#runner.nextPlanId() } };
    try {
      for await (const { arrowBatch } of this.#runner.execute({ root }, options)) {
        if (arrowBatch === null || arrowBatch === undefined) continue;
        for (const { value } of rowsOfArrow(arrowBatch.data)) yield decodeValue(value as string);
      }
    } catch (thrown) {
      throw foreignServer(thrown);
    }
  }

  async #one(action: RddActionInput, options: ExecuteOptions): Promise<unknown> {
    let one: unknown;
    for await (const record of this.#records(action, options)) one = record;
    return one;
  }

  async #save(action: RddActionInput, options: ExecuteOptions): Promise<void> {
    const command = { extension: rddPlan(this.#tree, action) };
    try {
      for await (const response of this.#runner.execute({ command }, options)) void response;
    } catch (thrown) {
      throw foreignServer(thrown);
    }
  }
}

/** Other servers know no handler of our messages; what they say about extensions would not tell a user what to do. */
function foreignServer(thrown: unknown): unknown {
  if (!hasCode(thrown, 'UNSUPPORTED', 'INTERNAL', 'ANALYSIS') || !/extension/i.test(thrown.message))
    return thrown;
  return new QuarryError(
    'UNSUPPORTED',
    'this server is not Quarry: RDDs of JavaScript functions run on a Quarry cluster only; DataFrames run on any Spark Connect server',
    { cause: thrown },
  );
}
