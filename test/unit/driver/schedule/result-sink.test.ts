import { describe, expect, it } from 'vitest';
import { ResultSink } from '../../../../driver/schedule/result-sink.ts';

const id = (partition: number, attempt = 0) => ({ jobId: 'j', stage: 0, partition, attempt });
const LOST = { code: 'EXECUTOR_LOST', message: 'lost', details: {} } as const;

function batch(partition: number, text: string, lengthBytes = text.length) {
  const data = Buffer.alloc(lengthBytes);
  data.write(text);
  return { partition, data, rowCount: 1 };
}

async function collect(sink: ResultSink): Promise<{ texts: string[]; outcome: unknown }> {
  const texts: string[] = [];
  const drain = sink.drain();
  for (let step = await drain.next(); ; step = await drain.next()) {
    if (step.done === true) return { texts, outcome: step.value };
    texts.push(step.value.data.subarray(0, 2).toString());
  }
}

describe('ResultSink', () => {
  it('gives batches in the order of partitions, whoever finishes first', async () => {
    const sink = new ResultSink(2);
    const all = collect(sink);
    for (const partition of [0, 1]) sink.launched(id(partition));
    await sink.push(id(1), batch(1, 'b1'));
    sink.accept(id(1));
    await sink.push(id(0), batch(0, 'a1'));
    await sink.push(id(0), batch(0, 'a2'));
    sink.accept(id(0));
    sink.finish({ results: ['x', 'y'], stages: [] });
    expect(await all).toEqual({ texts: ['a1', 'a2', 'b1'], outcome: { results: ['x', 'y'], stages: [] } });
  });

  it('gives nothing of an attempt that failed', async () => {
    const sink = new ResultSink(1);
    const all = collect(sink);
    sink.launched(id(0));
    await sink.push(id(0), batch(0, 'no'));
    expect(sink.discard(id(0), LOST)).toBeUndefined();
    sink.launched(id(0, 1));
    await sink.push(id(0, 1), batch(0, 'ok'));
    sink.accept(id(0, 1));
    sink.finish({ results: [null], stages: [] });
    expect((await all).texts).toEqual(['ok']);
  });

  it('lets a large result leave early, and then fails the job when its task does', async () => {
    const sink = new ResultSink(1);
    sink.launched(id(0));
    const drain = sink.drain();
    for (let part = 0; part < 5; part++) void sink.push(id(0), batch(0, `p${part}`, 20 * 1024 * 1024));
    expect((await drain.next()).done).toBe(false);
    expect(sink.discard(id(0), LOST)).toMatchObject({
      code: 'EXECUTOR_LOST',
      message: expect.stringContaining('run the query again'),
    });
  });

  it('holds a later partition back while an earlier one runs, not while that one waits for a slot', async () => {
    const sink = new ResultSink(2);
    const large = () => batch(1, 'xx', 40 * 1024 * 1024);
    sink.launched(id(1));
    await sink.push(id(1), large());
    await sink.push(id(1), large());
    sink.launched(id(0));
    let passed = false;
    const third = sink.push(id(1), large()).then(() => (passed = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(passed).toBe(false);
    sink.discard(id(0), LOST);
    await third;
  });

  it("ends with the job's error", async () => {
    const sink = new ResultSink(1);
    const all = collect(sink);
    sink.fail({ code: 'ARITHMETIC', message: 'division by zero', details: {} });
    await expect(all).rejects.toMatchObject({ code: 'ARITHMETIC' });
  });
});
