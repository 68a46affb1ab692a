import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { childrenOf, visitTree } from '../../../../namenode/queries.ts';
import { TestNamenode } from '../test-namenode.ts';

describe('a snapshot of the committed namespace', () => {
  let namenode: TestNamenode;
  beforeEach(async () => {
    namenode = new TestNamenode();
    await namenode.start();
  });
  afterEach(() => namenode.close());

  it('answers as it was at the start while batches commit under it', async () => {
    for (const name of ['a', 'b', 'c']) await namenode.mkdirs(`/${name}`);
    const snapshot = namenode.state.view.snapshot();
    const paths: string[] = [];
    try {
      for await (const { path } of visitTree(namenode.state, snapshot, {
        path: '/',
        caller: namenode.caller(),
      })) {
        paths.push(path);
        await namenode.mkdirs(`/later-${paths.length}`);
      }
      const page = await childrenOf(snapshot, 1, '', 10);
      expect(page.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    } finally {
      await snapshot.release();
    }
    expect(paths.toSorted()).toEqual(['/', '/a', '/b', '/c']);
  });

  it('is closed by the last of its readers, when a newer one exists', async () => {
    const first = namenode.state.view.snapshot();
    const second = namenode.state.view.snapshot();
    await namenode.mkdirs('/a');
    await first.release();
    expect(await childrenOf(second, 1, '', 10)).toEqual([]);
    await second.release();
    await expect(childrenOf(second, 1, '', 10)).rejects.toThrow(/not open/);
  });
});
