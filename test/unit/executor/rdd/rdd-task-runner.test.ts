import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeValue } from '../../../../common/rdd/value-codec.ts';
import type { RddFunction } from '../../../../proto/gen/quarry/RddFunction.ts';
import type { ShuffleInput } from '../../../../proto/gen/quarry/ShuffleInput.ts';
import type { RddMerge, RddSink, RddStep, RddTask } from '../../../../common/rdd/rdd-task.ts';
import { TaskRunnerFixture } from './task-runner-fixture.ts';

let fixture: TaskRunnerFixture;
beforeAll(async () => {
  fixture = await TaskRunnerFixture.open();
});
afterAll(async () => {
  await fixture.close();
});

const fn = (source: string, bindings: RddFunction['bindings'] = {}): RddFunction => ({
  source,
  bindings,
  label: 'map (job.ts:1)',
});
const step = (kind: RddStep['kind'], source: string, bindings: RddFunction['bindings'] = {}): RddStep => ({
  kind,
  function: fn(source, bindings),
});
const rows: RddSink = { kind: 'rows', limit: undefined };
const over = (values: readonly unknown[], steps: readonly RddStep[], sink: RddSink = rows): RddTask => ({
  source: { kind: 'values', values: values.map(encodeValue) },
  steps,
  sink,
});
const valuesOf = async (values: readonly unknown[], ...steps: RddStep[]) =>
  (await fixture.run(over(values, steps))).values;

describe('steps', () => {
  it('map, filter and flatten records', async () => {
    expect(
      await valuesOf(
        [1, 2, 3],
        step('map', '(x) => x * 10'),
        step('filter', '(x) => x > 10'),
        step('flatMap', '(x) => [x, -x]'),
      ),
    ).toEqual([20, -20, 30, -30]);
  });

  it('keep what JSON cannot say', async () => {
    const special = [
      undefined,
      NaN,
      -0,
      2n ** 70n,
      new Date(5),
      new Map([[{ a: 1 }, new Set([1])]]),
      new Uint8Array([1, 2]),
    ];
    expect(await valuesOf(special, step('map', '(x) => x'))).toEqual(special);
    expect(
      await valuesOf(
        [new Date(5), [1], { a: new Map() }],
        step('map', '(x) => x instanceof Date || x instanceof Array || x.a instanceof Map'),
      ),
    ).toEqual([true, true, true]);
  });

  it('make and change pairs', async () => {
    expect(
      await valuesOf(
        ['a', 'bb'],
        step('keyBy', '(x) => x.length'),
        step('mapValues', '(x) => x.toUpperCase()'),
        step('flatMapValues', 'function* (x) { yield x; yield 1; }'),
      ),
    ).toEqual([
      [1, 'A'],
      [1, 1],
      [2, 'BB'],
      [2, 1],
    ]);
  });

  it('give a partition as one iterator, and the bindings last', async () => {
    expect(
      await valuesOf(
        [1, 2, 3],
        step(
          'mapPartitions',
          'function* (rows, { factor, twice }) { for (const row of rows) yield twice(row) * factor; }',
          {
            factor: { value: '10', binding: 'value' },
            twice: { function: '(x) => 2 * x', binding: 'function' },
          },
        ),
        step('reduce', '(a, b) => a + b'),
      ),
    ).toEqual([120]);
  });

  it('run code that esbuild has wrapped to keep names', async () => {
    expect(
      await valuesOf(
        [1],
        step(
          'map',
          '(x) => { const add = /* @__PURE__ */ __name((y) => y + 1, "add"); return add.name + add(x); }',
        ),
      ),
    ).toEqual(['add2']);
  });

  it('stop reading once the limit is reached', async () => {
    const { values, metrics } = await fixture.run(
      over(
        Array.from({ length: 1000 }, (_, index) => index),
        [],
        { kind: 'rows', limit: 3 },
      ),
    );
    expect(values).toEqual([0, 1, 2]);
    expect(metrics.rowsRead).toBe(3);
  });

  it('leave no trace for the next task in the same thread', async () => {
    await valuesOf([1], step('map', '(x) => { Array.prototype.leak = 1; globalThis.leak = 2; return x; }'));
    expect(
      await valuesOf(
        [1, 2, 3],
        step('map', '(x) => [[].leak, globalThis.leak, typeof process, typeof require].join()'),
      ),
    ).toEqual(Array(3).fill(',,undefined,undefined'));
  });
});

