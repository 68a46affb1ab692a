import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../../common/log.ts';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { SystemClock } from '../../../../common/seams/clock.ts';
import { connectProtocol } from '../../../../driver/connect/connect-protocol.ts';
import { ConnectServer } from '../../../../driver/connect/connect-server.ts';
import { ConnectService } from '../../../../driver/connect/connect-service.ts';
import { ExtensionTable } from '../../../../driver/connect/extensions.ts';
import type { LogicalPlan } from '../../../../driver/plan/logical-plan.ts';
import type { QueryContext, QueryRunner, WriteTarget } from '../../../../driver/schedule/query-runner.ts';
import { SessionTable } from '../../../../driver/session/session-table.ts';
import type { ExecutePlanRequestInput } from '../../../../proto/gen/spark/connect/ExecutePlanRequest.ts';
import type { ExecutePlanResponse } from '../../../../proto/gen/spark/connect/ExecutePlanResponse.ts';

/** A planner of `range` alone, whose batches hold one number each; 13 fails, 1000 never ends. */
const writes: WriteTarget[] = [];
const contexts: QueryContext[] = [];
const queries: QueryRunner = {
  async *run(plan, context) {
    contexts.push(context);
    const end = plan.kind === 'range' ? Number(plan.end) : 0;
    if (end === 13) throw new QuarryError('ARITHMETIC', '[DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012');
    for (let i = 0; i < Math.min(end, 100); i++) yield { arrowIpc: Buffer.from(`batch ${i}`), rowCount: 1 };
    if (end === 1000) await new Promise((resolve) => context.signal?.addEventListener('abort', resolve));
  },
  async write(_, target) {
    writes.push(target);
    return { files: 1, rowCount: 1, lengthBytes: 1 };
  },
};

async function analyze(
  _: unknown,
  relation: { relType?: string; range?: { end: string } | null },
): Promise<LogicalPlan> {
  if (relation.relType !== 'range') throw new QuarryError('UNSUPPORTED', `no ${relation.relType} here`);
  return {
    kind: 'range',
    output: [{ id: 1, name: 'id', type: { kind: 'long' }, nullable: false, planIds: [], qualifiers: [] }],
    start: 0n,
    end: BigInt(relation.range!.end),
    step: 1n,
    partitions: undefined,
  };
}

let sessions: SessionTable;
let server: ConnectServer;
let client: Client;
let sessionId: string;

async function serve(streamBytesMax: number): Promise<void> {
  const clock = new SystemClock();
  sessions = new SessionTable({ clock, resolveFiles: () => Promise.reject(new Error('no files')) });
  const service = new ConnectService({
    sessions,
    clock,
    queries,
    extensions: new ExtensionTable(),
    planner: { analyze: analyze as never, statement: async () => undefined },
  });
  server = new ConnectServer({ service, log: silentLog(), streamBytesMax });
  client = new Client(await server.listen('127.0.0.1:0'), credentials.createInsecure());
  sessionId = randomUUID();
}

beforeEach(() => serve(1024 * 1024));
afterEach(async () => {
  client.close();
  sessions.close();
  await server.close();
});

function call(name: string, request: object): Promise<Record<string, never>> {
  const method = connectProtocol()[name]!;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize as never,
      method.responseDeserialize as never,
      { sessionId, userContext: { userId: 'u' }, ...request },
      new Metadata(),
      { deadline: Date.now() + 5_000 },
      (error, response) => (error === null ? resolve(response as never) : reject(error)),
    );
  });
}

async function stream(name: string, request: object): Promise<ExecutePlanResponse[]> {
  const method = connectProtocol()[name]!;
  const responses: ExecutePlanResponse[] = [];
  const messages = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize as never,
    method.responseDeserialize as never,
    { sessionId, userContext: { userId: 'u' }, ...request },
  );
  for await (const message of messages) responses.push(message as ExecutePlanResponse);
  return responses;
}

function rangePlan(end: number): Pick<ExecutePlanRequestInput, 'plan'> {
  return { plan: { root: { range: { start: 0, end, step: 1 } } } };
}
const REATTACHABLE = { requestOptions: [{ reattachOptions: { reattachable: true } }] };

