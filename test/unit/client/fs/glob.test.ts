import { describe, expect, it } from 'vitest';
import { expandSlashBraces, glob, type GlobSource } from '../../../../client/fs/glob.ts';
import type { FileStatus } from '../../../../proto/gen/quarry/FileStatus.ts';

const FILES = [
  '/data/sales/2017-01-01/part-0.parquet',
  '/data/sales/2017-01-02/part-0.parquet',
  '/data/sales/2017-02-01/part-0.parquet',
  '/data/sales/_temporary/x',
  '/data/a[1]/f',
  '/data/.hidden',
  '/logs/a/b/c',
  '/logs/d/c',
];

const directories = new Set(
  FILES.flatMap((file) => {
    const names = file.split('/').slice(1, -1);
    return names.map((_, i) => `/${names.slice(0, i + 1).join('/')}`);
  }),
);
const all = [...FILES, ...directories].toSorted();
const status = (path: string) => ({ path, directory: directories.has(path) }) as FileStatus;
const source: GlobSource = {
  stat: async (path) => (all.includes(path) ? status(path) : undefined),
  async *list(path) {
    const prefix = path === '/' ? '/' : `${path}/`;
    for (const name of all)
      if (name.startsWith(prefix) && !name.slice(prefix.length).includes('/')) yield status(name);
  },
};
const paths = async (pattern: string) => (await glob(source, pattern)).map((found) => found.path);

describe('glob', () => {
  it.each([
    ['/data/sales/2017-01-*', ['/data/sales/2017-01-01', '/data/sales/2017-01-02']],
    ['/data/sales/2017-0[1]-??/*.parquet', FILES.slice(0, 2)],
    ['/data/sales/2017-0[^1]-01', ['/data/sales/2017-02-01']],
    ['/data/sales/{2017-01-02,2017-02-01}/*', FILES.slice(1, 3)],
    ['/*/sales/2017-02-01/part-0.parquet', [FILES[2]!]],
    ['/data/a\\[1\\]/*', ['/data/a[1]/f']],
    ['/data/.h*', ['/data/.hidden']],
    ['/data/*.none', []],
    ['/none/*', []],
    ['/logs/{a/b,d}/c', ['/logs/a/b/c', '/logs/d/c']],
    ['/data/sales/2017-01-01/part-0.parquet/*', []],
    ['/data/{sales,sales}/2017-02-01', ['/data/sales/2017-02-01']],
  ])('%s', async (pattern, expected) => {
    expect(await paths(pattern)).toEqual(expected);
  });

  it('stays within a component', async () => {
    expect(await paths('/data/**')).not.toContain(FILES[0]);
  });

  it('expands nested braces that hold slashes', () => {
    expect(expandSlashBraces('/{a/{b,c},d}/{e,f}')).toEqual(['/a/{b,c}/{e,f}', '/d/{e,f}']);
    expect(expandSlashBraces('/{a')).toEqual(['/{a']);
  });
});
