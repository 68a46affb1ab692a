import { Client, credentials } from '@grpc/grpc-js';
import { randomUUID } from 'node:crypto';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../../common/log.ts';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { Protocol } from '../../../../common/rpc/protocol.ts';
import { SystemClock } from '../../../../common/seams/clock.ts';
import {
  foreachBatchCall,
  foreachBatchDone,
  foreachBatchStart,
} from '../../../../common/stream/foreach-batch.ts';
import { analyzerPlanner } from '../../../../driver/connect/analyzer-planner.ts';
import { connectProtocol } from '../../../../driver/connect/connect-protocol.ts';
import { ConnectServer } from '../../../../driver/connect/connect-server.ts';
import { ConnectService } from '../../../../driver/connect/connect-service.ts';
import { ExtensionTable } from '../../../../driver/connect/extensions.ts';
import type { LogicalPlan } from '../../../../driver/plan/logical-plan.ts';
import type { QueryRunner } from '../../../../driver/schedule/query-runner.ts';
import { SessionTable } from '../../../../driver/session/session-table.ts';
import type { Any } from '../../../../proto/gen/google/protobuf/Any.ts';
import type { CommandInput } from '../../../../proto/gen/spark/connect/Command.ts';
import type { ExecutePlanResponse } from '../../../../proto/gen/spark/connect/ExecutePlanResponse.ts';
import type { RelationInput } from '../../../../proto/gen/spark/connect/Relation.ts';
import type { WriteStreamOperationStartInput } from '../../../../proto/gen/spark/connect/WriteStreamOperationStart.ts';
import { FakeQueries } from './fake-streams.ts';

/** Every plan has the rows 1, 2, 3. */
const rows = tableToIPC(tableFromArrays({ value: BigInt64Array.from([1n, 2n, 3n]) }), 'stream');
const queries: QueryRunner = {
  async *run() {
    yield { arrowIpc: Buffer.from(rows), rowCount: 3 };
  },
  write: async () => ({ files: 0, rowCount: 0, lengthBytes: 0 }),
};

let streams: FakeQueries;
let sessions: SessionTable;
let server: ConnectServer;
let client: Client;
let sessionId: string;

beforeEach(async () => {
  const clock = new SystemClock();
  streams = new FakeQueries();
  sessions = new SessionTable({
    clock,
    resolveFiles: () => Promise.reject(new Error('no files')),
    onClosed: (session) => void streams.closeSession(session.sessionId),
  });
  const service = new ConnectService({
    sessions,
    clock,
    queries,
    extensions: new ExtensionTable(),
    planner: analyzerPlanner,
    streams: { queries: streams, connectAddress: () => '127.0.0.1:1', print: () => undefined },
  });
  server = new ConnectServer({ service, log: silentLog(), streamBytesMax: 1e6 });
  client = new Client(await server.listen('127.0.0.1:0'), credentials.createInsecure());
  sessionId = randomUUID();
});
afterEach(async () => {
  client.close();
  sessions.close();
  await server.close();
});

async function* open(plan: object): AsyncGenerator<ExecutePlanResponse> {
  const method = connectProtocol()['ExecutePlan'];
  const call = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize as never,
    method.responseDeserialize as never,
    { sessionId, userContext: { userId: 'u' }, plan },
  );
  try {
    for await (const message of call) yield message as ExecutePlanResponse;
  } finally {
    call.cancel();
  }
}

async function command(message: CommandInput): Promise<ExecutePlanResponse | undefined> {
  let last: ExecutePlanResponse | undefined;
  for await (const response of open({ command: message })) last = response;
  return last;
}

const rate: RelationInput = { read: { isStreaming: true, dataSource: { format: 'rate' } } };
const watermarked: RelationInput = {
  withWatermark: { input: rate, eventTime: 'timestamp', delayThreshold: '1 minute' },
};
const batch: LogicalPlan = { kind: 'one-row', output: [] };
function grouped(input: RelationInput, ...by: string[]): RelationInput {
  return {
    aggregate: {
      input,
      groupType: 'GROUP_TYPE_GROUPBY',
      groupingExpressions: by.map((expression) => ({ expressionString: { expression } })),
      aggregateExpressions: [{ expressionString: { expression: 'count(1)' } }],
    },
  };
}

async function start(operation: Partial<WriteStreamOperationStartInput> = {}) {
  const given = { input: rate, format: 'noop', ...operation };
  const response = await command({ writeStreamOperationStart: given });
  const result = response!.writeStreamOperationStartResult!;
  return { queryId: result.queryId!, result, query: streams.started.at(-1)! };
}