describe('ExecutePlan', () => {
  it('answers the schema, then the batches as they are, then the end', async () => {
    const responses = await stream('ExecutePlan', { ...rangePlan(2), ...REATTACHABLE });
    expect(responses.map((response) => response.responseType ?? 'schema')).toEqual([
      'schema',
      'arrowBatch',
      'arrowBatch',
      'resultComplete',
    ]);
    expect(responses[0]!.schema?.struct?.fields[0]).toMatchObject({ name: 'id', nullable: false });
    expect(responses[2]!.arrowBatch).toMatchObject({
      rowCount: '1',
      startOffset: '1',
      data: Buffer.from('batch 1'),
    });
    expect(new Set(responses.map(({ responseId }) => responseId)).size).toBe(4);
    expect(new Set(responses.map(({ serverSideSessionId }) => serverSideSessionId)).size).toBe(1);
  });

  it('sends no completion to a client that cannot reattach', async () => {
    const responses = await stream('ExecutePlan', rangePlan(1));
    expect(responses.at(-1)!.responseType).toBe('arrowBatch');
  });

  it('passes the name, the zone and only what was set', async () => {
    await call('Config', {
      operation: { set: { pairs: [{ key: 'spark.sql.session.timeZone', value: 'Asia/Seoul' }] } },
    });
    await stream('ExecutePlan', rangePlan(1));
    expect(contexts.at(-1)).toMatchObject({ jobName: 'range', timeZone: 'Asia/Seoul', sessionId });
    expect([...contexts.at(-1)!.conf.keys()]).toEqual(['spark.sql.session.timeZone']);
  });

  it('refuses an operation id that is in use', async () => {
    const operationId = randomUUID();
    await stream('ExecutePlan', { ...rangePlan(1), ...REATTACHABLE, operationId });
    await expect(stream('ExecutePlan', { ...rangePlan(1), operationId })).rejects.toThrow(
      'OPERATION_ALREADY_EXISTS',
    );
  });

  it('writes a parquet file where it is told to, and refuses what it would do otherwise', async () => {
    const write = { input: { range: { end: 1, step: 1 } }, path: '/out', mode: 'SAVE_MODE_OVERWRITE' };
    await stream('ExecutePlan', {
      plan: { command: { writeOperation: { ...write, partitioningColumns: ['id'] } } },
    });
    expect(writes.at(-1)).toMatchObject({ path: '/out', mode: 'overwrite', partitionBy: ['id'] });
    for (const more of [
      { source: 'csv' },
      { path: undefined, table: { tableName: 't' } },
      { partitioningColumns: ['id'], options: { partitionOverwriteMode: 'dynamic' } },
    ]) {
      const plan = { command: { writeOperation: { ...write, ...more } } };
      await expect(stream('ExecutePlan', { plan })).rejects.toThrow('UNSUPPORTED_FEATURE');
    }
  });
});

describe('ReattachExecute', () => {
  it('brings a result whole through streams that end after every response', async () => {
    client.close();
    sessions.close();
    await server.close();
    await serve(1);
    const operationId = randomUUID();
    const seen = await stream('ExecutePlan', { ...rangePlan(5), ...REATTACHABLE, operationId });
    expect(seen).toHaveLength(1);
    while (seen.at(-1)!.responseType !== 'resultComplete') {
      const lastResponseId = seen.at(-1)!.responseId;
      seen.push(...(await stream('ReattachExecute', { operationId, lastResponseId })));
      await call('ReleaseExecute', { operationId, releaseUntil: { responseId: lastResponseId } });
    }
    const batches = seen.flatMap(({ arrowBatch }) => (arrowBatch ? [arrowBatch.data.toString()] : []));
    expect(batches).toEqual(['batch 0', 'batch 1', 'batch 2', 'batch 3', 'batch 4']);
    await call('ReleaseExecute', { operationId, releaseAll: {} });
    await expect(stream('ReattachExecute', { operationId })).rejects.toThrow(
      'INVALID_HANDLE.OPERATION_NOT_FOUND',
    );
  });

  it('gives the error again', async () => {
    const operationId = randomUUID();
    await expect(stream('ExecutePlan', { ...rangePlan(13), ...REATTACHABLE, operationId })).rejects.toThrow(
      'DIVIDE_BY_ZERO',
    );
    await expect(stream('ReattachExecute', { operationId })).rejects.toThrow('DIVIDE_BY_ZERO');
  });
});

describe('Interrupt', () => {
  it('stops by tag, id or all, and names what it stopped', async () => {
    const operationId = randomUUID();
    const running = stream('ExecutePlan', {
      ...rangePlan(1000),
      ...REATTACHABLE,
      operationId,
      tags: ['etl'],
    });
    const rejected = expect(running).rejects.toThrow('OPERATION_CANCELED');
    await expect.poll(() => contexts.at(-1)?.operationId).toBe(operationId);
    const none = await call('Interrupt', { interruptType: 'INTERRUPT_TYPE_TAG', operationTag: 'other' });
    expect(none['interruptedIds']).toEqual([]);
    const hit = await call('Interrupt', { interruptType: 'INTERRUPT_TYPE_TAG', operationTag: 'etl' });
    expect(hit['interruptedIds']).toEqual([operationId]);
    await rejected;
    expect(contexts.at(-1)!.signal?.aborted).toBe(true);
    expect((await call('Interrupt', { interruptType: 'INTERRUPT_TYPE_ALL' }))['interruptedIds']).toEqual([]);
  });

  it('cancels an operation whose client has gone and cannot come back', async () => {
    const method = connectProtocol().ExecutePlan;
    const request = { sessionId, ...rangePlan(1000) };
    const gone = client.makeServerStreamRequest(
      method.path,
      method.requestSerialize as never,
      method.responseDeserialize as never,
      request,
    );
    gone.on('error', () => undefined);
    gone.on('data', () => gone.cancel());
    await expect.poll(() => contexts.at(-1)?.signal?.aborted, { timeout: 3_000 }).toBe(true);
  });
});

