import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { FileSystem } from '../../client/fs/file-system.ts';
import { resolveConfig } from '../../common/config.ts';
import { silentLog } from '../../common/log.ts';
import { systemSeams } from '../../common/seams/system.ts';
import { eventually } from './eventually.ts';
import { expectWhole, mebibyte } from './self-describing.ts';
import { startTestCluster, type TestCluster } from './test-cluster.ts';

const BIG_MEBIBYTES = 300;

let cluster: TestCluster | undefined;
let fs: FileSystem | undefined;

async function start(
  nodes: number,
  settings: Record<string, string> = {},
): Promise<{ cluster: TestCluster; fs: FileSystem }> {
  cluster = await startTestCluster({ nodes, settings });
  fs = await FileSystem.connect({
    namenodeAddress: cluster.file().namenode.grpc,
    config: resolveConfig(settings),
    seams: systemSeams(cluster.directory, silentLog()),
  });
  return { cluster, fs };
}

afterEach(async () => {
  await fs?.close();
  await cluster?.stop();
  fs = undefined;
  cluster = undefined;
});

/** Writes a big file; `disturb` runs once, in the middle of it. */
async function writeBig(target: FileSystem, path: string, disturb: () => void): Promise<number> {
  const writer = await target.create(path);
  for (let i = 0; i < BIG_MEBIBYTES; i++) {
    if (i === BIG_MEBIBYTES / 2) disturb();
    await writer.write(mebibyte(1, i));
  }
  const { durableReplicas, lengthBytes } = await writer.close();
  expect(lengthBytes).toBe(BIG_MEBIBYTES * 1024 * 1024);
  return durableReplicas;
}

/** A datanode that holds a replica of the block that is being written. */
async function writingNode(target: FileSystem, path: string): Promise<string> {
  const blocks = await target.blockLocations(path);
  const node = blocks.at(-1)?.locations[0]?.id;
  if (node === undefined) throw new Error(`${path} has no block yet`);
  return node;
}

describe('a datanode that is killed', () => {
  it('in the middle of a write on 5 nodes: the write ends, replication returns, and a second one may die during reads', async () => {
    const { cluster, fs } = await start(5);
    let killed = '';
    const disturbed = eventually(
      () => writingNode(fs, '/big').catch(() => ''),
      (node) => node !== '',
      20_000,
    ).then((node) => {
      killed = node;
      cluster.signal(node, { role: 'datanode', signal: 'SIGKILL' });
    });
    await writeBig(fs, '/big', () => undefined);
    await disturbed;
    await expectWhole(fs, '/big', 1, BIG_MEBIBYTES);
    const healed = await eventually(
      () => fs.fsck('/'),
      (report) => report.underReplicated === 0 && report.missing === 0,
      60_000,
    );
    expect(healed.corrupt).toBe(0);
    const second = (await fs.blockLocations('/big'))[0]!.locations
      .map(({ id }) => id)
      .find((id) => id !== killed)!;
    const reading = expectWhole(fs, '/big', 1, BIG_MEBIBYTES);
    await sleep(50);
    cluster.signal(second, { role: 'datanode', signal: 'SIGKILL' });
    await reading;
  });

  it('in the middle of a write on 3 nodes: close says 2, and a restart brings back 3', async () => {
    const { cluster, fs } = await start(3);
    const durable = await writeBig(fs, '/big', () =>
      cluster.signal('dn2', { role: 'datanode', signal: 'SIGKILL' }),
    );
    expect(durable).toBe(2);
    await expectWhole(fs, '/big', 1, BIG_MEBIBYTES);
    await cluster.restart('dn2', 'datanode');
    const report = await eventually(
      () => fs.fsck('/'),
      (found) => found.underReplicated === 0,
      60_000,
    );
    expect(report).toMatchObject({ missing: 0, corrupt: 0, overReplicated: 0 });
    const replicas = (await fs.blockLocations('/big')).map((block) => block.locations.length);
    expect(replicas.every((count) => count === 3)).toBe(true);
    await expectWhole(fs, '/big', 1, BIG_MEBIBYTES);
  });
});

describe('a namenode that is killed', () => {
  it('between and during operations: every acknowledged one is there', async () => {
    const { cluster, fs } = await start(3);
    const acknowledged: string[] = [];
    let writing = true;
    const work = Promise.all(
      Array.from({ length: 8 }, async (_, worker) => {
        for (let i = 0; writing; i++) {
          const path = `/jobs/${worker}/${i}`;
          await fs.mkdir(path, { parents: true });
          acknowledged.push(path);
          if (i % 5 === 4) {
            await fs.rename(path, `${path}-moved`);
            acknowledged[acknowledged.indexOf(path)] = `${path}-moved`;
          }
          if (i % 7 === 6) {
            await fs.writeFile(`/jobs/${worker}/file-${i}`, Buffer.from(path));
            acknowledged.push(`/jobs/${worker}/file-${i}`);
          }
        }
      }),
    );
    for (let round = 0; round < 3; round++) {
      await sleep(500);
      cluster.signal('namenode', { signal: 'SIGKILL' });
      await cluster.restart('namenode');
    }
    await sleep(500);
    writing = false;
    await work;
    expect(acknowledged.length).toBeGreaterThan(50);
    const lost = [];
    for (const path of acknowledged) if (!(await fs.exists(path))) lost.push(path);
    expect(lost).toEqual([]);
    const file = acknowledged.find((path) => path.includes('file-'))!;
    expect((await fs.readFile(file)).toString()).toContain('/jobs/');
  });
});

describe('a datanode that is stopped but not dead', () => {
  it('holds up no call for more than 5 s from the signal', async () => {
    const { cluster, fs } = await start(3);
    await fs.writeFile('/before', mebibyte(2, 0));
    let stoppedMs = Number.POSITIVE_INFINITY;
    let longestMs = 0;
    /** Counts the part of a call that lies after the signal. */
    const timed = async <T>(call: Promise<T>): Promise<T> => {
      const startedMs = performance.now();
      const answer = await call;
      longestMs = Math.max(
        longestMs,
        performance.now() - Math.max(startedMs, Math.min(stoppedMs, performance.now())),
      );
      return answer;
    };
    const writer = await fs.create('/during');
    const writing = (async () => {
      for (let i = 0; i < 100; i++) {
        await timed(writer.write(mebibyte(3, i)));
        if (i % 10 === 9) await timed(writer.hflush());
      }
      await timed(writer.close());
    })();
    const reading = (async () => {
      const endMs = performance.now() + 12_000;
      while (performance.now() < endMs) {
        await timed(fs.readFile('/before'));
        await timed(fs.writeFile(`/small-${Math.floor(performance.now())}`, Buffer.from('x')));
        await sleep(50);
      }
    })();
    await sleep(300);
    stoppedMs = performance.now();
    cluster.signal('dn1', { role: 'datanode', signal: 'SIGSTOP' });
    await Promise.all([writing, reading]);
    expect(longestMs).toBeLessThan(5_000);
    await expectWhole(fs, '/during', 3, 100);
    cluster.signal('dn1', { role: 'datanode', signal: 'SIGCONT' });
    const report = await eventually(
      () => fs.fsck('/'),
      (found) => found.underReplicated === 0 && found.overReplicated === 0,
      60_000,
    );
    expect(report).toMatchObject({ missing: 0, corrupt: 0 });
  });
});
