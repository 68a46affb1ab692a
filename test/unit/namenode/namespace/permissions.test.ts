import { describe, expect, it } from 'vitest';
import { TestNamenode } from '../test-namenode.ts';
import { getBlockLocations, getFileInfo, list } from '../../../../namenode/queries.ts';

async function withTree(run: (namenode: TestNamenode) => Promise<void>): Promise<void> {
  const namenode = new TestNamenode();
  await namenode.start();
  try {
    await namenode.mkdirs('/open', 'root', 0o777);
    await namenode.mkdirs('/closed/inside', 'root', 0o755);
    await namenode.execute('setPermission', { caller: namenode.caller(), path: '/closed', mode: 0o700 });
    await namenode.mkdirs('/tmp', 'root', 0o777);
    await namenode.execute('setPermission', { caller: namenode.caller(), path: '/tmp', mode: 0o1777 });
    await run(namenode);
  } finally {
    await namenode.close();
  }
}

const denied = { code: 'PERMISSION_DENIED' };

describe('permissions', () => {
  it('are checked on every component of a path', () =>
    withTree(async (namenode) => {
      const asJoe = namenode.caller('joe');
      expect(() => getFileInfo(namenode.state, { caller: asJoe, path: '/closed/inside' })).toThrow(
        /may not enter \/closed/,
      );
      expect(() => getFileInfo(namenode.state, { caller: asJoe, path: '/closed/nothing' })).toThrow(
        /may not enter/,
      );
      expect(getFileInfo(namenode.state, { caller: asJoe, path: '/closed' }).status?.mode).toBe(0o700);
      await expect(
        list(namenode.state, { caller: asJoe, path: '/closed', startAfter: '', limit: 0 }),
      ).rejects.toMatchObject(denied);
      await expect(namenode.mkdirs('/mine', 'joe')).rejects.toMatchObject(denied);
      await expect(namenode.create('/open/f', 'joe')).resolves.toBeGreaterThan(0);
    }));

  it('of a file bind readers, and only its owner or the superuser changes them', () =>
    withTree(async (namenode) => {
      await namenode.create('/open/secret', 'joe');
      await namenode.execute('setPermission', {
        caller: namenode.caller('joe'),
        path: '/open/secret',
        mode: 0o600,
      });
      const read = (user: string) =>
        getBlockLocations(namenode.state, {
          caller: namenode.caller(user),
          path: '/open/secret',
          offsetBytes: 0,
          lengthBytes: 0,
        });
      expect(() => read('ann')).toThrow(/may not read/);
      expect(read('joe').blocks).toEqual([]);
      expect(read('root').blocks).toEqual([]);
      await expect(
        namenode.execute('setPermission', {
          caller: namenode.caller('ann'),
          path: '/open/secret',
          mode: 0o777,
        }),
      ).rejects.toMatchObject(denied);
      await expect(
        namenode.execute('setOwner', {
          caller: namenode.caller('joe'),
          path: '/open/secret',
          owner: 'ann',
          group: '',
        }),
      ).rejects.toMatchObject(denied);
      await namenode.execute('setOwner', {
        caller: namenode.caller(),
        path: '/open/secret',
        owner: 'ann',
        group: '',
      });
      expect(() => read('joe')).toThrow(/may not read/);
    }));

  it('keep others from renaming or deleting in a sticky directory', () =>
    withTree(async (namenode) => {
      await namenode.create('/tmp/of-joe', 'joe');
      const remove = (user: string) =>
        namenode.execute('delete', { caller: namenode.caller(user), path: '/tmp/of-joe', recursive: false });
      await expect(remove('ann')).rejects.toMatchObject(denied);
      await expect(
        namenode.execute('rename', {
          caller: namenode.caller('ann'),
          source: '/tmp/of-joe',
          target: '/open/x',
          overwrite: false,
        }),
      ).rejects.toMatchObject(denied);
      await expect(remove('joe')).resolves.toEqual({ value: true });
    }));

  it('want a named caller', () =>
    withTree(async (namenode) => {
      await expect(
        namenode.execute('mkdirs', { caller: null, path: '/a', mode: 0, createParents: true }),
      ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(
        namenode.execute('mkdirs', {
          caller: { ...namenode.caller(), clientId: Buffer.alloc(3) },
          path: '/a',
          mode: 0,
          createParents: true,
        }),
      ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }));
});
