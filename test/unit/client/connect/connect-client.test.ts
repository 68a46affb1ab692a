import { Metadata, status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { ConnectClient } from '../../../../client/connect/connect-client.ts';
import { connectError } from '../../../../client/connect/connect-error.ts';
import { parseConnectUrl, resolveTarget } from '../../../../client/connect/connect-target.ts';
import { QuarryError } from '../../../../common/quarry-error.ts';
import type { CallOptions, Method, RpcClient } from '../../../../common/seams/rpc.ts';
import type { ExecutePlanResponse } from '../../../../proto/gen/spark/connect/ExecutePlanResponse.ts';

type Fields = Readonly<Record<string, unknown>>;
/** What a stream gives: responses, then its end, an error, or nothing for ever. */
type Script = readonly (Fields | QuarryError)[];

/** A server that plays one script a stream, and writes down what it is asked. */
class ScriptedServer implements RpcClient {
  readonly calls: (Fields & { readonly method: string })[] = [];
  readonly #scripts: Script[];

  constructor(...scripts: Script[]) {
    this.#scripts = scripts;
  }

  async call<ReqIn, ResIn, ReqOut, ResOut>(
    _address: string,
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    request: ReqIn,
    _options: CallOptions,
  ): Promise<ResOut> {
    this.calls.push({ method: method.path.split('/').at(-1)!, ...(request as Fields) });
    return { interruptedIds: ['op'], serverSideSessionId: 'server-1' } as ResOut;
  }

  async *stream<ReqIn, ResIn, ReqOut, ResOut>(
    _address: string,
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    request: ReqIn,
    { signal }: { readonly signal?: AbortSignal | undefined },
  ): AsyncIterable<ResOut> {
    this.calls.push({ method: method.path.split('/').at(-1)!, ...(request as Fields) });
    const script = this.#scripts.shift();
    if (script === undefined) {
      await new Promise((resolve) => signal!.addEventListener('abort', resolve));
      throw new QuarryError('INTERRUPTED', 'cancelled');
    }
    for (const step of script) {
      if (step instanceof QuarryError) throw step;
      yield step as ResOut;
    }
  }

  async close(): Promise<void> {}

  named(method: string): readonly Fields[] {
    return this.calls.filter((call) => call.method === method);
  }
}

const batch = (id: string): Fields => ({
  responseId: id,
  serverSideSessionId: 'server-1',
  responseType: 'arrowBatch',
  arrowBatch: { data: Buffer.from(id), rowCount: '1' },
});
const complete: Fields = {
  responseId: 'last',
  serverSideSessionId: 'server-1',
  responseType: 'resultComplete',
};
const unreachable = () => new QuarryError('PEER_UNREACHABLE', 'gone');

function clientOf(server: ScriptedServer): ConnectClient {
  const target = { connect: 'host:1', namenode: undefined, userId: 'me', parameters: {} };
  return new ConnectClient(target, server, 'test');
}

async function idsOf(responses: AsyncIterable<ExecutePlanResponse>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { responseId } of responses) ids.push(responseId);
  return ids;
}

describe('an execution', () => {
  it('gives its responses, asks for reattachment, and releases what it has seen', async () => {
    const server = new ScriptedServer([batch('r1'), batch('r2'), complete]);
    expect(await idsOf(clientOf(server).execute({}, { tags: ['t'] }))).toEqual(['r1', 'r2']);
    const [start] = server.named('ExecutePlan');
    expect(start).toMatchObject({
      tags: ['t'],
      requestOptions: [{ reattachOptions: { reattachable: true } }],
    });
    const { operationId } = start as { operationId: string };
    expect(server.named('ReleaseExecute')).toMatchObject([
      { operationId, releaseUntil: { responseId: 'r1' } },
      { operationId, releaseUntil: { responseId: 'r2' } },
      { operationId, releaseAll: {} },
    ]);
  });

  it('goes on from its last response when the stream breaks or just ends', async () => {
    const server = new ScriptedServer([batch('r1'), unreachable()], [batch('r2')], [complete]);
    expect(await idsOf(clientOf(server).execute({}))).toEqual(['r1', 'r2']);
    expect(server.named('ReattachExecute').map(({ lastResponseId }) => lastResponseId)).toEqual(['r1', 'r2']);
  });

  it('is sent again only when the server never had it', async () => {
    const lost = new QuarryError('OPERATION_NOT_FOUND', 'unknown');
    const server = new ScriptedServer([unreachable()], [lost], [batch('r1'), complete]);
    expect(await idsOf(clientOf(server).execute({}))).toEqual(['r1']);
    expect(server.calls.map(({ method }) => method).slice(0, 3)).toEqual([
      'ExecutePlan',
      'ReattachExecute',
      'ExecutePlan',
    ]);

    const after = new ScriptedServer([batch('r1'), unreachable()], [lost]);
    await expect(idsOf(clientOf(after).execute({}))).rejects.toMatchObject({ code: 'OPERATION_NOT_FOUND' });
  });

  it('gives up on a server that stays away', async () => {
    const server = new ScriptedServer(...Array.from({ length: 10 }, () => [unreachable()]));
    await expect(idsOf(clientOf(server).execute({}))).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    expect(server.calls.filter(({ method }) => method !== 'ReleaseExecute')).toHaveLength(7);
  });

  it('is interrupted at the server when its signal aborts', async () => {
    const server = new ScriptedServer();
    const controller = new AbortController();
    const running = idsOf(clientOf(server).execute({}, { signal: controller.signal }));
    setTimeout(() => controller.abort(), 10);
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    const [start] = server.named('ExecutePlan');
    expect(server.named('Interrupt')).toMatchObject([
      { interruptType: 'INTERRUPT_TYPE_OPERATION_ID', operationId: start!['operationId'] },
    ]);
  });

  it('is ended at the server when its reader leaves', async () => {
    const server = new ScriptedServer([batch('r1'), batch('r2'), complete]);
    for await (const response of clientOf(server).execute({})) {
      expect(response.responseId).toBe('r1');
      break;
    }
    expect(server.named('ReleaseExecute').at(-1)).toMatchObject({ releaseAll: {} });
  });

  it('tells the server which of its lives it has seen', async () => {
    const server = new ScriptedServer([batch('r1'), complete]);
    const client = clientOf(server);
    await idsOf(client.execute({}));
    await client.interrupt('all');
    expect(server.named('Interrupt')).toMatchObject([{ clientObservedServerSideSessionId: 'server-1' }]);
    expect(server.named('ExecutePlan')[0]).not.toHaveProperty('clientObservedServerSideSessionId');
  });
});