describe('errors', () => {
  it('are INTERNAL with details, whose whole text can be fetched', async () => {
    const failure = (await call('AnalyzePlan', { schema: { plan: { root: { transpose: {} } } } }).catch(
      (thrown: unknown) => thrown,
    )) as ServiceError;
    expect(failure).toMatchObject({
      code: 13,
      details: '[UNSUPPORTED_FEATURE] no transpose here. SQLSTATE: 0A000',
    });
    const text = (failure.metadata.get('grpc-status-details-bin')[0] as Buffer).toString('latin1');
    const errorId = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(text)![0];
    expect(await call('FetchErrorDetails', { errorId })).toMatchObject({
      rootErrorIdx: 0,
      errors: [
        {
          message: failure.details,
          sparkThrowable: { errorClass: 'UNSUPPORTED_FEATURE', sqlState: '0A000' },
        },
      ],
    });
  });

  it('tell apart sessions that were closed, changed or misnamed', async () => {
    await call('Config', { operation: { getAll: {} } });
    const observed = { clientObservedServerSideSessionId: randomUUID(), operation: { getAll: {} } };
    await expect(call('Config', observed)).rejects.toThrow('INVALID_HANDLE.SESSION_CHANGED');
    await call('ReleaseSession', {});
    await expect(call('Config', { operation: { getAll: {} } })).rejects.toThrow(
      'INVALID_HANDLE.SESSION_CLOSED',
    );
    await expect(call('Config', { sessionId: 'x', operation: {} })).rejects.toThrow('INVALID_HANDLE.FORMAT');
  });
});

describe('Config', () => {
  const config = (operation: object) => call('Config', { operation });

  it('sets, reads, unsets and refuses', async () => {
    await config({ set: { pairs: [{ key: 'spark.sql.ansi.enabled', value: 'false' }] } });
    expect(await config({ get: { keys: ['spark.sql.ansi.enabled'] } })).toMatchObject({
      pairs: [{ value: 'false' }],
    });
    await config({ unset: { keys: ['spark.sql.ansi.enabled'] } });
    expect(await config({ get: { keys: ['spark.sql.ansi.enabled'] } })).toMatchObject({
      pairs: [{ value: 'true' }],
    });
    await expect(config({ get: { keys: ['spark.no.such'] } })).rejects.toThrow('SQL_CONF_NOT_FOUND');
    expect(await config({ getOption: { keys: ['spark.no.such'] } })).toMatchObject({
      pairs: [{ key: 'spark.no.such' }],
    });
    expect(await config({ getWithDefault: { pairs: [{ key: 'spark.no.such', value: 'd' }] } })).toMatchObject(
      {
        pairs: [{ value: 'd' }],
      },
    );
    const badZone = { set: { pairs: [{ key: 'spark.sql.session.timeZone', value: 'Mars' }] } };
    await expect(config(badZone)).rejects.toThrow('INVALID_CONF_VALUE.TIME_ZONE');
    expect(
      await config({ isModifiable: { keys: ['spark.sql.warehouse.dir', 'spark.sql.ansi.enabled'] } }),
    ).toMatchObject({
      pairs: [{ value: 'false' }, { value: 'true' }],
    });
  });
});

describe('AddArtifacts', () => {
  it('keeps local data, in one piece or many, when its checksum matches', async () => {
    const { crc32 } = await import('@node-rs/crc32');
    const method = connectProtocol().AddArtifacts;
    const piece = (text: string) => ({ data: Buffer.from(text), crc: crc32(text) });
    const ids = { sessionId, userContext: { userId: 'u' } };
    const summary = await new Promise<object>((resolve, reject) => {
      const upload = client.makeClientStreamRequest(
        method.path,
        method.requestSerialize as never,
        method.responseDeserialize as never,
        (error: ServiceError | null, response?: object) =>
          error === null ? resolve(response!) : reject(error),
      );
      const write = (payload: object) => upload.write({ ...ids, ...payload } as never);
      write({ batch: { artifacts: [{ name: 'cache/a', data: piece('whole') }] } });
      write({ batch: { artifacts: [{ name: 'cache/bad', data: { ...piece('x'), crc: 1 } }] } });
      write({ beginChunk: { name: 'cache/b', totalBytes: 4, numChunks: 2, initialChunk: piece('ab') } });
      write({ chunk: piece('cd') });
      upload.end();
    });
    expect(summary).toMatchObject({
      artifacts: [
        { name: 'cache/a', isCrcSuccessful: true },
        { name: 'cache/bad', isCrcSuccessful: false },
        { name: 'cache/b', isCrcSuccessful: true },
      ],
    });
    expect(await call('ArtifactStatus', { names: ['cache/a', 'cache/b', 'cache/bad'] })).toMatchObject({
      statuses: { 'cache/a': { exists: true }, 'cache/b': { exists: true }, 'cache/bad': { exists: false } },
    });
    const session = sessions.get({ userId: 'u', sessionId, observedServerSideSessionId: undefined });
    expect(Buffer.from(session.cachedLocalRelation('b')).toString()).toBe('abcd');
  });
});
