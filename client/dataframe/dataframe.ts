import { QuarryError } from '../../common/quarry-error.ts';
import type { ExecutePlanResponse } from '../../proto/gen/spark/connect/ExecutePlanResponse.ts';
import type { RelationInput } from '../../proto/gen/spark/connect/Relation.ts';
import type { ExecuteOptions, PlanRunner } from '../connect/plan-runner.ts';
import { type Row, rowsOfArrow } from '../../common/compute/arrow-rows.ts';
import {
  type Column,
  type ColumnOrName,
  columnNamed,
  columnOf,
  literalColumn,
  call,
  sortOrderOf,
} from './column.ts';
import { type StructType, typeFromMessage } from './data-type.ts';
import { DataFrameWriter } from './dataframe-writer.ts';
import { DataStreamWriter } from './data-stream-writer.ts';
import { GroupedData } from './grouped-data.ts';
import { joinFields, type JoinType } from './join.ts';
import { natural } from './natural.ts';
import { NullFunctions } from './null-functions.ts';

export interface ShowOptions {
  /** Cells longer than that are cut; false for never. 20 unless told. */
  readonly truncate?: number | boolean;
  /** One line a cell. */
  readonly vertical?: boolean;
}

export type ExplainMode = 'simple' | 'extended' | 'cost' | 'formatted';

/**
 * A query that has not run. Immutable: every operation answers a new one. Actions (`collect`, `count`, `show`, ...) send it
 * to the server. Actions reject with QuarryError: ANALYSIS (unknown column, types that do not fit), PARSE, FILE_NOT_FOUND,
 * ARITHMETIC, BAD_DATA, OUT_OF_MEMORY, INTERRUPTED, ...
 *
 * @example
 * const top = session.read.parquet('/data/sales').groupBy('product').agg(sum('value').as('total')).orderBy(desc('total')).limit(10);
 * await top.show();
 */
export class DataFrame {
  readonly relation: RelationInput;
  readonly #runner: PlanRunner;
  readonly #planId: string;

