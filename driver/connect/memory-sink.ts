import { decodeLocalRows } from '../plan/analyze/local-rows.ts';
import { withFreshIds } from '../plan/plan-tree.ts';
import type { LiteralValue } from '../plan/expression.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import type { QueryContext, QueryRunner } from '../schedule/query-runner.ts';
import type { Session } from '../session/session.ts';
import type { OutputMode } from '../stream/streaming-query.ts';

export interface MemorySinkOptions {
  readonly session: Session;
  readonly queries: QueryRunner;
  readonly context: QueryContext;
  /** Of the query, which is the view's, too. */
  readonly name: string;
  readonly plan: LogicalPlan;
  readonly outputMode: OutputMode;
}

/** Keeps a stream's rows in the driver, as a temporary view with the query's name: for tests and for looking at things. */
export class MemorySink {
  readonly #options: MemorySinkOptions;
  #rows: readonly (readonly LiteralValue[])[] = [];
  #lastBatchId = -1;

  /** The view is there from the start, without rows. */
  constructor(options: MemorySinkOptions) {
    this.#options = options;
    this.#show();
  }

  /** A batch that comes again changes nothing. */
  async add(batch: LogicalPlan, batchId: number): Promise<void> {
    const { outputMode } = this.#options;
    const rows =
      batch.kind === 'local' && batch.arrowIpc === undefined ? batch.rows : await this.#read(batch);
    if (batchId <= this.#lastBatchId) return;
    this.#lastBatchId = batchId;
    this.#rows = outputMode === 'complete' ? rows : [...this.#rows, ...rows];
    this.#show();
  }

  async #read(batch: LogicalPlan): Promise<(readonly LiteralValue[])[]> {
    const { queries, context } = this.#options;
    const rows: (readonly LiteralValue[])[] = [];
    for await (const { arrowIpc, rowCount } of queries.run(batch, context)) {
      if (rowCount > 0) rows.push(...(await decodeLocalRows(arrowIpc, undefined)).rows);
    }
    return rows;
  }

  #show(): void {
    const { session, name, plan } = this.#options;
    const view: LogicalPlan = { kind: 'local', output: plan.output, rows: this.#rows, arrowIpc: undefined };
    session.views.temporary.put(
      name,
      withFreshIds(view, () => session.nextAttributeId()),
      true,
    );
  }
}
