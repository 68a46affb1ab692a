import { QuarryError } from '../../common/quarry-error.ts';
import { foreachBatchDone, foreachBatchStart } from '../../common/stream/foreach-batch.ts';
import type { Any } from '../../proto/gen/google/protobuf/Any.ts';
import type { Command } from '../../proto/gen/spark/connect/Command.ts';
import type { Relation } from '../../proto/gen/spark/connect/Relation.ts';
import type { SqlCommand } from '../../proto/gen/spark/connect/SqlCommand.ts';
import type { WriteOperation } from '../../proto/gen/spark/connect/WriteOperation.ts';
import { checkBatchWrite } from '../plan/check-streaming.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import type { QueryContext, SaveMode } from '../schedule/query-runner.ts';
import type { Session } from '../session/session.ts';
import { resultResponses } from './result-responses.ts';
import { planResult } from './result.ts';
import type { ResultSources } from './open-result.ts';
import type { ResponseBody } from './operation.ts';
import { answerForeachBatch, serveForeachBatch } from './foreach-client.ts';
import { startStream, streamsOf } from './start-stream.ts';
import { listenerBus, managerCommand, queryCommand } from './stream-commands.ts';
import { carryOut } from './sql-statement.ts';

/** Runs a command for its effect. */
export async function* executeCommand(
  command: Command,
  session: Session,
  context: QueryContext,
  sources: ResultSources,
): AsyncGenerator<ResponseBody, void, undefined> {
  switch (command.commandType) {
    case 'sqlCommand':
      yield* sqlCommand(command.sqlCommand!, session, context, sources);
      return;
    case 'writeOperation':
      yield* write(command.writeOperation!, session, context, sources);
      return;
    case 'createDataframeView': {
      const { input, name, isGlobal, replace } = command.createDataframeView!;
      const plan = await sources.planner.analyze(session, input!);
      (isGlobal ? session.views.global : session.views.temporary).put(name, plan, replace);
      return;
    }
    case 'mlCommand':
      // A client clears its model cache when its session ends, whether it used one or not.
      if (!['delete', 'cleanCache'].includes(command.mlCommand!.command ?? ''))
        throw refused('machine learning');
      yield { mlCommandResult: { summary: '' } };
      return;
    case 'writeStreamOperationStart':
      yield* startStream(command.writeStreamOperationStart!, session, context, sources);
      return;
    case 'streamingQueryCommand':
      yield* queryCommand(command.streamingQueryCommand!, session, streamsOf(sources).queries);
      return;
    case 'streamingQueryManagerCommand':
      yield* managerCommand(command.streamingQueryManagerCommand!, session, streamsOf(sources).queries);
      return;
    case 'streamingQueryListenerBusCommand':
      yield* listenerBus(command.streamingQueryListenerBusCommand!, session, context);
      return;
    case 'removeCachedRemoteRelationCommand':
      // A batch's rows go when its function has returned; the client's garbage collector may come later.
      return;
    case 'extension':
      yield* extension(command.extension as Any, session, context, sources);
      return;
    case 'registerFunction':
      throw refused(`registering the Python function ${command.registerFunction!.functionName}`);
    case 'registerTableFunction':
      throw refused(`registering the Python table function ${command.registerTableFunction!.functionName}`);
    default:
      throw refused(`the command ${command.commandType ?? 'of a newer client'}`);
  }
}

async function* extension(
  message: Any,
  session: Session,
  context: QueryContext,
  sources: ResultSources,
): AsyncGenerator<ResponseBody, void, undefined> {
  switch (message.type_url) {
    case foreachBatchStart.typeUrl:
      yield* serveForeachBatch(message.value, session, context, sources);
      return;
    case foreachBatchDone.typeUrl:
      answerForeachBatch(message.value, session);
      return;
    default:
      yield* resultResponses(sources.extensions.open(message), context);
  }
}

/** A query comes back as a relation, which the client then runs; anything else is done at once and its rows come back. */
async function* sqlCommand(
  command: SqlCommand,
  session: Session,
  context: QueryContext,
  sources: ResultSources,
): AsyncGenerator<ResponseBody, void, undefined> {
  const { sql, args, posArgs, namedArguments, posArguments } = command;
  const relation: Relation = command.input ?? {
    common: null,
    relType: 'sql',
    sql: { query: sql, args, posArgs, namedArguments, posArguments },
  };
  const statement = await sources.planner.statement(session, relation);
  yield {
    sqlCommandResult: {
      relation: statement === undefined ? relation : await carryOut(statement, session, context),
    },
  };
}

