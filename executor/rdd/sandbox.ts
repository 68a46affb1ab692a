import { createContext, runInContext, Script } from 'node:vm';
import { ADDED_GLOBALS, SANDBOX_GLOBALS } from '../../common/rdd/sandbox-globals.ts';
import { decodeValue, type Realm } from '../../common/rdd/value-codec.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { RddFunction } from '../../proto/gen/quarry/RddFunction.ts';

/** Marks frames of user code in a stack. */
const FILE_PREFIX = 'quarry-function-';

/** A function of the user, with its bindings behind its own arguments. */
export type UserFunction = (...args: readonly unknown[]) => unknown;

export type ConsoleLevel = 'debug' | 'info' | 'warn' | 'error';

interface Intrinsics extends Realm {
  readonly Object: ObjectConstructor;
}

/**
 * One context for the functions of one task: what they do to built-in objects ends with it. It keeps jobs from stepping on
 * each other's toes; it is no wall against malice, which is why the thread has no secrets to give away.
 */
export class Sandbox {
  readonly realm: Realm;
  /** An array of two in the functions' own realm, so that `instanceof Array` holds there. */
  readonly pair: (first: unknown, second: unknown) => unknown[];
  readonly list: () => unknown[];
  readonly #context: object;
  readonly #globals: readonly string[];
  readonly #values: readonly unknown[];
  readonly #functions: RddFunction[] = [];

  constructor(print: (level: ConsoleLevel, text: string) => void) {
    this.#context = createContext(addedGlobals(print), { codeGeneration: { strings: false, wasm: false } });
    this.realm = this.#run('({ JSON, Date, Map, Set, Uint8Array, Object })') as Intrinsics;
    this.pair = this.#run('(first, second) => [first, second]') as Sandbox['pair'];
    this.list = this.#run('() => []') as Sandbox['list'];
    // Looked up as globals of a context they would cost an interceptor call each time; as parameters they are plain variables.
    this.#globals = [...SANDBOX_GLOBALS].filter((name) => name !== 'globalThis' && this.#has(name));
    this.#values = this.#globals.map((name) => this.#run(name));
  }

  /** Errors: USER_CODE for a source that does not compile or does not give a function. */
  compile(fn: RddFunction): UserFunction {
    const call = this.#evaluate(fn, fn.source);
    const names = Object.keys(fn.bindings);
    if (names.length === 0) return call;
    const bindings = this.#run('({})') as Record<string, unknown>;
    for (const [name, binding] of Object.entries(fn.bindings)) {
      bindings[name] =
        binding.binding === 'function'
          ? this.#evaluate(fn, binding.function ?? '')
          : decodeValue(binding.value ?? 'null', this.realm);
    }
    return withLast(call, bindings);
  }

  /** What was thrown while functions ran, as the caller of the job should see it. */
  explain(thrown: unknown): QuarryError {
    if (thrown instanceof QuarryError) {
      // The codec's complaint about a record that cannot travel: the functions made it.
      return thrown.code === 'INVALID_ARGUMENT' ? new QuarryError('USER_CODE', thrown.message) : thrown;
    }
    if (typeof thrown !== 'object' || thrown === null) {
      return new QuarryError('USER_CODE', `a function threw ${String(thrown)}`);
    }
    const { name, message, stack } = thrown as Partial<Error>;
    const frame = new RegExp(`${FILE_PREFIX}(\\d+):(\\d+)`).exec(String(stack));
    if (frame === null) {
      if (thrown instanceof Error) return new QuarryError('INTERNAL', thrown.message, { cause: thrown });
      return new QuarryError('USER_CODE', `a function threw ${describe(thrown)}`);
    }
    const fn = this.#functions[Number(frame[1])];
    const line = Number(frame[2]);
    const text = fn?.source.split('\n')[line - 1]?.trim() ?? '';
    const place = text === '' ? `line ${line}` : `line ${line}: ${text.slice(0, 200)}`;
    return new QuarryError(
      'USER_CODE',
      `${fn?.label ?? 'a function'}: ${String(name ?? 'Error')}: ${String(message)} (${place})`,
      { details: { line } },
    );
  }

  #evaluate(fn: RddFunction, source: string): UserFunction {
    const filename = `${FILE_PREFIX}${this.#functions.length}`;
    this.#functions.push({ ...fn, source });
    let value: unknown;
    try {
      // All on the source's first line, so that its own line numbers hold.
      const wrapped = `(function (${this.#globals.join(', ')}) { "use strict"; return (${source}\n); })`;
      const make = new Script(wrapped, { filename }).runInContext(this.#context) as UserFunction;
      value = make(...this.#values);
    } catch (thrown) {
      throw new QuarryError('USER_CODE', `${fn.label}: the function does not compile: ${String(thrown)}`, {
        cause: thrown,
      });
    }
    if (typeof value !== 'function')
      throw new QuarryError('USER_CODE', `${fn.label}: the source gives no function`);
    return value as UserFunction;
  }

  #has(name: string): boolean {
    return this.#run(`typeof ${name} !== 'undefined' || '${name}' in globalThis`) as boolean;
  }

  #run(code: string): unknown {
    return runInContext(code, this.#context);
  }
}

/** Spread only where there may be more than two arguments: most calls are of one. */
function withLast(call: UserFunction, bindings: unknown): UserFunction {
  return (...args) => {
    switch (args.length) {
      case 1:
        return call(args[0], bindings);
      case 2:
        return call(args[0], args[1], bindings);
      default:
        return call(...args, bindings);
    }
  };
}

function addedGlobals(
  print: (level: ConsoleLevel, text: string) => void,
): Record<(typeof ADDED_GLOBALS)[number], unknown> {
  const write =
    (level: ConsoleLevel) =>
    (...args: readonly unknown[]) =>
      print(level, args.map(describe).join(' '));
  return {
    Buffer,
    TextDecoder,
    TextEncoder,
    URL,
    URLSearchParams,
    atob,
    btoa,
    structuredClone,
    console: {
      debug: write('debug'),
      log: write('info'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    },
    __name: (target: object, name: string) =>
      Object.defineProperty(target, 'name', { value: name, configurable: true }),
  };
}

function describe(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // A cycle, or a bigint in it: its kind has to do.
    return Object.prototype.toString.call(value);
  }
}