describe('an error of a foreign server', () => {
  const { root } = protobuf.parse(
    `syntax = "proto3";
     message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
     message Any { string type_url = 1; bytes value = 2; }
     message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }`,
  );

  function failure(
    message: string,
    info?: { reason: string; metadata: Record<string, string> },
  ): QuarryError {
    const metadata = new Metadata();
    if (info !== undefined) {
      const value = root.lookupType('ErrorInfo').encode(info).finish();
      const details = [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value }];
      const bytes = root.lookupType('Status').encode({ code: 13, message, details }).finish();
      metadata.set('grpc-status-details-bin', Buffer.from(bytes));
    }
    const cause = Object.assign(new Error(message), { code: status.INTERNAL, details: message, metadata });
    return new QuarryError('INTERNAL', message, { cause });
  }

  it.each([
    ['[PATH_NOT_FOUND] Path does not exist: /a', 'FILE_NOT_FOUND'],
    ['[PATH_ALREADY_EXISTS] Path /a already exists', 'FILE_EXISTS'],
    ['[DIVIDE_BY_ZERO] Division by zero', 'ARITHMETIC'],
    ['[CAST_INVALID_INPUT] no', 'BAD_DATA'],
    ['[INVALID_HANDLE.OPERATION_NOT_FOUND] no', 'OPERATION_NOT_FOUND'],
    ['[SOMETHING_NEW] no', 'INTERNAL'],
    ['no condition at all', 'INTERNAL'],
  ])('%s is %s', (message, code) => {
    expect(connectError(failure(message)).code).toBe(code);
  });

  it('is told by its exception class where its condition says nothing', () => {
    const info = {
      reason: 'org.apache.spark.sql.AnalysisException',
      metadata: {
        classes: '["org.apache.spark.sql.AnalysisException"]',
        errorClass: 'UNRESOLVED_COLUMN',
        sqlState: '42703',
      },
    };
    expect(connectError(failure('no such column', info))).toMatchObject({
      code: 'ANALYSIS',
      details: { errorClass: 'UNRESOLVED_COLUMN', sqlState: '42703' },
    });
    const cut = { reason: 'org.apache.spark.SparkArithmeticException', metadata: { classes: '["org.apa' } };
    expect(connectError(failure('overflow', cut)).code).toBe('ARITHMETIC');
  });

  it('leaves Quarry’s own errors as they are', () => {
    const own = new QuarryError('USER_CODE', 'boom');
    expect(connectError(own)).toBe(own);
  });
});

describe('the address of a cluster', () => {
  it('is an sc:// URL with its parameters', () => {
    expect(parseConnectUrl('sc://h:7/;user_id=a%20b;session_id=s')).toEqual({
      connect: 'h:7',
      userId: 'a b',
      parameters: { user_id: 'a b', session_id: 's' },
    });
    expect(parseConnectUrl('sc://[::1]').connect).toBe('[::1]:15002');
    expect(() => parseConnectUrl('http://h')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => parseConnectUrl('sc://h/;token=x')).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
  });

  it('is a directory with a running cluster', () => {
    expect(() => resolveTarget('/no/such/directory', undefined)).toThrow(
      expect.objectContaining({ code: 'CLUSTER_NOT_RUNNING' }),
    );
  });
});