const SAVE_MODES: Readonly<Record<WriteOperation['mode'], SaveMode>> = {
  SAVE_MODE_UNSPECIFIED: 'errorifexists',
  SAVE_MODE_ERROR_IF_EXISTS: 'errorifexists',
  SAVE_MODE_APPEND: 'append',
  SAVE_MODE_OVERWRITE: 'overwrite',
  SAVE_MODE_IGNORE: 'ignore',
};

async function* write(
  operation: WriteOperation,
  session: Session,
  context: QueryContext,
  sources: ResultSources,
): AsyncGenerator<ResponseBody, void, undefined> {
  const format = (operation.source || session.settings.get('spark.sql.sources.default')).toLowerCase();
  const plan = await sources.planner.analyze(session, operation.input!);
  checkBatchWrite(plan);
  if (format === 'noop') {
    for await (const _ of planResult(plan, sources.queries).run(context));
    return;
  }
  if (format === 'jdbc') {
    yield await writeTable(operation, plan, { session, context, sources });
    return;
  }
  checkWritable(operation, format, session);
  const path = operation.path || operation.options['path'];
  if (!path)
    throw new QuarryError('INVALID_ARGUMENT', 'the write has no path: use save(path) or parquet(path)');
  await sources.queries.write(
    plan,
    {
      path,
      format: 'parquet',
      mode: SAVE_MODES[operation.mode],
      partitionBy: operation.partitioningColumns,
      options: operation.options,
    },
    context,
  );
}

/** What became of it goes to the client as metrics of the write. */
async function writeTable(
  operation: WriteOperation,
  plan: LogicalPlan,
  { session, context, sources }: { session: Session; context: QueryContext; sources: ResultSources },
): Promise<ResponseBody> {
  if (operation.saveType === 'table')
    throw refused('saveAsTable and insertInto', 'Use save() with option dbtable.');
  if (operation.partitioningColumns.length > 0 || operation.bucketBy !== null) {
    throw refused('partitionBy and bucketBy with format jdbc');
  }
  if (sources.tables === undefined) throw refused('writing jdbc');
  const { outcome, rowCount } = await sources.tables.write(
    {
      plan,
      mode: SAVE_MODES[operation.mode],
      options: operation.options,
      run: session.run,
      isOfStream: readsStreamBatch(operation.input),
    },
    context,
  );
  const metric = (value: number) => ({ name: 'rows', value, metricType: 'sum' });
  const executionMetrics =
    outcome === 'written' ? { rowsWritten: metric(rowCount) } : { rowsSkipped: metric(rowCount) };
  return { metrics: { metrics: [{ name: 'jdbc', executionMetrics }] } };
}

/** Whether a query reads the batch that a stream has handed to its foreachBatch function. */
function readsStreamBatch(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  if ((value as { relType?: unknown }).relType === 'cachedRemoteRelation') return true;
  return Object.values(value).some(readsStreamBatch);
}

/** What would be written otherwise than asked for is refused. */
function checkWritable(operation: WriteOperation, format: string, session: Session): void {
  if (operation.saveType === 'table')
    throw refused('saveAsTable and insertInto', 'There are no tables: write to a path.');
  if (format !== 'parquet') throw refused(`writing ${format}`, 'Write parquet or jdbc.');
  if (operation.bucketBy !== null || operation.sortColumnNames.length > 0)
    throw refused('bucketBy and sortBy');
  if (operation.clusteringColumns.length > 0) throw refused('clusterBy');
  const overwrite =
    operation.options['partitionOverwriteMode'] ??
    session.settings.get('spark.sql.sources.partitionOverwriteMode');
  const isDynamic = overwrite.toLowerCase() === 'dynamic';
  if (isDynamic && operation.mode === 'SAVE_MODE_OVERWRITE' && operation.partitioningColumns.length > 0) {
    throw refused('partitionOverwriteMode=dynamic', 'An overwrite replaces the whole directory.');
  }
}

function refused(what: string, advice = ''): QuarryError {
  const text = `The feature is not supported: ${what}.${advice === '' ? '' : ` ${advice}`}`;
  return new QuarryError('UNSUPPORTED', `[UNSUPPORTED_FEATURE] ${text} SQLSTATE: 0A000`, {
    details: { errorClass: 'UNSUPPORTED_FEATURE', sqlState: '0A000' },
  });
}