describe('writeStream', () => {
  it('starts what was asked for', async () => {
    const { result, query } = await start({
      format: 'Redis',
      options: { url: 'redis://h:1' },
      outputMode: 'Update',
      queryName: 'counts',
      processingTimeInterval: '2 seconds',
      partitioningColumnNames: ['a'],
    });
    expect(query.spec).toMatchObject({
      name: 'counts',
      format: 'redis',
      options: { url: 'redis://h:1' },
      outputMode: 'update',
      trigger: { kind: 'processing-time', intervalMs: 2000 },
      partitionBy: ['a'],
      plan: { kind: 'stream-source' },
    });
    expect(query.context).toMatchObject({ sessionId, timeZone: 'UTC' });
    expect(result).toMatchObject({ queryId: { id: query.id, runId: query.runId }, name: 'counts' });
    const started = JSON.parse(result.queryStartedEventJson!) as object;
    expect(started).toMatchObject({ id: query.id, runId: query.runId, name: 'counts' });
    expect((await start({ availableNow: true })).query.spec.trigger).toEqual({ kind: 'available-now' });
    expect((await start({ once: true })).query.spec.trigger).toEqual({ kind: 'once' });
    expect((await start()).query.spec.trigger).toEqual({ kind: 'processing-time', intervalMs: 0 });
  });

  it('refuses in the words of Spark', async () => {
    const range = { range: { start: '0', end: '3', step: '1' } };
    const fails = (operation: Partial<WriteStreamOperationStartInput>, message: RegExp) =>
      expect(start(operation)).rejects.toThrow(message);
    await fails(
      { input: range, format: 'parquet' },
      /WRITE_STREAM_NOT_ALLOWED.*only on streaming Dataset\/DataFrame/,
    );
    await fails({ outputMode: 'sometimes' }, /STREAMING_OUTPUT_MODE\.INVALID.*sometimes.*42KDE/);
    await fails(
      { input: grouped(rate, 'value') },
      /STREAMING_OUTPUT_MODE\.UNSUPPORTED_OPERATION.*append.*aggregations without watermark/,
    );
    await fails({ outputMode: 'complete' }, /UNSUPPORTED_OPERATION.*complete.*no streaming aggregations/);
    await fails({ input: { sort: { input: rate, order: [], isGlobal: true } } }, /Sorting is not supported/);
    await fails({ input: { limit: { input: rate, limit: 3 } } }, /Limits are not supported/);
    await fails({ format: 'parquet', path: '/x', outputMode: 'update' }, /UNSUPPORTED_DATASOURCE.*parquet/);
    await fails({ format: 'parquet' }, /'path' is not specified/);
    await fails({ format: 'memory' }, /queryName must be specified for memory sink/);
    await fails({ format: 'delta' }, /DATA_SOURCE_NOT_FOUND.*delta/);
    await fails({ continuousCheckpointInterval: '1 second' }, /continuous trigger/);
    await fails({ processingTimeInterval: 'soon' }, /CANNOT_PARSE_INTERVAL/);
    await fails({ foreachWriter: {} }, /foreach function that is not in Python/);
    await start({ input: grouped(watermarked, `window(timestamp, '1 minute')`, 'value') });
    await start({ input: grouped(rate, 'value'), outputMode: 'complete' });
    await start({ queryName: 'one' });
    await fails({ queryName: 'one' }, /name one as a query with that name is already active/);
  });

  it('is the only way to run a stream', async () => {
    const run = async (): Promise<void> => {
      for await (const _ of open({ root: rate }));
    };
    await expect(run()).rejects.toThrow('must be executed with writeStream.start()');
    const shown = command({ writeOperation: { input: rate, path: '/x' } });
    await expect(shown).rejects.toThrow('CALL_ON_STREAMING_DATASET_UNSUPPORTED');
  });
});

