import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemDisk } from '../../../../common/seams/system-disk.ts';
import { keyBytes, rangeOf, transactionKey } from '../../../../namenode/namespace/keys.ts';
import { getFileInfo, list } from '../../../../namenode/queries.ts';
import { FakeDisk } from '../fake-world.ts';
import { TestNamenode } from '../test-namenode.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-namenode-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const on = (path: string) => new TestNamenode({}, new SystemDisk(path));
const namesIn = async (namenode: TestNamenode, path: string) =>
  (await list(namenode.state, { caller: namenode.caller(), path, startAfter: '', limit: 0 })).entries?.map(
    (e) => e.path,
  );

/** The database of a closed namenode, opened for damaging it. */
async function tamper(change: (db: ClassicLevel<Buffer, Buffer>) => Promise<void>): Promise<void> {
  const db = new ClassicLevel<Buffer, Buffer>(join(directory, 'namespace'), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    createIfMissing: false,
  });
  await change(db);
  await db.close();
}

describe('a restart on a real LevelDB', () => {
  it('after a clean stop finds everything', async () => {
    const first = on(directory);
    await first.start();
    await first.mkdirs('/a/b');
    const inodeId = await first.create('/a/b/f');
    const { clusterId } = first.state;
    await first.close();
    const second = on(directory);
    await second.start();
    expect(second.state.clusterId).toBe(clusterId);
    expect(second.state.epoch).toBe(2);
    expect(await namesIn(second, '/a/b')).toEqual(['f']);
    expect(second.state.leases.holderOf(inodeId)).toBe('c1');
    expect(await second.create('/a/b/g')).toBe(inodeId + 1);
    await second.close();
  });

  it('after a crash has every answered operation, and nothing that no answer told of is needed', async () => {
    const first = on(directory);
    await first.start();
    await Promise.all(Array.from({ length: 200 }, (_, i) => first.mkdirs(`/d${i}`)));
    const unanswered = first.mkdirs('/unanswered');
    // What a kill -9 at this moment leaves: the files as they are, nothing closed.
    const image = `${directory}-image`;
    await cp(directory, image, { recursive: true, filter: (name) => !name.endsWith('/LOCK') });
    await unanswered;
    try {
      const second = on(image);
      await second.start();
      const names = await namesIn(second, '/');
      expect(names?.filter((name) => name?.startsWith('d'))).toHaveLength(200);
      await second.close();
    } finally {
      await rm(image, { recursive: true });
      await first.close();
    }
  });

  it('goes on reaping what a crash interrupted', async () => {
    const disk = new FakeDisk();
    const first = new TestNamenode({}, disk);
    await first.start();
    for (let i = 0; i < 30; i++) await first.mkdirs(`/big/d${i}/e`);
    await first.execute('delete', { caller: first.caller(), path: '/big', recursive: true });
    first.crash();
    const second = new TestNamenode({}, disk);
    await second.start();
    await second.clock.advance(2_000);
    expect(second.state.detached.size).toBe(0);
    const { MemoryLevel } = await import('memory-level');
    expect(disk.stores.get('namespace')).toBeInstanceOf(MemoryLevel);
    const inodes = await disk.stores.get('namespace')!.keys(rangeOf('I')).all();
    expect(inodes).toHaveLength(1);
    await second.close();
  });
});

describe('damage is found at the start', () => {
  async function damaged(change: (db: ClassicLevel<Buffer, Buffer>) => Promise<void>): Promise<TestNamenode> {
    const first = on(directory);
    await first.start();
    for (let i = 0; i < 10; i++) await first.mkdirs(`/d${i}`);
    await first.close();
    await tamper(change);
    return on(directory);
  }

  it('when a transaction in the middle is missing', async () => {
    const namenode = await damaged((db) => db.del(keyBytes(transactionKey(5))));
    await expect(namenode.start()).rejects.toMatchObject({
      code: 'METADATA_DAMAGED',
      message: expect.stringContaining('transaction 5 is missing') as string,
    });
  });

  it('when the last transaction is missing', async () => {
    const namenode = await damaged((db) => db.del(keyBytes(transactionKey(12))));
    await expect(namenode.start()).rejects.toMatchObject({ code: 'METADATA_DAMAGED' });
  });

  it('when a record has a flipped bit, and the database is given back', async () => {
    const namenode = await damaged(async (db) => {
      const value = (await db.get(keyBytes(transactionKey(7))))!;
      value[9]! ^= 4;
      await db.put(keyBytes(transactionKey(7)), value);
    });
    await expect(namenode.start()).rejects.toMatchObject({ code: 'METADATA_DAMAGED' });
    await tamper(() => Promise.resolve());
  });

  it('when the counters are gone', async () => {
    const namenode = await damaged((db) => db.del(keyBytes('M')));
    await expect(namenode.start()).rejects.toMatchObject({ code: 'METADATA_DAMAGED' });
  });

  it('when CURRENT is gone, instead of starting empty', async () => {
    const first = on(directory);
    await first.start();
    await first.close();
    await rm(join(directory, 'namespace', 'CURRENT'));
    await expect(on(directory).start()).rejects.toMatchObject({ code: 'NOT_FORMATTED' });
  });

  it('in an inode, when it is read', async () => {
    const namenode = await damaged(async (db) => {
      const [key, value] = (await db.iterator(rangeOf('I')).all())[4]!;
      value[8]! ^= 1;
      await db.put(key, value);
    });
    await namenode.start();
    const stats = Array.from(
      { length: 10 },
      (_, i) => () => getFileInfo(namenode.state, { caller: namenode.caller(), path: `/d${i}` }),
    );
    const failures = stats.filter((stat) => {
      try {
        stat();
        return false;
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: 'METADATA_DAMAGED' });
        return true;
      }
    });
    expect(failures).toHaveLength(1);
    await namenode.close();
  });
});

describe('a directory that is not a namenode of this version', () => {
  it('is refused when it has other content', async () => {
    const { mkdir } = await import('node:fs/promises');
    await mkdir(join(directory, 'photos'));
    await expect(on(directory).start()).rejects.toMatchObject({ code: 'NOT_FORMATTED' });
  });

  it('is refused when its layout is newer', async () => {
    await writeFile(
      join(directory, 'SUPERBLOCK'),
      JSON.stringify({ clusterId: 'x', layout: 99, formatting: false }),
    );
    await expect(on(directory).start()).rejects.toMatchObject({ code: 'WRONG_LAYOUT' });
  });

  it('is formatted when a format was interrupted', async () => {
    await writeFile(
      join(directory, 'SUPERBLOCK'),
      JSON.stringify({ clusterId: 'x', layout: 1, formatting: true }),
    );
    const namenode = on(directory);
    await namenode.start();
    await namenode.mkdirs('/a');
    await namenode.close();
  });

  it('is refused while another process has it', async () => {
    const first = on(directory);
    await first.start();
    await expect(on(directory).start()).rejects.toMatchObject({ code: 'STORAGE_IN_USE' });
    await first.close();
  });
});
