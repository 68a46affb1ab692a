import { beforeEach, describe, expect, it } from 'vitest';
import {
  foreachBatchCall,
  foreachBatchDone,
  foreachBatchStart,
} from '../../../../common/stream/foreach-batch.ts';
import type { DataFrame } from '../../../../client/dataframe/dataframe.ts';
import { DataStreamReader } from '../../../../client/dataframe/data-stream-reader.ts';
import type { Column } from '../../../../client/dataframe/column.ts';
import * as f from '../../../../client/dataframe/functions.ts';
import { StreamingQueryManager } from '../../../../client/dataframe/streaming-query-manager.ts';
import type { Any } from '../../../../proto/gen/google/protobuf/Any.ts';
import type { ExecutePlanResponse } from '../../../../proto/gen/spark/connect/ExecutePlanResponse.ts';
import type { PlanInput } from '../../../../proto/gen/spark/connect/Plan.ts';
import { PlanRecorder, shapeOf } from './plan-recorder.ts';

const ids = { id: 'query', runId: 'run' };

/** A server of one streaming query. */
class StreamServer extends PlanRecorder {
  answers: Record<string, object>[] = [];
  onStreamStarted: ((json: string) => void) | undefined;

  override async *execute(plan: PlanInput): AsyncGenerator<ExecutePlanResponse> {
    this.plans.push(plan);
    const { command } = plan;
    if (command?.writeStreamOperationStart != null) yield* this.#start();
    else if (
      command?.extension != null &&
      (command.extension as unknown as Any).type_url === foreachBatchStart.typeUrl
    ) {
      yield* this.#start();
      for (const batchId of [0, 1]) {
        yield { extension: foreachBatchCall.encode({ relationId: `rows ${batchId}`, batchId }) } as never;
      }
    } else for (const answer of this.answers.splice(0)) yield answer as never;
  }

  *#start() {
    const queryStartedEventJson = JSON.stringify({ ...ids, name: 'q', timestamp: 'now' });
    yield { writeStreamOperationStartResult: { queryId: ids, name: 'q', queryStartedEventJson } } as never;
  }

  answer(result: object): void {
    this.answers.push({ streamingQueryCommandResult: { queryId: ids, ...result } });
  }

  get last(): object {
    return this.plans.at(-1)!.command!;
  }
}

let server: StreamServer;
let rate: DataFrame;
beforeEach(() => {
  server = new StreamServer();
  rate = reader().format('rate').option('rowsPerSecond', 5).load();
});
const reader = () =>
  new DataStreamReader({ make: (relation) => server.dataFrame(relation), format: 'parquet', options: {} });

describe('readStream', () => {
  it('names a source that grows', () => {
    expect(shapeOf(rate.relation)).toEqual({
      read: { isStreaming: true, dataSource: { format: 'rate', options: { rowsPerSecond: '5' }, paths: [] } },
    });
    expect(shapeOf(reader().schema('a INT').json('/in').relation)).toEqual({
      read: {
        isStreaming: true,
        dataSource: { format: 'json', schema: 'a INT', options: {}, paths: ['/in'] },
      },
    });
    expect(reader().table('v').relation.read).toMatchObject({
      isStreaming: true,
      namedTable: { unparsedIdentifier: 'v' },
    });
  });

  it('has a watermark, windows and keys that are forgotten', () => {
    const late = rate.withWatermark('timestamp', '10 minutes');
    expect(late.relation.withWatermark).toMatchObject({
      eventTime: 'timestamp',
      delayThreshold: '10 minutes',
    });
    const { deduplicate } = late.dropDuplicatesWithinWatermark('value').relation;
    expect(deduplicate).toMatchObject({ columnNames: ['value'], withinWatermark: true });
    const called = (column: Column) => column.expression.unresolvedFunction;
    expect(called(f.window('t', '5 minutes'))!.arguments).toHaveLength(2);
    expect(called(f.window('t', '5 minutes', '1 minute', '2 seconds'))!.arguments).toHaveLength(4);
    expect(called(f.window('t', '5 minutes', undefined, '2 seconds'))!.arguments![2]).toEqual({
      literal: { string: '5 minutes' },
    });
    expect(called(f.from_json('v', 'a INT', { mode: 'FAILFAST' }))!.arguments![2]).toMatchObject({
      unresolvedFunction: { functionName: 'map', arguments: [{}, { literal: { string: 'FAILFAST' } }] },
    });
  });
});

