import { describe, expect, it } from 'vitest';
import type { LevelStore, Store } from '../../../common/seams/disk.ts';
import { getFileInfo } from '../../../namenode/queries.ts';
import { FakeDisk, settled } from './fake-world.ts';
import { TestNamenode } from './test-namenode.ts';

/** A disk whose writes become durable only when the test says so. */
class GatedDisk extends FakeDisk {
  batches = 0;
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#open();
  }

  override async openStore(name: string, options: { createIfMissing: boolean }): Promise<Store> {
    const store = await super.openStore(name, options);
    const batch = store.db.batch.bind(store.db) as () => { write(options: never): Promise<void> };
    (store.db as { batch: unknown }).batch = () => {
      const operations = batch();
      const write = operations.write.bind(operations);
      operations.write = async (options) => {
        this.batches++;
        await this.#gate;
        await write(options);
      };
      return operations;
    };
    return { ...store, db: store.db as LevelStore };
  }
}

async function withGate(run: (namenode: TestNamenode, disk: GatedDisk) => Promise<void>): Promise<void> {
  const disk = new GatedDisk();
  const namenode = new TestNamenode({ 'namenode.completeWaitMs': '1000' }, disk);
  await namenode.start();
  try {
    await run(namenode, disk);
  } finally {
    disk.release();
    await namenode.close();
  }
}

/** What has become of a promise. */
function watch<T>(promise: Promise<T>): { outcome: string } {
  const watched = { outcome: 'waiting' };
  promise.then(
    () => (watched.outcome = 'answered'),
    (thrown: { code?: string }) => (watched.outcome = thrown.code ?? 'failed'),
  );
  return watched;
}

const exists = (namenode: TestNamenode, path: string) =>
  getFileInfo(namenode.state, { caller: namenode.caller(), path }).status !== undefined;

describe('group commit', () => {
  it('answers nothing that rests on a batch before that is durable: not an error, not a no-op, not a retry', () =>
    withGate(async (namenode, disk) => {
      disk.hold();
      const caller = namenode.caller();
      const request = { caller, path: '/a', mode: 0, createParents: true };
      const made = watch(namenode.execute('mkdirs', request));
      await settled();
      const answers = [
        made,
        watch(namenode.mkdirs('/a')),
        watch(namenode.execute('mkdirs', request)),
        watch(namenode.create('/a')),
        watch(namenode.execute('delete', { caller: namenode.caller(), path: '/none', recursive: false })),
      ];
      await settled();
      expect(answers.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 5 }, () => 'waiting'));
      expect(exists(namenode, '/a')).toBe(false);
      disk.release();
      await settled();
      expect(answers.map(({ outcome }) => outcome)).toEqual([
        'answered',
        'answered',
        'answered',
        'IS_A_DIRECTORY',
        'answered',
      ]);
      expect(exists(namenode, '/a')).toBe(true);
    }));

  it('has one batch in flight and puts what comes meanwhile into the next', () =>
    withGate(async (namenode, disk) => {
      const before = disk.batches;
      disk.hold();
      const first = namenode.mkdirs('/first');
      await settled();
      const rest = Array.from({ length: 50 }, (_, i) => namenode.mkdirs(`/d${i}`));
      await settled();
      expect(disk.batches - before).toBe(1);
      disk.release();
      await Promise.all([first, ...rest]);
      expect(disk.batches - before).toBe(2);
    }));

  it('keeps deletion orders back until the deletion is durable', () =>
    withGate(async (namenode, disk) => {
      const session = await namenode.register('dn1');
      const inodeId = await namenode.create('/f');
      const located = await namenode.execute('addBlock', {
        caller: namenode.caller(),
        path: '/f',
        inodeId,
        previous: null,
        excludedNodes: [],
      });
      expect(located.locations?.map(({ id }) => id)).toEqual(['dn1']);
      disk.hold();
      const deleted = watch(
        namenode.execute('delete', { caller: namenode.caller(), path: '/f', recursive: false }),
      );
      const heartbeat = namenode.execute('heartbeat', {
        nodeId: 'dn1',
        session,
        capacityBytes: 1,
        freeBytes: 1,
        usedBytes: 0,
        blockCount: 0,
        activeStreams: 0,
        eventLoopLagMs: 0,
        diskProbeMs: 0,
        doneCommands: [],
      });
      const beaten = watch(heartbeat);
      await settled();
      expect([deleted.outcome, beaten.outcome]).toEqual(['waiting', 'waiting']);
      disk.release();
      expect((await heartbeat).commands?.[0]?.delete?.blocks).toHaveLength(1);
    }));
});

describe('complete', () => {
  it('waits for durable replicas, and only so long', () =>
    withGate(async (namenode) => {
      const sessions = [await namenode.register('dn1'), await namenode.register('dn2')];
      const inodeId = await namenode.create('/f');
      const { block } = await namenode.execute('addBlock', {
        caller: namenode.caller(),
        path: '/f',
        inodeId,
        previous: null,
        excludedNodes: [],
      });
      const last = {
        blockId: Number(block?.blockId),
        generationStamp: Number(block?.generationStamp),
        lengthBytes: 7,
      };
      const complete = () =>
        namenode.running.shell.complete(
          { caller: namenode.caller(), path: '/f', inodeId, last, minDurable: 0 },
          new AbortController().signal,
        );
      const received = (i: number) =>
        namenode.execute('incrementalReport', {
          nodeId: `dn${i + 1}`,
          session: sessions[i]!,
          sequence: 1,
          events: [{ kind: 'RECEIVED', replica: { block: last, state: 'FINALIZED', durable: true } }],
        });
      const tooLate = complete();
      const late = watch(tooLate);
      await settled();
      await received(0);
      await namenode.clock.advance(900);
      expect(late.outcome).toBe('waiting');
      await namenode.clock.advance(200);
      expect(await tooLate).toEqual({ complete: false, durableReplicas: 1 });
      const inTime = complete();
      await settled();
      await received(1);
      expect(await inTime).toEqual({ complete: true, durableReplicas: 2 });
    }));
});
