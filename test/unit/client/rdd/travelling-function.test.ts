import { runInThisContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { hasCode, QuarryError } from '../../../../common/quarry-error.ts';
import { travellingFunction } from '../../../../client/rdd/travelling-function.ts';

type AnyFunction = (...args: never[]) => unknown;

/** The source as the program would have it at run time: nothing here is compiled with its surroundings. */
function functionOf(source: string): AnyFunction {
  return runInThisContext(`((outer, other) => (${source}))(1, 2)`) as AnyFunction;
}

function captured(source: string): string | undefined {
  try {
    travellingFunction(functionOf(source), 'map');
    return undefined;
  } catch (thrown) {
    if (!hasCode(thrown, 'CAPTURED_VARIABLE')) throw thrown;
    return String(thrown.details['variable']);
  }
}

describe('a function that uses only itself', () => {
  it.each([
    '(x) => x + 1',
    'x => ({ x })',
    '({ a, b: { c }, ...rest }) => a + c + Object.keys(rest).length',
    '([first, , third = 3, ...others]) => first + third + others.length',
    '(a, b = a, c = () => a + b) => c()',
    'function (x) { return arguments.length + x; }',
    'function named(n) { return n < 2 ? n : named(n - 1) + named(n - 2); }',
    '(x) => { const f = (y) => y + x; return f(1); }',
    '(x) => { var a = 1; { var b = a; } return b + x; }',
    '(x) => { return later(x); function later(y) { return y; } }',
    '(x) => { if (x) { function inBlock() { return 1; } } return inBlock; }',
    '(x) => { let total = 0; for (let i = 0; i < x; i++) total += i; return total; }',
    '(x) => { for (const key in x) { if (key) continue; } for (const [k, v] of Object.entries(x)) return k + v; }',
    '(x) => { outerLabel: for (;;) { for (;;) { break outerLabel; } } return x; }',
    '(x) => { try { return JSON.parse(x); } catch (error) { return error.message; } }',
    '(x) => { try { return JSON.parse(x); } catch ({ message }) { return message; } }',
    '(x) => { try { x(); } catch { return null; } finally { x(); } }',
    '(x) => { class Point { static zero = new Point(); #x = 1; y = this.#x; constructor(z) { this.z = z; } get q() { return this.z; } } return new Point(x).q; }',
    '(x) => { class A {} class B extends A { m() { return super.toString() + this.n; } } return new B(x); }',
    '(x) => ({ m() { return this.n; }, n: x, ["k" + x]: 1, get g() { return 2; } })',
    '(x) => x.outer + x?.other + x["outer"]',
    '(x) => `${x} ${Math.max(1, x)} ${x.toString()}`',
    '(x) => /outer(?<other>y)/.exec(x)',
    '(x) => { switch (x) { case 1: { let y = 1; return y; } default: const z = 2; return z; } }',
    '(x) => { let y; ({ y } = x); [y] = [x]; y ??= 1; return y; }',
    'function* (rows) { for (const row of rows) yield row; }',
    '(x) => [NaN, Infinity, undefined, globalThis.x, BigInt(1), new Intl.NumberFormat(), new URL(x), Buffer.from(x), structuredClone(x)]',
    '(x) => { const inner = __name((y) => y, "inner"); return inner(x); }',
    '(x) => { console.log(x); return new Date(x); }',
    '(x) => { function F() { return new.target; } return new F(x); }',
    '(function () { return function (x) { return x; }; })()',
    'Object.values({ method(x) { return x; } })[0]',
    'Object.values({ *rows(x) { yield x; } })[0]',
    'Object.values({ ["a" + 1](x) { return x; } })[0]',
    'Object.values({ "quoted name"(x) { return x; } })[0]',
  ])('travels: %s', (source) => {
    expect(captured(source)).toBeUndefined();
  });
});

describe('a function that uses a variable of its surroundings', () => {
  it.each([
    ['(x) => x + outer', 'outer'],
    ['(x) => ({ outer })', 'outer'],
    ['(x) => ({ [outer]: x })', 'outer'],
    ['(x) => x[outer]', 'outer'],
    ['(x = outer) => x', 'outer'],
    ['({ a = outer }) => a', 'outer'],
    ['(x) => { other = x; }', 'other'],
    ['(x) => { outer++; }', 'outer'],
    ['(x) => { ({ y: outer } = x); }', 'outer'],
    ['(x) => typeof outer', 'outer'],
    ['(x) => () => function () { return outer; }', 'outer'],
    ['(x) => { { let outer = 1; x(outer); } return outer; }', 'outer'],
    ['(x) => { for (let outer of x) {} return outer; }', 'outer'],
    ['(x) => { try {} catch (outer) {} return outer; }', 'outer'],
    ['(x) => { const f = function outer() {}; return outer; }', 'outer'],
    ['(x) => { class A extends outer {} return A; }', 'outer'],
    ['(x) => { class A { y = outer; } return A; }', 'outer'],
    ['(x) => { class A { [outer]() {} } return A; }', 'outer'],
    ['(x, y = () => z) => { var z = 1; return y; }', 'z'],
    ['(x) => outer`text ${x}`', 'outer'],
    ['(x) => x.map(outer)', 'outer'],
    ['(x) => this.rate * x', 'this'],
    ['(x) => { class A { y = this.z; } return () => this; }', 'this'],
    ['function (x) { return this.rate * x; }', 'this'],
    ['Object.values({ method(x) { return this.rate; } })[0]', 'this'],
    ['Object.values({ method(x) { return super.rate; } })[0]', 'super'],
    ['(x) => process.exit(x)', 'process'],
    ['(x) => require(x)', 'require'],
    ['(x) => import(x)', 'import'],
    ['(x) => setTimeout(x)', 'setTimeout'],
    ['(x) => fetch(x)', 'fetch'],
    ['(x) => eval(x)', 'eval'],
  ])('is refused: %s uses %s', (source, name) => {
    expect(captured(source)).toBe(name);
  });

  it('says which, where, and what to do', () => {
    const rates = { a: 2 };
    expect(() =>
      travellingFunction((row: { v: number; k: 'a' }) => {
        const factor = row.v;
        return factor * rates[row.k];
      }, 'map'),
    ).toThrow(
      expect.objectContaining({
        code: 'CAPTURED_VARIABLE',
        details: { variable: 'rates', line: 3 },
        message: expect.stringMatching(
          /^map \(travelling-function\.test\.ts:\d+\): .*variable rates \(line 3\).*\{ with: \{ rates \} \}/,
        ),
      }),
    );
  });
});

describe('bindings', () => {
  it('go along as values and sources', () => {
    const half = (x: number) => x / 2;
    const { bindings } = travellingFunction(
      (x: number, { rates, half }: { rates: Map<string, number>; half: (x: number) => number }) =>
        half(x) * (rates.get('a') ?? 0),
      'map',
      { rates: new Map([['a', 2]]), half },
    );
    expect(bindings).toEqual({
      rates: { value: '{"$q":"map","v":[["a",2]]}' },
      half: { function: half.toString() },
    });
  });

  it('are checked like the function itself', () => {
    const outer = 1;
    expect(() => travellingFunction((x: number) => x, 'map', { f: () => outer })).toThrow(
      expect.objectContaining({ code: 'CAPTURED_VARIABLE', details: { variable: 'outer', line: 1 } }),
    );
    expect(() => travellingFunction((x: number) => x, 'map', { s: Symbol('s') })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});

describe('what has no source to send', () => {
  it.each<[string, unknown]>([
    ['a built-in function', Math.max],
    ['a bound function', ((x: number) => x).bind(null)],
    ['a class', class {}],
    ['an async function', async (x: number) => x],
    ['a value', 'x'],
  ])('%s is refused', (_, fn) => {
    expect(() => travellingFunction(fn as AnyFunction, 'map')).toThrow(QuarryError);
    expect(() => travellingFunction(fn as AnyFunction, 'map')).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});
