import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive, processesOf } from '../../cluster/cluster-files.ts';
import { packageRoot } from '../../common/package-root.ts';
import { type Finished, quarry } from './quarry.ts';
import { startTestCluster, type TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
let local: string;

const run = (...args: string[]): Promise<Finished> => quarry(args, { QUARRY_CLUSTER: cluster.directory });

/** One line on stderr that starts with the code, a failing exit code, no stack trace. */
function expectRefusal(finished: Finished, code: string): void {
  expect(finished.stderr.trim()).toMatch(new RegExp(`^(quarry: )?${code}: [^\\n]+$`));
  expect(finished.stderr).not.toMatch(/\n\s+at /);
  expect(finished.code).not.toBe(0);
}

beforeAll(async () => {
  cluster = await startTestCluster();
  local = await mkdtemp(join(tmpdir(), 'quarry-cli-'));
});

afterAll(async () => {
  await cluster?.stop();
  if (local !== undefined) await rm(local, { recursive: true, force: true });
});

describe('quarry fs', () => {
  it('puts, lists, reads, copies, moves and deletes files', async () => {
    await writeFile(join(local, 'words.txt'), 'one\ntwo\nthree\n');
    expect((await run('fs', 'mkdir', '-p', '/a/b')).code).toBe(0);
    expect(await run('fs', 'put', join(local, 'words.txt'), '/a/b')).toMatchObject({ code: 0 });
    expect((await run('fs', 'cat', '/a/b/words.txt')).stdout).toBe('one\ntwo\nthree\n');
    expect((await run('fs', '-ls', '/a/b')).stdout).toMatch(
      /^Found 1 items\n-rw-r--r--\s+3 .* 14 .*\/a\/b\/words\.txt\n$/,
    );
    expect((await run('fs', 'cp', '/a/b/words.txt', '/a/copy.txt')).code).toBe(0);
    expect((await run('fs', 'mv', '/a/copy.txt', '/a/moved.txt')).code).toBe(0);
    await run('fs', 'get', '/a/moved.txt', join(local, 'back.txt'));
    expect(await readFile(join(local, 'back.txt'), 'utf8')).toBe('one\ntwo\nthree\n');
    expect((await run('fs', 'tail', '/a/moved.txt')).stdout).toBe('one\ntwo\nthree\n');
    expect((await run('fs', 'du', '-s', '/a')).stdout).toMatch(/^28\s+84\s+\/a\n$/);
    expect((await run('fs', 'chmod', 'go-r', '/a/moved.txt')).code).toBe(0);
    expect((await run('fs', 'stat', '%a %r %b %F %n', '/a/moved.txt')).stdout).toBe(
      '600 3 14 regular file moved.txt\n',
    );
    const listing = JSON.parse((await run('fs', 'ls', '--json', '-R', '/a')).stdout) as { path: string }[];
    expect(listing.map(({ path }) => path)).toEqual(['/a/b', '/a/b/words.txt', '/a/moved.txt']);
    expect((await run('fs', 'rm', '-r', '/a')).code).toBe(0);
    expectRefusal(await run('fs', 'ls', '/a'), 'FILE_NOT_FOUND');
  });

  it('counts replicas with fsck', async () => {
    await writeFile(join(local, 'f'), 'x'.repeat(100_000));
    await run('fs', 'put', join(local, 'f'), '/fsck-me');
    const report = JSON.parse((await run('fs', 'fsck', '--json', '/fsck-me')).stdout) as Record<
      string,
      number
    >;
    expect(report).toMatchObject({
      files: 1,
      blocks: 1,
      underReplicated: 0,
      overReplicated: 0,
      corrupt: 0,
      missing: 0,
    });
  });

  it('leaves nothing behind of an upload that is refused', async () => {
    await run('fs', 'put', join(local, 'f'), '/taken');
    expectRefusal(await run('fs', 'put', join(local, 'f'), '/taken'), 'FILE_EXISTS');
    expect((await run('fs', 'put', '-f', join(local, 'f'), '/taken')).code).toBe(0);
    expect((await run('fs', 'ls', '-C', '/')).stdout).not.toContain('_COPYING_');
  });
});

describe('bad input', () => {
  it.each([
    ['FILE_NOT_FOUND', ['fs', 'cat', '/nowhere']],
    ['FILE_NOT_FOUND', ['fs', 'put', '/no/such/local/file', '/x']],
    ['INVALID_PATH', ['fs', 'mkdir', '-p', '/a/../b']],
    ['INVALID_PATH', ['fs', 'mkdir', '-p', `/${'n'.repeat(256)}`]],
    ['INVALID_PATH', ['fs', 'mkdir', '-p', `/${'deep/'.repeat(2_000)}`]],
    ['INVALID_ARGUMENT', ['fs', 'mkdir', '-z', '/x']],
    ['INVALID_ARGUMENT', ['fs', 'fly', '/x']],
    ['FILE_NOT_FOUND', ['fs', 'ls', 'relative']],
    ['FILE_NOT_FOUND', ['ingest', '/no/such.parquet', '/data']],
    ['INVALID_ARGUMENT', ['cluster', 'kill', 'dn9']],
    ['FILE_NOT_FOUND', ['submit', 'no-such-job.ts']],
    ['INVALID_ARGUMENT', ['sql']],
  ])('%s for quarry %j', async (code, args) => {
    // A relative path is no path; either code says so.
    const finished = await run(...args);
    if (args.includes('relative')) expectRefusal(finished, '(FILE_NOT_FOUND|INVALID_PATH)');
    else expectRefusal(finished, code);
  });

  it('names a corrupt Parquet file, and ingests nothing of it', async () => {
    await writeFile(join(local, 'bad.parquet'), 'PAR1 this is not Parquet PAR1');
    expectRefusal(await run('ingest', join(local, 'bad.parquet'), '/ingested'), 'BAD_DATA');
    expectRefusal(await run('fs', 'ls', '/ingested'), 'FILE_NOT_FOUND');
  });

  it('names an unknown column and a broken statement', async () => {
    await run('ingest', join(packageRoot, 'examples/data/products.parquet'), '/columns');
    const unknown = await run('sql', 'SELECT colour FROM parquet.`/columns`');
    expectRefusal(unknown, 'ANALYSIS');
    expect(unknown.stderr).toContain('colour');
    expectRefusal(await run('sql', 'SELEC 1'), 'PARSE');
  });

  it('reports what a job throws in one line', async () => {
    await writeFile(
      join(local, 'throws.ts'),
      "const add = (a: number): number => { throw new Error('no ' + a); };\nadd(7);\n",
    );
    const finished = await run('submit', join(local, 'throws.ts'));
    expect(finished).toMatchObject({ code: 1, stdout: '' });
    expect(finished.stderr).toMatch(/^the job failed: Error: no 7 \(throws\.ts:1:\d+\)\n$/);
  });

  it('refuses a second cluster on the same directory and on the same ports, and the first one goes on', async () => {
    expectRefusal(
      await run('cluster', 'start', '--dir', cluster.directory, '--ports', 'auto', '--detach'),
      'STORAGE_IN_USE',
    );
    const other = join(local, 'other');
    const taken = cluster.file().namenode.grpc.split(':')[1];
    expectRefusal(
      await run(
        'cluster',
        'start',
        '--dir',
        other,
        '--ports',
        'auto',
        '--detach',
        '--set',
        `namenode.grpcPort=${taken}`,
      ),
      'PORT_IN_USE',
    );
    expect(existsSync(join(other, 'cluster.json'))).toBe(false);
    expect((await run('fs', 'ls', '/')).code).toBe(0);
  });

  it('refuses an unknown setting and an address beyond loopback', async () => {
    const start = ['cluster', 'start', '--dir', join(local, 'third'), '--ports', 'auto', '--detach', '--set'];
    expectRefusal(await run(...start, 'namenode.nope=1'), 'UNKNOWN_CONFIG');
    expectRefusal(await run(...start, 'bind.host=0.0.0.0'), 'INVALID_ARGUMENT');
  });

  it('says that no cluster runs where none does', async () => {
    const nowhere = join(local, 'nowhere');
    await mkdir(nowhere);
    for (const args of [['fs', 'ls', '/'], ['cluster', 'stop'], ['sql', 'SELECT 1'], ['env']]) {
      expectRefusal(await quarry(args, { QUARRY_CLUSTER: nowhere }), 'CLUSTER_NOT_RUNNING');
    }
  });

  it('exits 2 for a command that is not there yet', async () => {
    expect(await run('fs', 'chown', 'me', '/')).toMatchObject({
      code: 2,
      stderr: 'quarry fs chown is not there yet\n',
    });
    expect((await run('cluster', 'add-node')).code).toBe(2);
    expect((await run('nonsense')).code).toBe(2);
  });
});

describe('quarry submit', () => {
  it('runs a job that lies outside of any package, with its arguments', async () => {
    const job = `import { QuarrySession } from 'quarry';
      const session = await QuarrySession.connect();
      const rows: number = Number(await session.range(5).count());
      console.log(rows, process.argv.slice(2).join(' '));
      await session.stop();`;
    await writeFile(join(local, 'job.ts'), job);
    expect(await run('submit', join(local, 'job.ts'), '--date', '2017-05-01')).toMatchObject({
      code: 0,
      stdout: '5 --date 2017-05-01\n',
      stderr: '',
    });
  });
});

describe('quarry cluster', () => {
  it('keeps data over stop and start, and leaves no process behind', async () => {
    const directory = join(local, 'kept');
    const other = (...args: string[]) => quarry(args, { QUARRY_CLUSTER: directory });
    const started = await other('cluster', 'start', '--ports', 'auto', '--nodes', '2', '--detach');
    expect(started).toMatchObject({ code: 0, stderr: '' });
    const file = JSON.parse(readFileSync(join(directory, 'cluster.json'), 'utf8')) as ReturnType<
      TestCluster['file']
    >;
    expect(file.datanodes.map(({ id }) => id)).toEqual(['dn1', 'dn2']);
    try {
      await writeFile(join(local, 'kept.txt'), 'kept');
      await other('fs', 'put', join(local, 'kept.txt'), '/kept.txt');
      const status = JSON.parse((await other('cluster', 'status', '--json')).stdout) as {
        processes: { alive: boolean }[];
      };
      expect(status.processes.map(({ alive }) => alive)).toEqual(Array.from({ length: 6 }, () => true));
    } finally {
      expect((await other('cluster', 'stop')).code).toBe(0);
    }
    expect(processesOf(file).filter(({ pid }) => isAlive(pid))).toEqual([]);
    expect(existsSync(join(directory, 'cluster.json'))).toBe(false);
    expect((await other('cluster', 'start', '--ports', 'auto', '--nodes', '2', '--detach')).code).toBe(0);
    try {
      expect((await other('fs', 'cat', '/kept.txt')).stdout).toBe('kept');
    } finally {
      await other('cluster', 'stop');
    }
  });

  it('refuses a directory of a newer layout and a datanode of another cluster', async () => {
    const directory = join(local, 'mixed');
    const other = (...args: string[]) => quarry(args, { QUARRY_CLUSTER: directory });
    await other('cluster', 'start', '--ports', 'auto', '--nodes', '1', '--detach');
    await other('cluster', 'stop');
    // The datanode stays, the namenode is formatted anew: another cluster's data must not be adopted.
    await rm(join(directory, 'namenode'), { recursive: true });
    expectRefusal(
      await other('cluster', 'start', '--ports', 'auto', '--nodes', '1', '--detach'),
      'WRONG_CLUSTER',
    );
    const superblock = join(directory, 'namenode', 'SUPERBLOCK');
    const content = JSON.parse(await readFile(superblock, 'utf8')) as { layout: number };
    await writeFile(superblock, JSON.stringify({ ...content, layout: content.layout + 1 }));
    expectRefusal(
      await other('cluster', 'start', '--ports', 'auto', '--nodes', '1', '--detach'),
      'WRONG_LAYOUT',
    );
  });
});