describe('writeStream', () => {
  it('starts a query', async () => {
    const events: object[] = [];
    const streams = new StreamingQueryManager(server);
    await streams.addListener({ onQueryStarted: (event) => events.push(event) });
    const writer = rate.writeStream
      .format('redis')
      .option('url', 'redis://h:1')
      .options({ view: 'v', ttlSeconds: 60 })
      .outputMode('update')
      .queryName('q')
      .partitionBy('a', 'b')
      .trigger({ availableNow: true })
      .trigger({ processingTime: '1 second' });
    const query = await writer.start('/out');
    expect({ id: query.id, runId: query.runId, name: query.name }).toEqual({ ...ids, name: 'q' });
    expect(shapeOf(server.last)).toEqual({
      writeStreamOperationStart: {
        input: shapeOf(rate.relation),
        format: 'redis',
        options: { url: 'redis://h:1', view: 'v', ttlSeconds: '60' },
        outputMode: 'update',
        queryName: 'q',
        partitioningColumnNames: ['a', 'b'],
        processingTimeInterval: '1 second',
        path: '/out',
      },
    });
    expect(events).toEqual([{ ...ids, name: 'q', timestamp: 'now' }]);
    await rate.writeStream.trigger({ once: true }).format('jdbc').toTable('t');
    expect(server.last).toMatchObject({ writeStreamOperationStart: { once: true, tableName: 't' } });
  });

  it('asks about the query', async () => {
    const query = await rate.writeStream.format('noop').start();
    const status = { statusMessage: 'm', isDataAvailable: true, isTriggerActive: false, isActive: true };
    server.answer({ status });
    expect(await query.isActive()).toBe(true);
    expect(server.last).toEqual({ streamingQueryCommand: { queryId: ids, status: true } });
    server.answer({ status });
    expect(await query.status()).toEqual({ message: 'm', isDataAvailable: true, isTriggerActive: false });
    server.answer({ recentProgress: { recentProgressJson: ['{"batchId":1}', '{"batchId":2}'] } });
    expect(await query.lastProgress()).toEqual({ batchId: 2 });
    server.answer({ recentProgress: { recentProgressJson: [] } });
    expect(await query.lastProgress()).toBe(null);
    server.answer({ awaitTermination: { terminated: false } });
    expect(await query.awaitTermination(10)).toBe(false);
    server.answer({ awaitTermination: { terminated: true } });
    expect(await query.awaitTermination()).toBe(true);
    server.answer({ exception: {} });
    expect(await query.exception()).toBe(null);
    server.answer({
      exception: { exceptionMessage: 'a.b.C: [STREAM_FAILED] no: x', errorClass: 'STREAM_FAILED' },
    });
    expect((await query.exception())!.message).toBe('[STREAM_FAILED] no: x');
    server.answer({ explain: { result: 'plan' } });
    expect(await query.explain(true)).toBe('plan');
    server.answer({});
    await query.stop();
    expect(server.last).toEqual({ streamingQueryCommand: { queryId: ids, stop: true } });
  });

  it('runs a function of this process for each batch, and says what it threw', async () => {
    const seen: [unknown, number][] = [];
    const query = await rate.writeStream
      .foreachBatch(async (batch, batchId) => {
        seen.push([shapeOf(batch.relation), batchId]);
        if (batchId === 1) throw new Error('not this one');
      })
      .start();
    server.answer({ awaitTermination: { terminated: true } });
    await query.awaitTermination();
    expect(seen).toEqual([
      [{ cachedRemoteRelation: { relationId: 'rows 0' } }, 0],
      [{ cachedRemoteRelation: { relationId: 'rows 1' } }, 1],
    ]);
    const done = server.plans
      .map(({ command }) => command?.extension as unknown as Any | undefined)
      .filter((message) => message?.type_url === foreachBatchDone.typeUrl)
      .map((message) => foreachBatchDone.decode(message!.value));
    expect(done[0]).toMatchObject({ queryId: 'query', runId: 'run', batchId: 0 });
    expect(done[0]!.error).toBeUndefined();
    expect(done[1]!.error).toMatch(/^Error: not this one\n.*streaming\.test/);
  });
});
