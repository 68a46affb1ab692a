import { Client, credentials } from '@grpc/grpc-js';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../../common/log.ts';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { GrpcClient } from '../../../../common/rpc/grpc-client.ts';
import { GrpcServer } from '../../../../common/rpc/grpc-server.ts';
import type { ServedCall } from '../../../../common/seams/rpc.ts';

const text = {
  requestSerialize: (value: string) => Buffer.from(value),
  requestDeserialize: (bytes: Buffer) => bytes.toString(),
  responseSerialize: (value: string) => Buffer.from(value),
  responseDeserialize: (bytes: Buffer) => bytes.toString(),
};
const ECHO = { path: '/quarry.TestService/Echo', ...text };
const WAIT = { path: '/quarry.TestService/Wait', ...text };
const FAIL = { path: '/quarry.TestService/Fail', ...text };
const GONE = { path: '/quarry.TestService/Gone', ...text };
const options = { timeoutMs: 5_000 };

let server: GrpcServer;
let client: GrpcClient;
let address: string;
let release: () => void;
let waiting: ServedCall[];

async function serve(at: string): Promise<void> {
  server = new GrpcServer(silentLog());
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  server.handle(ECHO, async (request) => request);
  server.handle(WAIT, async (request, call) => {
    waiting.push(call);
    await released;
    return request;
  });
  server.handle(FAIL, async (request) => {
    if (request === 'bug') throw new Error('a bug');
    throw new QuarryError('FILE_NOT_FOUND', 'no such file', { details: { path: request } });
  });
  address = await server.listen(at);
}

beforeEach(async () => {
  waiting = [];
  await serve('127.0.0.1:0');
  client = new GrpcClient();
});

afterEach(async () => {
  release();
  await client.close();
  await server.close();
});

describe('calls of Quarry services', () => {
  it('are each answered with their own reply, many at a time and of any size', async () => {
    const requests = Array.from({ length: 2_000 }, (_, i) =>
      `${i}`.padEnd(i % 100 === 0 ? 300_000 : i % 50, 'x'),
    );
    const replies = await Promise.all(
      requests.map((request) => client.call(address, ECHO, request, options)),
    );
    expect(replies).toEqual(requests);
  });

  it('do not wait for a slow one before them', async () => {
    const slow = client.call(address, WAIT, 'slow', options);
    expect(await client.call(address, ECHO, 'quick', options)).toBe('quick');
    release();
    expect(await slow).toBe('slow');
  });

  it('fail with the error that the handler threw', async () => {
    await expect(client.call(address, FAIL, '/a', options)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: 'no such file',
      details: { path: '/a' },
    });
    await expect(client.call(address, FAIL, 'bug', options)).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(client.call(address, GONE, '', options)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('end at their deadline, each at its own, and tell the handler', async () => {
    const startMs = performance.now();
    const long = client.call(address, WAIT, 'long', options);
    const short = client.call(address, WAIT, 'short', { timeoutMs: 60 });
    await expect(short).rejects.toMatchObject({ code: 'DEADLINE' });
    expect(performance.now() - startMs).toBeLessThan(2_000);
    const signal = waiting[1]!.signal;
    await expect.poll(() => signal.aborted).toBe(true);
    expect(waiting[0]!.signal.aborted).toBe(false);
    release();
    expect(await long).toBe('long');
  });

  it('end when the caller aborts, and tell the handler', async () => {
    const controller = new AbortController();
    const call = client.call(address, WAIT, '', { ...options, signal: controller.signal });
    await expect.poll(() => waiting.length).toBe(1);
    const { signal } = waiting[0]!;
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect.poll(() => signal.aborted).toBe(true);
    const late = client.call(address, ECHO, '', { ...options, signal: controller.signal });
    await expect(late).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await client.call(address, ECHO, 'on', options)).toBe('on');
  });

  it('fail with PEER_UNREACHABLE when the server goes, and work again when it is back', async () => {
    const cut = client.call(address, WAIT, '', options);
    await expect.poll(() => waiting.length).toBe(1);
    const { signal } = waiting[0]!;
    const closed = server.close();
    await expect(cut).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    await closed;
    expect(signal.aborted).toBe(true);
    await expect(client.call(address, ECHO, '', options)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    await serve(address);
    await expect
      .poll(() => client.call(address, ECHO, 'back', options).catch(() => ''), { timeout: 5_000 })
      .toBe('back');
  });

  it('that are being served when the server closes are answered', async () => {
    const call = client.call(address, WAIT, 'kept', options);
    await expect.poll(() => waiting.length).toBe(1);
    const closed = server.close();
    release();
    expect(await call).toBe('kept');
    await closed;
  });

  it('go on after a pause in which the shared stream was given up', async () => {
    expect(await client.call(address, ECHO, 'a', options)).toBe('a');
    await sleep(500);
    expect(await client.call(address, ECHO, 'b', options)).toBe('b');
  });

  it('that wait for handlers fill no more than the server takes, and all come through', async () => {
    const calls = Array.from({ length: 6_000 }, (_, i) => client.call(address, WAIT, `${i}`, options));
    await expect.poll(() => waiting.length).toBeGreaterThanOrEqual(4_096);
    await sleep(100);
    expect(waiting.length).toBeLessThan(6_000);
    release();
    expect(await Promise.all(calls)).toHaveLength(6_000);
  });

  it('can be made one by one by clients that know nothing of the shared stream', async () => {
    const plain = new Client(address, credentials.createInsecure());
    const reply = await new Promise((resolve, reject) => {
      plain.makeUnaryRequest(
        ECHO.path,
        ECHO.requestSerialize,
        ECHO.responseDeserialize,
        'plain',
        (error, value) => {
          if (error === null) resolve(value);
          else reject(error);
        },
      );
    });
    plain.close();
    expect(reply).toBe('plain');
  });
});
