import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { count, desc, QuarrySession, type StreamingQueryProgress, window } from '../../client/index.ts';
import { startTestCluster, type TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
let session: QuarrySession;

beforeAll(async () => {
  cluster = await startTestCluster({ nodes: 1 });
  session = await QuarrySession.connect({ cluster: cluster.directory });
});
afterAll(async () => {
  await session?.stop();
  await cluster?.stop();
});

const rate = () => session.readStream.format('rate').option('rowsPerSecond', 40).load();

describe('streams with the TypeScript client', () => {
  it('hands every batch to a function of the program', async () => {
    const seen: number[] = [];
    let batches = 0;
    const query = await rate()
      .writeStream.trigger({ processingTime: '200 milliseconds' })
      .foreachBatch(async (batch, batchId) => {
        for (const { value } of await batch.collect<{ value: number }>()) seen.push(Number(value));
        // Its rows can be read again, and joined with others.
        expect(await batch.count()).toBeLessThanOrEqual(seen.length);
        batches = batchId + 1;
      })
      .start();
    for (let tries = 0; tries < 100 && batches < 3; tries++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    await query.stop();
    expect(await query.isActive()).toBe(false);
    expect(batches).toBeGreaterThanOrEqual(3);
    expect(seen.length).toBeGreaterThan(10);
    expect(seen).toEqual(seen.map((_, index) => index));
  });

  it('ends a query with what its function throws', async () => {
    const query = await rate()
      .writeStream.foreachBatch((_, batchId) => {
        if (batchId > 0) throw new Error(`not batch ${batchId}`);
      })
      .start();
    await expect(query.awaitTermination()).rejects.toThrow(/STREAM_FAILED.*not batch 1/);
    expect((await query.exception())?.message).toContain('FOREACH_BATCH_USER_FUNCTION_ERROR');
    await session.streams.resetTerminated();
  });

  it('counts windows into a view, and tells listeners', async () => {
    const progress: StreamingQueryProgress[] = [];
    const ended: unknown[] = [];
    const listener = {
      onQueryProgress: (event: { progress: StreamingQueryProgress }) => progress.push(event.progress),
      onQueryTerminated: ({ exception }: { exception: string | null }) => ended.push(exception),
    };
    await session.streams.addListener(listener);
    const counts = rate()
      .withWatermark('timestamp', '10 seconds')
      .groupBy(window('timestamp', '1 second'))
      .agg(count('*').as('rows'));
    expect(await counts.isStreaming()).toBe(true);
    const query = await counts.writeStream
      .format('memory')
      .queryName('counted')
      .outputMode('complete')
      .start();
    expect((await session.streams.active()).map(({ name }) => name)).toEqual(['counted']);
    expect((await session.streams.get(query.id))?.runId).toBe(query.runId);
    for (let tries = 0; tries < 100 && progress.length < 3; tries++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    await query.processAllAvailable();
    await query.stop();
    await session.streams.removeListener(listener);
    expect(progress.length).toBeGreaterThanOrEqual(3);
    expect(progress[0]).toMatchObject({ id: query.id, name: 'counted', batchId: 0 });
    expect(ended).toEqual([null]);
    const rows = await session.table('counted').orderBy(desc('rows')).collect<{ rows: number }>();
    expect(Number(rows[0]!.rows)).toBeGreaterThan(0);
    expect(await query.explain()).toMatch(/^== Physical Plan ==\nAggregate /);
  });

  it('says at once what cannot run', async () => {
    await expect(rate().collect()).rejects.toThrow('must be executed with writeStream.start()');
    await expect(session.range(3).writeStream.start('/x')).rejects.toThrow('WRITE_STREAM_NOT_ALLOWED');
    const counted = rate().groupBy('value').count();
    await expect(counted.writeStream.format('noop').start()).rejects.toMatchObject({ code: 'ANALYSIS' });
  });
});
