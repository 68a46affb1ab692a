import { describe, expect, it } from 'vitest';
import type { ClusterFile } from '../../../../common/cluster-file.ts';
import { locate } from '../../../../services/web/addresses.ts';
import { Cached, within } from '../../../../services/web/cached.ts';
import { streamViews } from '../../../../services/web/streams.ts';
import { clickRange } from '../../../../services/web/web-api.ts';
import { HandClock } from './memory-view.ts';

describe('a cached read', () => {
  it('is one for all who ask while it is young, failed or not', async () => {
    const clock = new HandClock();
    let reads = 0;
    const cached = new Cached(clock, 1_000, () => {
      reads += 1;
      return reads === 1 ? Promise.reject(new Error('first')) : Promise.resolve(reads);
    });
    await expect(Promise.all([cached.get(), cached.get()])).rejects.toThrow('first');
    await expect(cached.get()).rejects.toThrow('first');
    clock.ms += 1_000;
    expect(await cached.get()).toBe(2);
    clock.ms += 999;
    expect(await cached.get()).toBe(2);
    expect(reads).toBe(2);
  });

  it('ends when its time is up', async () => {
    const never = new Promise<never>(() => undefined);
    await expect(within(new HandClock(), 5, 'the view', never)).rejects.toMatchObject({ code: 'DEADLINE' });
  });
});

describe('the range of a query', () => {
  const nowMs = Date.parse('2026-11-22T23:59:30Z');
  const range = (query: string) => clickRange(new URLSearchParams(query), nowMs);

  it('is today in UTC without any', () => {
    expect(range('')).toEqual({
      fromMs: Date.parse('2026-11-22T00:00:00Z'),
      untilMs: Date.parse('2026-11-23T00:00:00Z'),
      product: undefined,
      limit: Infinity,
    });
  });

  it('takes instants of any zone, to the minute', () => {
    expect(range('from=2026-11-22T01:00:30%2B01:00&until=2026-11-22T02:00Z&product=7&limit=5')).toEqual({
      fromMs: Date.parse('2026-11-22T00:00:00Z'),
      untilMs: Date.parse('2026-11-22T02:00:00Z'),
      product: '7',
      limit: 5,
    });
  });

  it.each(['from=yesterday', 'from=2026-11-22T10:00', 'from=2026-11-22&until=2026-11-22', 'from=2026-01-01'])(
    'refuses %s',
    (query) => {
      expect(() => range(query)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }) as Error);
    },
  );
});

describe('addresses', () => {
  const told = {
    driver: 'http://127.0.0.1:1',
    namenode: '127.0.0.1:4',
    view: 'quarry-views://127.0.0.1:2',
    tables: 'jdbc:quarry://127.0.0.1:2/clicks',
    workflow: '',
    log: 'quarry-log://127.0.0.1:3',
    clusterFile: '',
  };

  it('are those of cluster.json where it has some', () => {
    const cluster: Partial<ClusterFile> = {
      driver: { pid: 1, connect: '', http: '127.0.0.1:11' },
      services: [
        { name: 'views', pid: 2, address: '127.0.0.1:12' },
        { name: 'workflow', pid: 3, address: '127.0.0.1:13' },
        { name: 'agent', pid: 4 },
      ],
    };
    expect(locate(told, cluster)).toEqual({
      driver: 'http://127.0.0.1:11',
      namenode: 'http://127.0.0.1:4',
      view: 'quarry-views://127.0.0.1:12',
      tables: 'jdbc:quarry://127.0.0.1:12/clicks',
      workflow: 'http://127.0.0.1:13',
      log: 'quarry-log://127.0.0.1:3',
      processes: new Map([['agent', 4]]),
    });
  });

  it('of foreign servers stay as told', () => {
    const foreign = {
      ...told,
      view: 'redis://h:6379',
      tables: 'jdbc:mysql://h:3306/d',
      log: 'kafka://h:9092',
    };
    const services = ['views', 'log'].map((name) => ({ name, pid: 1, address: '127.0.0.1:9' }));
    expect(locate(foreign, { services })).toMatchObject({
      view: foreign.view,
      tables: foreign.tables,
      log: foreign.log,
    });
  });
});

describe('streams', () => {
  it('are read from the progress of their last batch', () => {
    const progress = {
      batchId: 7,
      timestamp: '2026-11-22T10:00:00.000Z',
      batchDuration: 120,
      inputRowsPerSecond: 10.5,
      processedRowsPerSecond: 80,
      eventTime: { watermark: '2026-11-22T09:50:00.000Z' },
      stateOperators: [{ numRowsTotal: 5, customMetrics: { lateRowsTotal: 2 } }],
      sources: [
        { endOffset: { t: { 0: 5, 1: 5 } }, latestOffset: { t: { 0: 8, 1: 4 } } },
        { endOffset: '{"u":{"0":1}}', latestOffset: '{"u":{"0":2}}' },
      ],
    };
    const query = { id: 'i', name: 'clicks', isActive: true, status: { message: 'waits' }, error: null };
    expect(streamViews([{ ...query, lastProgress: progress }])).toEqual([
      {
        id: 'i',
        name: 'clicks',
        isActive: true,
        status: 'waits',
        hasFailed: false,
        batchId: 7,
        at: '2026-11-22T10:00:00.000Z',
        batchDurationMs: 120,
        inputRowsPerSecond: 10.5,
        processedRowsPerSecond: 80,
        watermark: '2026-11-22T09:50:00.000Z',
        lagRecords: 4,
        lateRows: 2,
        stateRows: 5,
      },
    ]);
  });

  it('without a batch yet, or of another shape, are not known', () => {
    const [stream] = streamViews([
      { id: 'i', name: '', isActive: false, error: 'TOPIC_NOT_FOUND', lastProgress: null },
    ]);
    expect(stream).toMatchObject({ name: 'i', status: 'TOPIC_NOT_FOUND', hasFailed: true, lagRecords: null });
    expect(streamViews({ any: 'thing' })).toEqual([]);
  });
});
