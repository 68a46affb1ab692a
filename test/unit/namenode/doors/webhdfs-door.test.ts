import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HttpDoor } from '../../../../common/http-door.ts';
import { serveStatus } from '../../../../namenode/doors/http-door.ts';
import { TestNamenode } from '../test-namenode.ts';

let namenode: TestNamenode;
let door: HttpDoor;
beforeEach(async () => {
  namenode = new TestNamenode();
  await namenode.start();
  await namenode.register('dn1');
  door = await serveStatus(namenode.running.shell, namenode.clock, { host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  await door.close();
  await namenode.close();
});

async function call(
  method: string,
  path: string,
  parameters: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: unknown }> {
  const query = new URLSearchParams({ 'user.name': 'root', ...parameters });
  const answer = await fetch(`http://${door.address}/webhdfs/v1${path}?${query.toString()}`, {
    method,
    headers,
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
}

const failure = (status: number, exception: string) => ({
  status,
  body: { RemoteException: expect.objectContaining({ exception }) as unknown },
});

describe('WebHDFS', () => {
  it('answers the status of the root, of a file and of a directory as Hadoop does', async () => {
    await namenode.mkdirs('/data');
    await namenode.create('/data/_SUCCESS');
    const root = await call('GET', '/', { op: 'getfilestatus' });
    expect(root).toMatchObject({
      status: 200,
      body: { FileStatus: { type: 'DIRECTORY', pathSuffix: '', permission: '755', childrenNum: 1 } },
    });
    const file = await call('GET', '/data/_SUCCESS', { op: 'GETFILESTATUS' });
    expect(file.body).toEqual({
      FileStatus: {
        accessTime: expect.any(Number) as unknown,
        blockSize: 1000,
        childrenNum: 0,
        fileId: expect.any(Number) as unknown,
        group: expect.any(String) as unknown,
        length: 0,
        modificationTime: expect.any(Number) as unknown,
        owner: 'root',
        pathSuffix: '',
        permission: '644',
        replication: 3,
        storagePolicy: 0,
        type: 'FILE',
      },
    });
    expect(await call('GET', '/none', { op: 'GETFILESTATUS' })).toEqual(
      failure(404, 'FileNotFoundException'),
    );
  });

  it('lists directories of more than a page, in batches and whole, and a file as itself', async () => {
    await namenode.mkdirs('/d');
    const names = Array.from({ length: 1_005 }, (_, i) => `f ${String(i).padStart(4, '0')}`);
    for (const name of names) await namenode.mkdirs(`/d/${name}`);
    const whole = (await call('GET', '/d', { op: 'LISTSTATUS' })).body as {
      FileStatuses: { FileStatus: { pathSuffix: string }[] };
    };
    expect(whole.FileStatuses.FileStatus.map((entry) => entry.pathSuffix)).toEqual(names);
    const batch = await call('GET', '/d', { op: 'LISTSTATUS_BATCH', startAfter: 'f 1003' });
    expect(batch.body).toMatchObject({
      DirectoryListing: {
        partialListing: { FileStatuses: { FileStatus: [{ pathSuffix: 'f 1004' }] } },
        remainingEntries: 0,
      },
    });
    await namenode.create('/d/d');
    const file = await call('GET', '/d/d', { op: 'LISTSTATUS' });
    expect(file.body).toMatchObject({ FileStatuses: { FileStatus: [{ pathSuffix: '', type: 'FILE' }] } });
    expect((await call('GET', '/d/f%200001', { op: 'GETFILESTATUS' })).status).toBe(200);
  });

  it('makes, renames, describes and deletes', async () => {
    expect(await call('PUT', '/a/b', { op: 'MKDIRS', permission: '750' })).toEqual({
      status: 200,
      body: { boolean: true },
    });
    expect((await call('GET', '/a/b', { op: 'GETFILESTATUS' })).body).toMatchObject({
      FileStatus: { permission: '750' },
    });
    expect((await call('GET', '/a', { op: 'GETCONTENTSUMMARY' })).body).toMatchObject({
      ContentSummary: { directoryCount: 2, fileCount: 0, length: 0, quota: -1 },
    });
    expect((await call('GET', '/', { op: 'GETHOMEDIRECTORY' })).body).toEqual({ Path: '/user/root' });
    const rename = (to: string, more = {}) => call('PUT', '/a/b', { op: 'RENAME', destination: to, ...more });
    expect((await rename('/none/x')).body).toEqual({ boolean: false });
    expect((await rename('/c')).body).toEqual({ boolean: true });
    expect((await rename('/c')).body).toEqual({ boolean: false });
    expect(await rename('/d', { renameoptions: 'NONE' })).toEqual(failure(404, 'FileNotFoundException'));
    // Into a directory that is there.
    expect((await call('PUT', '/c', { op: 'RENAME', destination: '/a' })).body).toEqual({ boolean: true });
    expect(await call('PUT', '/a/c', { op: 'SETPERMISSION', permission: '700' })).toEqual({
      status: 200,
      body: undefined,
    });
    expect(await call('DELETE', '/a', { op: 'DELETE' })).toEqual(
      failure(403, 'PathIsNotEmptyDirectoryException'),
    );
    expect((await call('DELETE', '/a', { op: 'DELETE', recursive: 'true' })).body).toEqual({ boolean: true });
    expect((await call('DELETE', '/a', { op: 'DELETE' })).body).toEqual({ boolean: false });
  });

  it('applies permissions to the user that user.name names', async () => {
    await namenode.mkdirs('/private', 'root', 0o700);
    const eve = { 'user.name': 'eve' };
    expect(await call('GET', '/private/x', { op: 'GETFILESTATUS', ...eve })).toEqual(
      failure(403, 'AccessControlException'),
    );
    expect(await call('PUT', '/private/x', { op: 'MKDIRS', ...eve })).toEqual(
      failure(403, 'AccessControlException'),
    );
    expect(await call('GET', '/', { op: 'GETFILESTATUS', doas: 'root', ...eve })).toEqual(
      failure(403, 'AccessControlException'),
    );
    expect((await call('GET', '/', { op: 'GETHOMEDIRECTORY', 'user.name': '' })).body).toEqual({
      Path: '/user/dr.who',
    });
  });

  it('refuses what it does not do, each by its name', async () => {
    for (const [method, op, exception] of [
      ['GET', 'OPEN', 'UnsupportedOperationException'],
      ['PUT', 'CREATE', 'UnsupportedOperationException'],
      ['GET', 'GETXATTRS', 'UnsupportedOperationException'],
      ['GET', 'NOPE', 'IllegalArgumentException'],
      ['GET', 'MKDIRS', 'IllegalArgumentException'],
      ['PATCH', 'MKDIRS', 'IllegalArgumentException'],
    ] as const) {
      expect(await call(method, '/a', { op }), op).toEqual(failure(400, exception));
    }
    const bad = async (path: string, parameters: Record<string, string>) =>
      expect((await call('PUT', path, parameters)).status).toBe(400);
    await bad('/a', { op: 'MKDIRS', permission: '999' });
    await bad('/a', { op: 'MKDIRS', 'user.name': 'a b' });
    await bad('/%ff', { op: 'MKDIRS' });
    await bad('/a%00b', { op: 'MKDIRS' });
    await bad('/a', { op: 'RENAME' });
    await bad('/a', { op: 'SETREPLICATION', replication: '0' });
  });

  it('lets no page of another site change files', async () => {
    const origin = { origin: 'http://evil.example' };
    const answer = await fetch(`http://${door.address}/webhdfs/v1/a?op=MKDIRS&user.name=root`, {
      method: 'PUT',
      headers: origin,
    });
    expect(answer.status).toBe(403);
    expect(await call('GET', '/a', { op: 'GETFILESTATUS' })).toEqual(failure(404, 'FileNotFoundException'));
  });

  it('says that a namenode in safe mode takes no changes', async () => {
    namenode.state.safeMode.enter();
    expect(await call('PUT', '/a', { op: 'MKDIRS' })).toEqual(failure(403, 'SafeModeException'));
    expect((await call('GET', '/', { op: 'GETFILESTATUS' })).status).toBe(200);
  });
});
