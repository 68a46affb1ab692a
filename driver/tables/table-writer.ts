import type { Logger } from '../../common/log.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import { jdbcUrlForPeople } from '../../sinks/jdbc-url.ts';
import { openTables } from '../../sinks/open-tables.ts';
import type { TableStore, TableWrite, TableWriteResult, WriteKey } from '../../sinks/table-store.ts';
import { canonicalPlan } from '../connect/plan-identity.ts';
import { structOf } from '../connect/data-type.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import type { JobNotes } from '../schedule/job-history.ts';
import type { QueryContext, QueryRunner, SaveMode } from '../schedule/query-runner.ts';
import type { SessionRun } from '../session/session-run.ts';
import { tableColumns, tableRows } from './arrow-table-rows.ts';
import { type JdbcOptions, jdbcOptions } from './jdbc-options.ts';

/** A server that is started again is back within that time. Only a write with a key is tried again: it cannot show twice. */
const RETRY_DELAYS_MS = [500, 1_000, 2_000, 4_000, 8_000, 8_000];

export interface TableWriterOptions {
  readonly queries: QueryRunner;
  readonly notes: JobNotes;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface TableWriteRequest {
  readonly plan: LogicalPlan;
  readonly mode: SaveMode;
  readonly options: Readonly<Record<string, string>>;
  readonly run: SessionRun;
  /** It writes a batch of a stream, from a foreachBatch function. */
  readonly isOfStream: boolean;
}

/** `df.write.format("jdbc")`: a query's rows go into a table as they come. */
export class TableWriter {
  readonly #options: TableWriterOptions;

  constructor(options: TableWriterOptions) {
    this.#options = options;
  }

  /** Errors: as TableStore.write and QueryRunner.run, and INVALID_ARGUMENT for options. */
  async write(request: TableWriteRequest, context: QueryContext): Promise<TableWriteResult> {
    const { plan, mode, run, isOfStream } = request;
    const options = jdbcOptions(request.options);
    const table = tableOf(options);
    const url = jdbcUrlForPeople(options.url);
    const ticket = run.begin(
      {
        target: `${url} ${table.toLowerCase()}`,
        name: options.writeName,
        fingerprint: () => JSON.stringify([mode, canonicalPlan(plan)]),
      },
      isOfStream,
    );
    const { key } = ticket;
    try {
      const columns = tableColumns(structOf(plan.output));
      const { truncate, replaceKeys, batchRows } = options;
      const target: TableWrite = { table, columns, mode, truncate, key, replaceKeys, batchRows };
      const result = await this.#writeTo(target, options, plan, context);
      this.#report(target, url, result, context);
      return result;
    } catch (thrown) {
      ticket.failed();
      throw thrown;
    }
  }

  async #writeTo(
    target: TableWrite,
    { url, credentials }: JdbcOptions,
    plan: LogicalPlan,
    context: QueryContext,
  ): Promise<TableWriteResult> {
    const tables = await openTables(url, credentials);
    try {
      return await this.#untilAvailable(target.key, context, () =>
        this.#writeOnce(target, tables, plan, context),
      );
    } finally {
      await tables.close();
    }
  }

  #writeOnce(
    target: TableWrite,
    tables: TableStore,
    plan: LogicalPlan,
    context: QueryContext,
  ): Promise<TableWriteResult> {
    // Not started unless the store asks for rows: a write that is skipped runs no query.
    return tables.write(target, tableRows(this.#options.queries.run(plan, context), structOf(plan.output)));
  }

  async #untilAvailable<T>(
    key: WriteKey | undefined,
    { signal }: QueryContext,
    write: () => Promise<T>,
  ): Promise<T> {
    for (let failures = 0; ; failures++) {
      try {
        return await write();
      } catch (thrown) {
        const delayMs = RETRY_DELAYS_MS[failures];
        const isWorthIt =
          key !== undefined && hasCode(thrown, 'TABLES_UNAVAILABLE') && signal?.aborted !== true;
        if (!isWorthIt || delayMs === undefined) throw thrown;
        this.#options.log.warn({ err: thrown, delayMs }, 'table-write.retried');
        await this.#options.clock.sleep(delayMs, signal);
      }
    }
  }

  #report(target: TableWrite, url: string, result: TableWriteResult, context: QueryContext): void {
    const { log, notes, clock } = this.#options;
    const { table, mode, key } = target;
    log.info({ table, url, mode, key, ...result }, `table-write.${result.outcome}`);
    if (result.outcome !== 'skipped') return;
    notes.note(
      {
        name: `write to ${table}: skipped`,
        sessionId: context.sessionId,
        operationId: context.operationId,
        text: `write ${key?.kind === 'run' ? `${key.name ?? key.ordinal} of run ${key.runId} (${key.dag} ${key.task})` : ''} is committed already with ${result.rowCount} rows: nothing was written`,
      },
      clock.nowMs(),
    );
  }
}

function tableOf({ table, query }: JdbcOptions): string {
  if (table !== undefined && table !== '') return table;
  throw new QuarryError(
    'INVALID_ARGUMENT',
    query === undefined
      ? 'a write with format jdbc needs option dbtable: the table'
      : 'a write with format jdbc goes to option dbtable; option query is for reading',
  );
}