  constructor(runner: PlanRunner, relation: RelationInput) {
    this.#runner = runner;
    this.#planId =
      relation.common?.planId === undefined ? runner.nextPlanId() : String(relation.common.planId);
    this.relation = { ...relation, common: { planId: this.#planId } };
  }

  /** A column of this very DataFrame: in a join of two with equal names it says whose. */
  col(name: string): Column {
    return columnNamed(name, this.#planId);
  }

  select(...columns: readonly ColumnOrName[]): DataFrame {
    return this.#next({ project: { input: this.relation, expressions: columns.map(expressionOf) } });
  }

  /** `select` with expressions in SQL. */
  selectExpr(...expressions: readonly string[]): DataFrame {
    return this.#next({
      project: {
        input: this.relation,
        expressions: expressions.map((expression) => ({ expressionString: { expression } })),
      },
    });
  }

  /** Rows for which `condition` (a column, or SQL) is true. */
  filter(condition: ColumnOrName): DataFrame {
    const expression =
      typeof condition === 'string' ? { expressionString: { expression: condition } } : condition.expression;
    return this.#next({ filter: { input: this.relation, condition: expression } });
  }

  where(condition: ColumnOrName): DataFrame {
    return this.filter(condition);
  }

  withColumn(name: string, column: Column): DataFrame {
    return this.withColumns({ [name]: column });
  }

  /** Adds columns, or puts them in the place of those with their names. */
  withColumns(columns: Readonly<Record<string, Column>>): DataFrame {
    const aliases = Object.entries(columns).map(([name, { expression }]) => ({
      expr: expression,
      name: [name],
    }));
    return this.#next({ withColumns: { input: this.relation, aliases } });
  }

  withColumnRenamed(from: string, to: string): DataFrame {
    return this.withColumnsRenamed({ [from]: to });
  }

  withColumnsRenamed(names: Readonly<Record<string, string>>): DataFrame {
    const renames = Object.entries(names).map(([colName, newColName]) => ({ colName, newColName }));
    return this.#next({ withColumnsRenamed: { input: this.relation, renames } });
  }

  /** The same columns under new names. */
  toDF(...names: readonly string[]): DataFrame {
    return this.#next({ toDf: { input: this.relation, columnNames: [...names] } });
  }

  /** Without these columns; a name that does not exist changes nothing. */
  drop(...columns: readonly ColumnOrName[]): DataFrame {
    const names = columns.filter((column) => typeof column === 'string');
    const expressions = columns.flatMap((column) => (typeof column === 'string' ? [] : [column.expression]));
    return this.#next({ drop: { input: this.relation, columnNames: names, columns: expressions } });
  }

  groupBy(...columns: readonly ColumnOrName[]): GroupedData {
    return this.#grouped('GROUP_TYPE_GROUPBY', columns);
  }
  rollup(...columns: readonly ColumnOrName[]): GroupedData {
    return this.#grouped('GROUP_TYPE_ROLLUP', columns);
  }
  cube(...columns: readonly ColumnOrName[]): GroupedData {
    return this.#grouped('GROUP_TYPE_CUBE', columns);
  }
  /** Aggregates over all rows. */
  agg(...columns: readonly Column[]): DataFrame {
    return this.groupBy().agg(...columns);
  }

  /** `on`: names that both sides have (each appears once in the result), or a condition. */
  join(other: DataFrame, on: string | readonly string[] | Column, how: JoinType = 'inner'): DataFrame {
    return this.#next({ join: { left: this.relation, right: other.relation, ...joinFields(on, how) } });
  }
  crossJoin(other: DataFrame): DataFrame {
    return this.#next({
      join: { left: this.relation, right: other.relation, joinType: 'JOIN_TYPE_CROSS' },
    });
  }

  orderBy(...columns: readonly ColumnOrName[]): DataFrame {
    return this.#next({
      sort: { input: this.relation, order: columns.map(sortOrderOf), isGlobal: true },
    });
  }
  sort(...columns: readonly ColumnOrName[]): DataFrame {
    return this.orderBy(...columns);
  }

  limit(rows: number): DataFrame {
    return this.#next({ limit: { input: this.relation, limit: natural(rows, 'limit') } });
  }
  offset(rows: number): DataFrame {
    return this.#next({ offset: { input: this.relation, offset: natural(rows, 'offset') } });
  }

  distinct(): DataFrame {
    return this.#next({ deduplicate: { input: this.relation, allColumnsAsKeys: true } });
  }
  /** One row for each combination of these columns; which one is open. */
  dropDuplicates(...columns: readonly string[]): DataFrame {
    if (columns.length === 0) return this.distinct();
    return this.#next({ deduplicate: { input: this.relation, columnNames: [...columns] } });
  }

  /** As dropDuplicates of a stream, but a key is forgotten when the watermark has passed it by the delay. */
  dropDuplicatesWithinWatermark(...columns: readonly string[]): DataFrame {
    const keys = columns.length === 0 ? { allColumnsAsKeys: true } : { columnNames: [...columns] };
    return this.#next({ deduplicate: { input: this.relation, ...keys, withinWatermark: true } });
  }

  /** `column` is the event time: rows later than `delay` ('10 minutes') behind the latest before them are dropped from a stream's state. */
  withWatermark(column: string, delay: string): DataFrame {
    return this.#next({ withWatermark: { input: this.relation, eventTime: column, delayThreshold: delay } });
  }

  /** All rows of both, columns by their place. */
  union(other: DataFrame): DataFrame {
    return this.#set('SET_OP_TYPE_UNION', other, { isAll: true });
  }
  unionByName(other: DataFrame, options: { readonly allowMissingColumns?: boolean } = {}): DataFrame {
    return this.#set('SET_OP_TYPE_UNION', other, {
      isAll: true,
      byName: true,
      allowMissingColumns: options.allowMissingColumns ?? false,
    });
  }
  intersect(other: DataFrame): DataFrame {
    return this.#set('SET_OP_TYPE_INTERSECT', other, { isAll: false });
  }
  intersectAll(other: DataFrame): DataFrame {
    return this.#set('SET_OP_TYPE_INTERSECT', other, { isAll: true });
  }
  /** Distinct rows that `other` does not have. */
  except(other: DataFrame): DataFrame {
    return this.#set('SET_OP_TYPE_EXCEPT', other, { isAll: false });
  }
  exceptAll(other: DataFrame): DataFrame {
    return this.#set('SET_OP_TYPE_EXCEPT', other, { isAll: true });
  }

  /** A name for `col('name.column')`. */
  alias(name: string): DataFrame {
    return this.#next({ subqueryAlias: { input: this.relation, alias: name } });
  }

  /** About this share of the rows. The same seed takes the same rows. */
  sample(fraction: number, seed: number = Math.floor(Math.random() * 2 ** 31)): DataFrame {
    if (!(fraction >= 0 && fraction <= 1)) {
      throw new QuarryError('INVALID_ARGUMENT', `a sample is a share from 0 to 1, not ${fraction}`);
    }
    return this.#next({
      sample: {
        input: this.relation,
        lowerBound: 0,
        upperBound: fraction,
        withReplacement: false,
        seed: String(seed),
      },
    });
  }

  repartition(partitions: number, ...columns: readonly ColumnOrName[]): DataFrame {
    const numPartitions = natural(partitions, 'repartition');
    if (columns.length === 0) {
      return this.#next({ repartition: { input: this.relation, numPartitions, shuffle: true } });
    }
    return this.#next({
      repartitionByExpression: {
        input: this.relation,
        numPartitions,
        partitionExprs: columns.map(expressionOf),
      },
    });
  }

  /** What to do about nulls: `na.fill(0)`, `na.drop()`. */
  get na(): NullFunctions {
    return new NullFunctions(this, (relation) => this.#next(relation));
  }

  /** count, mean, stddev, min and max of these columns (all numeric and text ones without any). */
  describe(...columns: readonly string[]): DataFrame {
    return this.#next({ describe: { input: this.relation, cols: [...columns] } });
  }
  summary(...statistics: readonly string[]): DataFrame {
    return this.#next({ summary: { input: this.relation, statistics: [...statistics] } });
  }

  /** Every row, in the order of the query. All of them are held in memory; see toLocalIterator. */
  async collect<R extends object = Row>(options: ExecuteOptions = {}): Promise<R[]> {
    const rows: R[] = [];
    for await (const batch of this.arrowBatches(options)) {
      for (const row of rowsOfArrow(batch)) rows.push(row as R);
    }
    return rows;
  }

  /** The rows one by one while they arrive; leaving the loop early ends the query. */
  async *toLocalIterator<R extends object = Row>(options: ExecuteOptions = {}): AsyncGenerator<R> {
    for await (const batch of this.arrowBatches(options)) yield* rowsOfArrow(batch) as R[];
  }

  /** The result as it comes: each item is one complete Arrow IPC stream. */
  async *arrowBatches(options: ExecuteOptions = {}): AsyncGenerator<Uint8Array> {
    for await (const { arrowBatch } of this.#run(options)) {
      if (arrowBatch !== null && arrowBatch !== undefined) yield arrowBatch.data;
    }
  }

  async count(options: ExecuteOptions = {}): Promise<number> {
    const counted = this.agg(call('count', literalColumn(1)).as('count'));
    const rows = await counted.collect<{ count: number | bigint }>(options);
    return Number(rows[0]?.count ?? 0);
  }

  /** The first row, or null when there is none. */
  async first<R extends object = Row>(options: ExecuteOptions = {}): Promise<R | null> {
    return (await this.take<R>(1, options))[0] ?? null;
  }
  async take<R extends object = Row>(rows: number, options: ExecuteOptions = {}): Promise<R[]> {
    return this.limit(rows).collect<R>(options);
  }
  async head<R extends object = Row>(rows = 1, options: ExecuteOptions = {}): Promise<R[]> {
    return this.take<R>(rows, options);
  }
  /** The last rows, in order. */
  async tail<R extends object = Row>(rows: number, options: ExecuteOptions = {}): Promise<R[]> {
    const last = this.#next({ tail: { input: this.relation, limit: natural(rows, 'tail') } });
    return last.collect<R>(options);
  }
  async isEmpty(options: ExecuteOptions = {}): Promise<boolean> {
    return (await this.first(options)) === null;
  }

  /** The first rows as the table that Spark draws. */
  async showString(rows = 20, options: ShowOptions = {}): Promise<string> {
    const { truncate = true, vertical = false } = options;
    const width = typeof truncate === 'number' ? truncate : truncate ? 20 : 0;
    const table = this.#next({
      showString: { input: this.relation, numRows: natural(rows, 'show'), truncate: width, vertical },
    });
    const [row] = await table.collect<Readonly<Record<string, string>>>();
    return Object.values(row ?? {})[0] ?? '';
  }
  async show(rows = 20, options: ShowOptions = {}): Promise<void> {
    console.log(await this.showString(rows, options));
  }

  async schema(): Promise<StructType> {
    const { schema } = await this.#runner.analyze({ schema: { plan: { root: this.relation } } });
    return typeFromMessage(schema?.schema) as StructType;
  }
  /** True where `writeStream` runs it and an action cannot. */
  async isStreaming(): Promise<boolean> {
    const { isStreaming } = await this.#runner.analyze({ isStreaming: { plan: { root: this.relation } } });
    return isStreaming?.isStreaming ?? false;
  }
  async columns(): Promise<string[]> {
    return (await this.schema()).fields.map(({ name }) => name);
  }
  async printSchema(): Promise<void> {
    const { treeString } = await this.#runner.analyze({ treeString: { plan: { root: this.relation } } });
    console.log(treeString?.treeString ?? '');
  }
  /** How the server would run this. */
  async explain(mode: ExplainMode = 'simple'): Promise<string> {
    const { explain } = await this.#runner.analyze({
      explain: {
        plan: { root: this.relation },
        explainMode: `EXPLAIN_MODE_${mode.toUpperCase() as Uppercase<ExplainMode>}`,
      },
    });
    return explain?.explainString ?? '';
  }

  /** A name for this query in `session.sql`, until the session ends. */
  async createOrReplaceTempView(name: string): Promise<void> {
    await this.#command({ createDataframeView: { input: this.relation, name, replace: true } });
  }
  /** As createOrReplaceTempView; a name that is taken is an error. */
  async createTempView(name: string): Promise<void> {
    await this.#command({ createDataframeView: { input: this.relation, name, replace: false } });
  }

  get write(): DataFrameWriter {
    return new DataFrameWriter(async (operation, options) => {
      const command = { writeOperation: { input: this.relation, ...operation } };
      let metrics: ExecutePlanResponse['metrics'] = null;
      for await (const response of this.#runner.execute({ command }, options))
        metrics = response.metrics ?? metrics;
      return metrics;
    });
  }

  get writeStream(): DataStreamWriter {
    const frame = (relation: RelationInput): DataFrame => this.#next(relation);
    return new DataStreamWriter({ runner: this.#runner, input: this.relation, frame, operation: {} });
  }

  #next(relation: RelationInput): DataFrame {
    return new DataFrame(this.#runner, relation);
  }

  #grouped(
    groupType: 'GROUP_TYPE_GROUPBY' | 'GROUP_TYPE_ROLLUP' | 'GROUP_TYPE_CUBE',
    columns: readonly ColumnOrName[],
  ): GroupedData {
    return new GroupedData(
      { input: this.relation, groupType, groupingExpressions: columns.map(expressionOf) },
      (relation) => this.#next(relation),
    );
  }

  #set(
    setOpType: 'SET_OP_TYPE_UNION' | 'SET_OP_TYPE_INTERSECT' | 'SET_OP_TYPE_EXCEPT',
    other: DataFrame,
    options: { isAll: boolean; byName?: boolean; allowMissingColumns?: boolean },
  ): DataFrame {
    const setOp = { leftInput: this.relation, rightInput: other.relation, setOpType, ...options };
    return this.#next({ setOp });
  }

  #run(options: ExecuteOptions): AsyncIterable<ExecutePlanResponse> {
    return this.#runner.execute({ root: this.relation }, options);
  }

  async #command(
    command: NonNullable<Parameters<PlanRunner['execute']>[0]['command']>,
    options: ExecuteOptions = {},
  ): Promise<void> {
    for await (const response of this.#runner.execute({ command }, options)) void response;
  }
}

function expressionOf(column: ColumnOrName) {
  return columnOf(column).expression;
}
