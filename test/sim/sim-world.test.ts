import { describe, expect, it } from 'vitest';
import { namenodeService } from '../../common/rpc/services.ts';
import { SimDiskFiles } from './sim-disk.ts';
import { SimProcess } from './sim-process.ts';
import { SimRandom } from './sim-random.ts';
import { SimWorld } from './sim-world.ts';

const alive = (node: string) => new SimProcess(node);

async function pingPong(seed: number): Promise<string> {
  const world = new SimWorld(seed);
  world.network.weather.dropProbability = 0.2;
  world.network.weather.duplicateProbability = 0.2;
  const run = async () => {
    const server = world.seams(alive('a')).rpc.createServer();
    server.handle(namenodeService().Mkdirs, async ({ path }) => {
      world.note('served', path);
      return { value: true };
    });
    const address = await server.listen('a:9001');
    const { client } = world.seams(alive('b')).rpc;
    for (let i = 0; i < 50; i++) {
      const request = { path: `/${i}` };
      await client.call(address, namenodeService().Mkdirs, request, { timeoutMs: 100 }).then(
        () => world.note('answered', request.path),
        (thrown: { code: string }) => world.note(thrown.code, request.path),
      );
    }
  };
  await world.time.until(run(), 60_000);
  return `${world.trace} ${JSON.stringify(world.counters)}`;
}

describe('the simulator', () => {
  it('gives one seed one run, and another seed another', async () => {
    const first = await pingPong(7);
    expect(await pingPong(7)).toBe(first);
    expect(await pingPong(8)).not.toBe(first);
    expect(first).toMatch(/DEADLINE/);
  });

  it('carries bytes in order through a slow and lossy connection', async () => {
    const world = new SimWorld(3);
    world.network.weather.dropProbability = 0.3;
    const sent = new SimRandom(1).bytes(20_000);
    const run = async () => {
      const received: Buffer[] = [];
      const ended = new Promise<void>((resolve) => {
        void world.seams(alive('a')).net.listen('a:1', (stream) => {
          stream.on('data', (chunk: Buffer) => received.push(chunk));
          stream.on('end', () => resolve());
        });
      });
      const connect = () => world.seams(alive('b')).net.connect('a:1', { timeoutMs: 50 });
      const stream = await connect().catch(connect).catch(connect).catch(connect);
      for (let at = 0; at < sent.length; at += 777) stream.write(sent.subarray(at, at + 777));
      stream.end();
      await ended;
      return Buffer.concat(received);
    };
    expect((await world.time.until(run(), 600_000)).equals(sent)).toBe(true);
  });

  it('loses un-synced writes of rotated logs in a crash, unless the logs were synced', async () => {
    const survivors = async (syncLogs: boolean) => {
      const files = new SimDiskFiles();
      const options = { createIfMissing: true };
      const store = await files.mount(() => true).openStore('db', options);
      for (let i = 0; i < 30; i++) await store.db.put(Buffer.from([i]), Buffer.from('v'));
      if (syncLogs) await store.syncLogs();
      await store.db.put(Buffer.from([200]), Buffer.from('final'), { sync: true } as never);
      files.crash(new SimRandom(5));
      const reopened = await files.mount(() => true).openStore('db', options);
      const keys = await reopened.db.keys().all();
      expect(keys.at(-1)).toEqual(Buffer.from([200]));
      return keys.length;
    };
    expect(await survivors(true)).toBe(31);
    expect(await survivors(false)).toBeLessThan(31);
  });
});
