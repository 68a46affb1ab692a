import { beforeEach, describe, expect, it } from 'vitest';
import { FileStreamSource } from '../../../../../driver/stream/sources/file-stream-source.ts';
import type { SourceLeaf } from '../../../../../driver/stream/compile-query.ts';
import { MemoryFileSystem } from '../memory-file-system.ts';

let files: MemoryFileSystem;

beforeEach(() => {
  files = new MemoryFileSystem();
});

function sourceOf(options: Record<string, string>): FileStreamSource {
  const leaf: SourceLeaf = {
    kind: 'stream-source',
    output: [],
    format: 'json',
    options: { path: '/in', ...options },
    userSchema: undefined,
  };
  return new FileStreamSource(leaf, { fileSystem: files.fileSystem, directory: '/ck/sources/0' });
}

/** The names of each batch until there is nothing new. */
async function batchesOf(source: FileStreamSource): Promise<string[][]> {
  const batches: string[][] = [];
  let position = await source.initial();
  for (;;) {
    const latest = await source.latest(position);
    const end = source.end(position, latest, { limited: true });
    if (source.isEmpty(position, end)) return batches;
    batches.push(end.files.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)));
    await source.committed(end);
    position = end;
  }
}

async function write(...names: string[]): Promise<void> {
  for (const name of names) await files.writeFile(`/in/${name}`, '0123456789');
}

describe('a stream of files', () => {
  it('takes the oldest first, or the newest, whatever their names', async () => {
    await write('b.json', 'c.json', 'a.json');
    expect(await batchesOf(sourceOf({ maxFilesPerTrigger: '1' }))).toEqual([
      ['b.json'],
      ['c.json'],
      ['a.json'],
    ]);
    expect(await batchesOf(sourceOf({ maxFilesPerTrigger: '2', latestFirst: 'true' }))).toEqual([
      ['a.json', 'c.json'],
      ['b.json'],
    ]);
  });

  it('takes at most so many bytes, and at least one file', async () => {
    await write('a', 'b', 'c', 'd', 'e');
    expect(await batchesOf(sourceOf({ maxBytesPerTrigger: '25' }))).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(await batchesOf(sourceOf({ maxBytesPerTrigger: '1' }))).toHaveLength(5);
    expect(() => sourceOf({ maxBytesPerTrigger: '1', maxFilesPerTrigger: '1' })).toThrow(/both set/);
  });

  it('leaves out hidden files, other names and what is being written', async () => {
    await write('a.json', '_b.json', '.c.json', 'd.txt', 'e.json');
    files.open.add('/in/e.json');
    const source = sourceOf({ pathGlobFilter: '*.json' });
    expect(await batchesOf(source)).toEqual([['a.json']]);
    files.open.clear();
    await files.rename('/in/_b.json', '/in/b.json');
    expect(await batchesOf(source)).toEqual([['b.json', 'e.json']]);
  });

  it('goes on after a restart with what is new, also when names were compacted', async () => {
    const names = Array.from({ length: 45 }, (_, index) => `f${index}`);
    await write(...names);
    const first = sourceOf({ maxFilesPerTrigger: '1' });
    expect((await batchesOf(first)).flat()).toEqual(names);
    await write('new');
    const restarted = sourceOf({});
    const kept = names.slice(40).map((name, index) => ({
      logOffset: 40 + index,
      files: [{ path: `/in/${name}`, base: '/in', inodeId: 1, generation: 1, lengthBytes: 10 }],
    }));
    await restarted.restore(kept);
    expect(await batchesOf(restarted)).toEqual([['new']]);
  });

  it('deletes or archives the files of a committed batch', async () => {
    await write('a', 'b');
    await batchesOf(sourceOf({ cleanSource: 'archive', sourceArchiveDir: '/done' }));
    expect([...files.files.keys()].toSorted()).toEqual(['/done/in/a', '/done/in/b']);
    await write('c');
    await batchesOf(sourceOf({ cleanSource: 'delete' }));
    expect([...files.files.keys()].filter((path) => path.startsWith('/in'))).toEqual([]);
    expect(() => sourceOf({ cleanSource: 'archive' })).toThrow(/sourceArchiveDir/);
    expect(() => sourceOf({ cleanSource: 'archive', sourceArchiveDir: '/in/old' })).toThrow(/inside/);
    expect(() => sourceOf({ cleanSource: 'shred' })).toThrow(/archive,delete,off/);
  });

  it('starts on a path that is there, or on a pattern', async () => {
    await expect(sourceOf({ path: '/nothing' }).initial()).rejects.toThrow(/\/nothing/);
    await expect(sourceOf({ path: '/nothing/*' }).initial()).resolves.toEqual({ logOffset: -1, files: [] });
  });

  it('tells what is left, and offsets without names', async () => {
    await write('a', 'b', 'c');
    const source = sourceOf({ maxFilesPerTrigger: '1' });
    const start = await source.initial();
    const latest = await source.latest(start);
    const end = source.end(start, latest, { limited: true });
    expect(source.metrics(end, latest)).toEqual({ numFilesOutstanding: '2', numBytesOutstanding: '20' });
    expect([source.shown(start), source.shown(end)]).toEqual([null, { logOffset: 0 }]);
  });
});