describe('a started query', () => {
  const ask = async (queryId: object, which: object) =>
    (await command({ streamingQueryCommand: { queryId, ...which } }))!.streamingQueryCommandResult!;

  it('answers for itself', async () => {
    const { queryId, query } = await start({ queryName: 'q' });
    expect((await ask(queryId, { status: true })).status).toMatchObject({ isActive: true });
    expect((await ask(queryId, { lastProgress: true })).recentProgress).toEqual({ recentProgressJson: [] });
    await query.runBatch(0, batch);
    await query.runBatch(1, batch);
    const last = (await ask(queryId, { lastProgress: true })).recentProgress!.recentProgressJson;
    expect(last.map((json) => JSON.parse(json) as object)).toMatchObject([{ batchId: 1, name: 'q' }]);
    expect((await ask(queryId, { recentProgress: true })).recentProgress!.recentProgressJson).toHaveLength(2);
    expect((await ask(queryId, { explain: { extended: true } })).explain!.result).toBe('long');
    await ask(queryId, { processAllAvailable: true });
    const waited = await ask(queryId, { awaitTermination: { timeoutMs: 20 } });
    expect(waited.awaitTermination).toEqual({ terminated: false });
    expect((await ask(queryId, { exception: true })).exception).toEqual({});
    const ended = ask(queryId, { awaitTermination: {} });
    await ask(queryId, { stop: true });
    expect((await ended).awaitTermination).toEqual({ terminated: true });
    expect((await ask(queryId, { status: true })).status).toMatchObject({ isActive: false });
    await expect(ask({ id: 'other', runId: 'x' }, { status: true })).rejects.toThrow('other is not found');
  });

  it("ends with Spark's exception", async () => {
    const { queryId, query } = await start();
    const waiting = ask(queryId, { awaitTermination: {} });
    const outcome = expect(waiting).rejects.toThrow(
      new RegExp(`STREAM_FAILED.*id = ${query.id}, runId = ${query.runId}.*Division by zero.*XXKST`),
    );
    query.fail(new QuarryError('ARITHMETIC', '[DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012'));
    await outcome;
    const { exception } = await ask(queryId, { exception: true });
    expect(exception).toMatchObject({
      exceptionMessage: expect.stringMatching(/^org\.apache\.[\w.]+: \[STREAM_FAILED\]/),
      errorClass: 'STREAM_FAILED',
    });
  });

  it('is known to the session', async () => {
    const manage = async (which: object) =>
      (await command({ streamingQueryManagerCommand: which }))!.streamingQueryManagerCommandResult!;
    const { queryId, query } = await start({ queryName: 'q' });
    const instance = { id: queryId, name: 'q' };
    expect((await manage({ active: true })).active!.activeQueries).toMatchObject([instance]);
    expect((await manage({ getQuery: query.id })).query).toMatchObject(instance);
    expect((await manage({ getQuery: 'none' })).query).toBeFalsy();
    const any = await manage({ awaitAnyTermination: { timeoutMs: 10 } });
    expect(any.awaitAnyTermination).toEqual({ terminated: false });
    expect((await manage({ resetTerminated: true })).resetTerminated).toBe(true);
    sessions.close();
    expect(query.isActive).toBe(false);
  });

  it('is heard of', async () => {
    const bus = open({ command: { streamingQueryListenerBusCommand: { addListenerBusListener: true } } });
    const next = async () => (await bus.next()).value!.streamingQueryListenerEventsResult!;
    expect(await next()).toMatchObject({ listenerBusListenerAdded: true, events: [] });
    const { query } = await start();
    await query.runBatch(4, batch);
    const [progress] = (await next()).events;
    expect(progress!.eventType).toBe('QUERY_PROGRESS_EVENT');
    expect(JSON.parse(progress!.eventJson)).toMatchObject({ progress: { batchId: 4, id: query.id } });
    query.fail(new Error('lost'));
    const [terminated] = (await next()).events;
    expect(terminated!.eventType).toBe('QUERY_TERMINATED_EVENT');
    expect(JSON.parse(terminated!.eventJson)).toMatchObject({
      id: query.id,
      exception: expect.stringContaining('lost'),
    });
    await command({ streamingQueryListenerBusCommand: { removeListenerBusListener: true } });
    expect(await bus.next()).toEqual({ value: undefined, done: true });
  });
});

describe('the memory sink', () => {
  it('is a view of what came so far, each batch once', async () => {
    const { query } = await start({ format: 'memory', queryName: 'seen', input: rate });
    const session = sessions.open({ userId: 'u', sessionId, observedServerSideSessionId: undefined });
    const seen = () => {
      const view = session.tempView('seen')!;
      return view.kind === 'local' ? view.rows : undefined;
    };
    expect(seen()).toEqual([]);
    await query.runBatch(0, batch);
    await query.runBatch(0, batch);
    expect(seen()).toEqual([[1n], [2n], [3n]]);
    await query.runBatch(1, batch);
    expect(seen()).toHaveLength(6);
  });
});

describe("foreachBatch in the client's process", () => {
  function opened() {
    const codec = Protocol.load('spark/connect/base', String).message(
      'spark.connect.WriteStreamOperationStart',
    );
    const operation = codec.serialize({ input: rate, queryName: 'each' });
    return open({ command: { extension: foreachBatchStart.encode({ operation }) } });
  }
  const callOf = (response: ExecutePlanResponse) =>
    foreachBatchCall.decode((response.extension as unknown as Any).value);

  it('gets each batch, and the next when it has answered', async () => {
    const calls = opened();
    const { writeStreamOperationStartResult } = (await calls.next()).value!;
    const { id: queryId, runId } = writeStreamOperationStartResult!.queryId!;
    const query = streams.find(queryId)!;
    expect(query.spec).toMatchObject({ format: 'foreach-batch', name: 'each' });
    const session = sessions.open({ userId: 'u', sessionId, observedServerSideSessionId: undefined });
    const running = query.runBatch(7, batch);
    const { relationId, batchId } = callOf((await calls.next()).value!);
    expect(batchId).toBe(7);
    expect(session.remoteRelation(relationId)).toBe(batch);
    await command({ extension: foreachBatchDone.encode({ queryId, runId, batchId }) });
    await running;
    expect(session.remoteRelations.size).toBe(0);
    const failing = query.runBatch(8, batch);
    expect(callOf((await calls.next()).value!).batchId).toBe(8);
    await command({ extension: foreachBatchDone.encode({ queryId, runId, batchId: 8, error: 'Error: no' }) });
    await failing;
    expect(query.exception?.message).toMatch(/FOREACH_BATCH_USER_FUNCTION_ERROR.*Reason: Error: no/);
    expect((await calls.next()).done).toBe(true);
  });

  it('ends with the client', async () => {
    const calls = opened();
    await calls.next();
    const query = streams.started[0]!;
    const running = query.runBatch(0, batch);
    await calls.next();
    await calls.return(undefined);
    await running;
    expect(query.isActive).toBe(false);
  });
});
