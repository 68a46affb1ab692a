import { describe, expect, it } from 'vitest';
import { arrowOfLines } from '../../../../common/rdd/arrow-lines.ts';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { decodeRddPlan, RDD_PLAN_TYPE_URL } from '../../../../common/rdd/rdd-plan.ts';
import { RddContext } from '../../../../client/rdd/rdd-context.ts';
import type { Any } from '../../../../proto/gen/google/protobuf/Any.ts';
import { PlanRecorder } from '../dataframe/plan-recorder.ts';

function contextOf(...lines: string[]) {
  const recorder = new PlanRecorder();
  recorder.batches = [arrowOfLines(Buffer.from(lines.map((line) => `${line}\n`).join('')), lines.length)];
  return { recorder, rdd: new RddContext(recorder) };
}

const planOf = (extension: unknown) => {
  const { type_url, value } = extension as Any;
  expect(type_url).toBe(RDD_PLAN_TYPE_URL);
  return decodeRddPlan(value);
};

describe('an RDD', () => {
  it('sends its operations as one plan, shared branches once, and reads records', async () => {
    const { recorder, rdd } = contextOf('["é",{"$q":"bigint","v":"5"}]', 'null');
    const base = rdd.textFile(['/a', '/b'], 4).map((line) => [line, 1]);
    const joined = base.join(
      base.reduceByKey((left, right) => left + right, { partitions: 3 }),
      'left',
    );
    expect(await joined.collect()).toEqual([['é', 5n], null]);
    const { nodes, action } = planOf(recorder.plans[0]!.root!.extension);
    expect(nodes.map(({ operation, inputs }) => [operation, inputs])).toEqual([
      ['files', []],
      ['narrow', [0]],
      ['shuffle', [1]],
      ['shuffle', [1, 2]],
    ]);
    expect(nodes[0]!.files).toEqual({ format: 'TEXT', paths: ['/a', '/b'], minPartitions: 4 });
    expect(nodes[1]!.narrow!.function!.label).toMatch(/^map \(rdd\.test\.ts:\d+\)$/);
    expect(nodes[2]!.shuffle).toMatchObject({ kind: 'REDUCE_BY_KEY', partitions: 3 });
    expect(nodes[3]!.shuffle).toMatchObject({ kind: 'JOIN', joinType: 'left' });
    expect(action).toMatchObject({ kind: 'COLLECT' });
  });

  it('takes no more than asked, whatever comes', async () => {
    const { rdd } = contextOf('1', '2', '3');
    expect(await rdd.parallelize([1]).take(2)).toEqual([1, 2]);
    expect(await rdd.parallelize([1]).take(0)).toEqual([]);
    expect(await rdd.parallelize([1]).first()).toBe(1);
    await expect(rdd.parallelize([1]).take(-1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('saves by a command', async () => {
    const { recorder, rdd } = contextOf('{"files":1,"rowCount":1}');
    await rdd.parallelize(['x']).saveAsTextFile('/out', { overwrite: true });
    const { action } = planOf(recorder.plans[0]!.command!.extension);
    expect(action).toMatchObject({ kind: 'SAVE_TEXT', path: '/out', overwrite: true });
  });

  it('says so when the server is not Quarry, and passes on every other error', async () => {
    const failing = (error: QuarryError) => {
      const { recorder, rdd } = contextOf();
      // oxlint-disable-next-line require-yield -- a stream that fails at once
      recorder.execute = async function* () {
        throw error;
      };
      return rdd.parallelize([1]).collect();
    };
    const foreign = new QuarryError('INTERNAL', 'No handler found for extension');
    await expect(failing(foreign)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('not Quarry'),
    });
    const own = new QuarryError('USER_CODE', 'my extension failed');
    await expect(failing(own)).rejects.toBe(own);
  });
});