describe('files', () => {
  it('are read line by line, each by the task it starts in', async () => {
    fixture.files.set('/lines', Buffer.from('one\ntwo\r\nthrée\n\nfive'));
    const lines = (offsetBytes: number, lengthBytes: number) =>
      fixture.run({
        source: { kind: 'lines', format: 'text', path: '/lines', offsetBytes, lengthBytes },
        steps: [],
        sink: rows,
      });
    const [first, second] = [await lines(0, 9), await lines(9, 13)];
    expect(first.values).toEqual(['one', 'two']);
    expect(second.values).toEqual(['thrée', '', 'five']);
    expect(first.metrics.localBytes).toBeGreaterThan(0);
    expect(first.metrics.readNodes).toEqual(new Set(['dn1']));
  });

  it('hold JSON lines, and a bad one is named', async () => {
    fixture.files.set('/json', Buffer.from('{"a":1}\n\n{"a":[2]}\n'));
    const json = (path: string) =>
      fixture.run({
        source: {
          kind: 'lines',
          format: 'json',
          path,
          offsetBytes: 0,
          lengthBytes: fixture.files.get(path)!.length,
        },
        steps: [step('map', '(row) => row.a')],
        sink: rows,
      });
    expect((await json('/json')).values).toEqual([1, [2]]);
    fixture.files.set('/bad', Buffer.from('{"a":1}\n{"a":\n'));
    await expect(json('/bad')).rejects.toMatchObject({
      code: 'BAD_DATA',
      message: expect.stringContaining('{"a":'),
      details: { path: '/bad' },
    });
  });

  it('are written as lines', async () => {
    const save = (format: 'text' | 'json', values: readonly unknown[]) =>
      fixture.run(over(values, [], { kind: 'file', format, path: `/out-${format}` }));
    expect((await save('text', ['a', 1, { b: 2 }])).outcome.result).toEqual({
      path: '/out-text.0',
      rowCount: 3,
      lengthBytes: 12,
    });
    expect(fixture.files.get('/out-text.0')!.toString()).toBe('a\n1\n{"b":2}\n');
    await save('json', ['a']);
    expect(fixture.files.get('/out-json.0')!.toString()).toBe('"a"\n');
    await expect(save('text', ['a\nb'])).rejects.toMatchObject({ code: 'USER_CODE' });
  });
});

