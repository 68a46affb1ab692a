import {
  type CallExpression,
  type MemberExpression,
  type Node,
  type ObjectExpression,
  parseExpressionAt,
  type Property,
  tokenizer,
  tokTypes,
} from 'acorn';
import { SANDBOX_GLOBALS } from '../../common/rdd/sandbox-globals.ts';
import { encodeValue } from '../../common/rdd/value-codec.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { RddBindingInput } from '../../proto/gen/quarry/RddBinding.ts';
import type { RddFunctionInput } from '../../proto/gen/quarry/RddFunction.ts';
import { freeVariables } from './free-variables.ts';

/** What a function uses of its surroundings: values, and functions that use nothing themselves. */
export type Bindings = Readonly<Record<string, unknown>>;

type AnyFunction = (...args: never[]) => unknown;

/**
 * The form in which a function goes to the executors: its source. It must use nothing but its arguments, `bindings` (its
 * last argument) and the language's own objects. Errors: CAPTURED_VARIABLE with details { variable, line },
 * INVALID_ARGUMENT for a function that has no source, is async or is a class, and for bindings that are no values.
 */
export function travellingFunction(
  fn: AnyFunction,
  operation: string,
  bindings: Bindings = {},
): RddFunctionInput {
  if (typeof fn !== 'function') {
    throw new QuarryError('INVALID_ARGUMENT', `${operation} takes a function, not a ${typeof fn}`);
  }
  const label = `${operation}${callSite()}`;
  return {
    source: checkedSource(fn, label),
    bindings: Object.fromEntries(
      Object.entries(bindings).map(([name, value]) => [name, binding(name, value, label)]),
    ),
    label,
  };
}

function binding(name: string, value: unknown, label: string): RddBindingInput {
  if (typeof value === 'function') {
    return { function: checkedSource(value as AnyFunction, `${label}: with.${name}`) };
  }
  try {
    return { value: encodeValue(value) };
  } catch (thrown) {
    const { message } = QuarryError.from(thrown);
    throw new QuarryError('INVALID_ARGUMENT', `${label}: with.${name} cannot travel: ${message}`, {
      cause: thrown,
    });
  }
}

function checkedSource(fn: AnyFunction, label: string): string {
  const source = expressionSource(Function.prototype.toString.call(fn), label);
  const node = functionOf(parse(source, label));
  refuseUncallable(node, label);
  const captured = freeVariables(node).find(({ name }) => !SANDBOX_GLOBALS.has(name));
  if (captured !== undefined) throw capturedVariable(captured.name, captured.line, label);
  return source;
}

/** The source as an expression: a method's `name() {}` becomes the only value of an object. */
function expressionSource(text: string, label: string): string {
  if (/\{\s*\[native code\]\s*\}$/.test(text)) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${label}: a built-in or bound function has no source to send: wrap it, as in (x) => f(x)`,
    );
  }
  return isMethod(text) ? `Object.values({ ${text} })[0]` : text;
}

/** Only methods start with neither `function`, `class`, `async` before those, nor an arrow function's parameters. */
function isMethod(text: string): boolean {
  try {
    const node = parseExpressionAt(text, 0, { ecmaVersion: 'latest' });
    return !isEndOf(text, node.end) || !/^(?:Function|ArrowFunction|Class)Expression$/.test(node.type);
  } catch {
    // `name() { ... }` is no expression: it is read again, with an object around it, and what is wrong is told then.
    return true;
  }
}

function isEndOf(text: string, offset: number): boolean {
  return tokenizer(text.slice(offset), { ecmaVersion: 'latest' }).getToken().type === tokTypes.eof;
}

function parse(source: string, label: string): Node {
  try {
    return parseExpressionAt(source, 0, { ecmaVersion: 'latest', locations: true });
  } catch (cause) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${label}: the function's source cannot be read: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** The function in what `expressionSource` made: itself, or the method in its object. */
function functionOf(expression: Node): Node {
  if (expression.type !== 'MemberExpression') return expression;
  const { object } = expression as MemberExpression;
  const property = ((object as CallExpression).arguments[0] as ObjectExpression).properties[0] as Property;
  return property.value;
}

function refuseUncallable(fn: Node, label: string): void {
  const { async: isAsync } = fn as Node & { async?: boolean };
  if (fn.type === 'ClassExpression') {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${label}: a class cannot be called: pass (x) => new C(x) and declare C inside`,
    );
  }
  if (isAsync === true) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${label}: an async function cannot run beside the data: compute the value and return it`,
    );
  }
}

function capturedVariable(name: string, line: number, label: string): QuarryError {
  return new QuarryError('CAPTURED_VARIABLE', `${label}: ${adviceFor(name, line)}`, {
    details: { variable: name, line },
  });
}

function adviceFor(name: string, line: number): string {
  switch (name) {
    case 'this':
    case 'super':
    case 'arguments':
    case 'new.target':
      return `the function uses ${name} (line ${line}), which stays behind: copy what it needs into { with: { ... } }`;
    case 'import':
    case 'import.meta':
    case 'require':
      return `the function uses ${name} (line ${line}): modules are not sent; declare what it needs inside the function`;
    case 'process':
    case 'setTimeout':
    case 'setInterval':
    case 'fetch':
      return `the function uses ${name} (line ${line}), which functions that run in an executor do not have`;
    default:
      return (
        `the function uses the variable ${name} (line ${line}) of its surroundings, which is not sent with it: ` +
        `pass it as { with: { ${name} } } and take it from the last argument, as in (row, { ${name} }) => ...`
      );
  }
}

const OWN_FOLDER = import.meta.dirname;

/** Where the program called us: ` (job.ts:12)`. */
function callSite(): string {
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  const frame = frames.find((line) => !line.includes(OWN_FOLDER));
  const match = /([^/\\( ]+):(\d+):\d+\)?$/.exec(frame ?? '');
  return match === null ? '' : ` (${match[1]}:${match[2]})`;
}