describe('shuffles', () => {
  const shuffled = async (
    partsOfValues: readonly (readonly unknown[])[],
    sink: Omit<RddSink & { kind: 'shuffle' }, 'kind' | 'partitions'>,
    merge: RddMerge,
  ) => {
    const outputs = [];
    for (const [partition, values] of partsOfValues.entries()) {
      const { outcome } = await fixture.run(over(values, [], { kind: 'shuffle', partitions: 3, ...sink }), {
        partition,
      });
      outputs.push(outcome.mapOutput!);
    }
    const merged: unknown[] = [];
    for (let partition = 0; partition < 3; partition++) {
      const shuffles = [{ stage: 4, partitions: [partition], outputs }] as unknown as ShuffleInput[];
      const { values } = await fixture.run(
        { source: { kind: 'shuffle', stage: 4, merge }, steps: [], sink: rows },
        { shuffles },
      );
      merged.push(...values);
    }
    return { merged, outputs };
  };

  it('bring values of a key together, in the order of the map tasks', async () => {
    const { merged } = await shuffled(
      [
        [
          ['a', 1],
          ['b', 2],
          ['a', 3],
        ],
        [
          [{ y: 1, x: 2 }, 4],
          ['a', 5],
          [{ x: 2, y: 1 }, 6],
        ],
      ],
      { by: 'pair', combine: undefined },
      { kind: 'group' },
    );
    expect(
      new Map(merged.map((pair) => [JSON.stringify((pair as [unknown])[0]), (pair as unknown[])[1]])),
    ).toEqual(
      new Map<string, unknown>([
        ['"a"', [1, 3, 5]],
        ['"b"', [2]],
        ['{"x":2,"y":1}', [4, 6]],
      ]),
    );
  });

  it('reduce before and after', async () => {
    const add = fn('(a, b) => a + b');
    const pairs = Array.from({ length: 1000 }, (_, index) => [index % 10, 1]);
    const { merged, outputs } = await shuffled(
      [pairs, pairs],
      { by: 'pair', combine: { kind: 'reduce', function: add } },
      { kind: 'reduce', function: add },
    );
    expect(new Map(merged as [number, number][])).toEqual(
      new Map(Array.from({ length: 10 }, (_, key) => [key, 200])),
    );
    expect(outputs.map(({ rowCount }) => rowCount)).toEqual([10, 10]);
  });

  it('drop equal records, spread them by turns, and sort them', async () => {
    const distinct = await shuffled(
      [
        [1, 2, 1, { a: 1 }],
        [2, { a: 1 }, NaN, NaN],
      ],
      { by: 'record', combine: { kind: 'distinct' } },
      { kind: 'distinct' },
    );
    expect(distinct.merged).toHaveLength(4);
    const spread = await shuffled([[1, 2, 3, 4]], { by: 'turn', combine: undefined }, { kind: 'concat' });
    expect(spread.merged).toEqual([1, 4, 2, 3]);
    const sorted = await shuffled(
      [
        ['bb', 'a'],
        ['ccc', 'dd'],
      ],
      { by: 'first', combine: undefined },
      { kind: 'sort', function: fn('(x) => x.length'), descending: true },
    );
    expect(sorted.merged).toEqual(['ccc', 'bb', 'dd', 'a']);
  });

  it('join two sides, larger than what is under way at once', async () => {
    const many = Array.from({ length: 60_000 }, (_, index) => [index % 7, `${'v'.repeat(60)}${index}`]);
    const side = async (values: readonly unknown[]) =>
      (
        await fixture.run(
          over(values, [], { kind: 'shuffle', by: 'pair', partitions: 1, combine: undefined }),
        )
      ).outcome.mapOutput;
    const shuffles = [
      { stage: 1, partitions: [0], outputs: [await side(many)] },
      {
        stage: 2,
        partitions: [0],
        outputs: [
          await side([
            [0, 'zero'],
            [9, 'nine'],
          ]),
        ],
      },
    ] as unknown as ShuffleInput[];
    const join = (type: 'inner' | 'full', sink: RddSink) =>
      fixture.run({ source: { kind: 'join', left: 1, right: 2, type }, steps: [], sink }, { shuffles });
    const inner = await join('inner', { kind: 'rows', limit: 1 });
    expect(inner.values).toEqual([[0, [`${'v'.repeat(60)}0`, 'zero']]]);
    expect((await join('full', { kind: 'count' })).outcome.result).toEqual({ count: 60_001 });
  });

  it.each([
    ['changed', (bytes: Buffer) => bytes.fill(bytes[20]! ^ 1, 20, 21)],
    ['cut short', (bytes: Buffer) => bytes.subarray(0, -1)],
  ])('say which map output was %s on disk, and go on with another attempt of it', async (_, damage) => {
    const map = (attempt: number) =>
      fixture.run(
        over(
          ['a', 'b', 'a'].map((key) => [key, 'a value']),
          [],
          { kind: 'shuffle', by: 'pair', partitions: 1, combine: undefined },
        ),
        { partition: 2, attempt },
      );
    const reduce = (output: unknown) =>
      fixture.run(
        { source: { kind: 'shuffle', stage: 4, merge: { kind: 'group' } }, steps: [], sink: rows },
        { shuffles: [{ stage: 4, partitions: [0], outputs: [output] }] as unknown as ShuffleInput[] },
      );
    const { mapOutput } = (await map(1)).outcome;
    const path = fixture.pathOf(mapOutput!);
    await writeFile(path, damage(await readFile(path)));
    await expect(reduce(mapOutput)).rejects.toMatchObject({
      code: 'SHUFFLE_LOST',
      reaction: 'recompute-input',
      details: { executor: 'ex1', stage: 4, mapPartition: 2, attempt: 1 },
    });
    expect((await reduce((await map(2)).outcome.mapOutput)).values).toEqual([
      ['a', ['a value', 'a value']],
      ['b', ['a value']],
    ]);
  });

  it('refuse records that have no key', async () => {
    await expect(
      fixture.run(over([1], [], { kind: 'shuffle', by: 'pair', partitions: 1, combine: undefined })),
    ).rejects.toMatchObject({ code: 'USER_CODE', message: expect.stringContaining('[key, value]') });
  });
});

describe('user code that fails', () => {
  it('is told with its message and its line, and nothing of ours', async () => {
    const task = over([{ a: 1 }], [step('map', '(row) => {\n  const b = row.b;\n  return b.c;\n}')]);
    await expect(fixture.run(task)).rejects.toMatchObject({
      code: 'USER_CODE',
      message: `map (job.ts:1): TypeError: Cannot read properties of undefined (reading 'c') (line 3: return b.c;)`,
    });
  });

  it.each([
    ['throws a text', '() => { throw "no"; }', 'no'],
    ['throws its own error', '() => { class MyError extends Error {}; throw new MyError("mine"); }', 'mine'],
    ['does not compile', '(x) => {', 'does not compile'],
    ['calls itself for ever', 'function f(x) { return f(x) + 1; }', 'Maximum call stack'],
    ['returns a promise', 'async (x) => x', 'cannot hold a Promise'],
    ['returns a function', '(x) => () => x', 'cannot hold a function'],
    ['returns itself in itself', '(x) => { const a = {}; a.a = a; return a; }', 'holds itself'],
    ['makes code of text', '(x) => (() => {}).constructor("return 1")()', 'Code generation from strings'],
    ['looks for the process', '(x) => process.exit(1)', 'process is not defined'],
  ])('when it %s', async (_, source, message) => {
    await expect(fixture.run(over([1], [step('map', source)]))).rejects.toMatchObject({
      code: 'USER_CODE',
      message: expect.stringContaining(message),
    });
  });

  it('that reaches the process through a back door ends its thread only', async () => {
    const escape = '(x) => console.log.constructor("return process")().exit(3)';
    await expect(fixture.run(over([1], [step('map', escape)]))).rejects.toMatchObject({ code: 'USER_CODE' });
    expect(await valuesOf([1], step('map', '(x) => x'))).toEqual([1]);
  });

  it('finds no environment there', async () => {
    const escape = '(x) => Object.keys(console.log.constructor("return process")().env).length';
    expect(await valuesOf([1], step('map', escape))).toEqual([0]);
  });

  it('that never ends is ended when the task is cancelled', async () => {
    const controller = new AbortController();
    const running = fixture.run(over([1], [step('map', '() => { for (;;); }')]), {
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(), 300);
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await valuesOf([2], step('map', '(x) => x'))).toEqual([2]);
  });

  it('that takes all memory is told so', async () => {
    const hoard = '() => { const all = []; for (;;) all.push(new Array(1e5).fill(1.5)); }';
    await expect(fixture.run(over([1], [step('map', hoard)]))).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
    });
  });
});
