import { analysisError } from '../errors.ts';
import type { Expression } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import { sqlTypeName } from '../types/simple-string.ts';
import {
  BINARY,
  BOOLEAN,
  DATE,
  DOUBLE,
  INTEGER,
  LONG,
  NULL,
  STRING,
  TIMESTAMP,
  commonType,
  isAtomic,
  isIntegral,
  isNumeric,
  isTimestamp,
  sameType,
} from '../types/coercion.ts';

export interface BindContext {
  /** `spark.sql.ansi.enabled`: errors where it is true, nulls where it is false. */
  readonly ansi: boolean;
}

/** A function applied to typed arguments. `key` differs from the name asked for where the types choose the meaning. */
export interface Bound {
  readonly key: string;
  readonly args: readonly Expression[];
  readonly type: SparkType;
  readonly nullable: boolean;
  /** Rows that an aggregate passes over by its own meaning. */
  readonly filter?: Expression;
}

/** What a template may look at: the types of the call and of its arguments. */
export interface RenderedCall {
  readonly type: SparkType;
  readonly args: readonly Expression[];
  readonly distinct?: boolean;
}

export interface LambdaParameter {
  readonly type: SparkType;
  readonly nullable: boolean;
}

export interface FunctionSpec {
  readonly key: string;
  readonly kind: 'scalar' | 'aggregate' | 'window' | 'generator';
  /** Coerces the arguments and says what comes out. Throws ANALYSIS. */
  readonly bind: (args: readonly Expression[], context: BindContext) => Bound;
  /** SQL of the kernel, from the SQL of the arguments. */
  readonly render: (args: readonly string[], call: RenderedCall) => string;
  /** Spark's name of the column that a bare call makes; by default `name(a, b)`. */
  readonly display?: (names: readonly string[]) => string;
  /** The template's type is already Spark's: no cast is put around it. */
  readonly exact?: boolean;
  /** Parameter types of the lambda at `index`, given the arguments before it. */
  readonly lambda?: (args: readonly Expression[], index: number, arity: number) => LambdaParameter[];
}

type Result = SparkType | ((args: readonly Expression[], context: BindContext) => SparkType);
type Template = string | ((args: readonly string[], call: RenderedCall) => string);

export interface SpecOptions {
  readonly kind?: FunctionSpec['kind'];
  /** 'any': null when an argument may be; 'never'; 'always'; or a rule. */
  readonly nullable?: 'any' | 'never' | 'always' | ((args: readonly Expression[]) => boolean);
  readonly display?: FunctionSpec['display'];
  readonly exact?: boolean;
  readonly lambda?: FunctionSpec['lambda'];
}

export function coerce(input: Expression, type: SparkType): Expression {
  if (sameType(input.type, type)) return input;
  if (input.kind === 'literal' && input.value === null) return { ...input, type };
  return { kind: 'cast', input, type, nullable: input.nullable, try: false };
}

function mismatch(name: string, input: Expression, index: number, wanted: string): Error {
  return analysisError(
    'DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE',
    `Cannot resolve "${name}" due to data type mismatch: argument ${index + 1} requires the "${wanted}" type, but it has the type "${sqlTypeName(input.type)}".`,
  );
}

const SIMPLE: Readonly<Record<string, SparkType>> = {
  string: STRING,
  int: INTEGER,
  long: LONG,
  double: DOUBLE,
  boolean: BOOLEAN,
  date: DATE,
  binary: BINARY,
};

function coerceNumeric(input: Expression, kind: string): Expression | undefined {
  if (input.type.kind === 'string' || input.type.kind === 'null') {
    return coerce(input, kind === 'integral' ? LONG : DOUBLE);
  }
  const fits = kind === 'integral' ? isIntegral(input.type) : isNumeric(input.type);
  return fits ? input : undefined;
}

/** Brings an argument to what a signature's word asks for; undefined when it cannot be. */
function coerceTo(input: Expression, kind: string): Expression | undefined {
  const type = input.type;
  const simple = SIMPLE[kind];
  if (simple !== undefined) {
    if (!isAtomic(type)) return undefined;
    if (type.kind === 'boolean' && isNumeric(simple)) return undefined;
    return coerce(input, simple);
  }
  switch (kind) {
    case 'numeric':
    case 'integral':
      return coerceNumeric(input, kind);
    case 'timestamp':
      return isTimestamp(type) ? input : isAtomic(type) ? coerce(input, TIMESTAMP) : undefined;
    case 'temporal':
      return isTimestamp(type) || type.kind === 'date'
        ? input
        : isAtomic(type)
          ? coerce(input, TIMESTAMP)
          : undefined;
    case 'text':
      return type.kind === 'binary' ? input : isAtomic(type) ? coerce(input, STRING) : undefined;
    case 'array':
    case 'map':
    case 'struct':
      return type.kind === kind || type.kind === 'null' ? input : undefined;
    case 'collection':
      return type.kind === 'array' || type.kind === 'map' || type.kind === 'null' ? input : undefined;
    default:
      return input;
  }
}

interface Parameter {
  readonly kind: string;
  readonly optional: boolean;
  readonly variadic: boolean;
}

function parseSignature(signature: string): Parameter[] {
  return signature
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => ({
      kind: word.replace(/^\.\.\./, '').replace(/\?$/, ''),
      optional: word.endsWith('?'),
      variadic: word.startsWith('...'),
    }));
}

function checkArity(name: string, parameters: readonly Parameter[], count: number): void {
  const minimum = parameters.filter((parameter) => !parameter.optional && !parameter.variadic).length;
  const maximum = parameters.some((parameter) => parameter.variadic)
    ? Number.POSITIVE_INFINITY
    : parameters.length;
  if (count >= minimum && count <= maximum) return;
  const expected = minimum === maximum ? `${minimum}` : `[${minimum}, ${maximum}]`;
  throw analysisError(
    'WRONG_NUM_ARGS.WITHOUT_SUGGESTION',
    `The \`${name}\` requires ${expected} parameters but the actual number is ${count}.`,
  );
}

/** Casts arguments to the type they all share. */
export function unify(name: string, args: readonly Expression[]): Expression[] {
  let type: SparkType = NULL;
  for (const arg of args) {
    const wider = commonType(type, arg.type);
    if (wider === undefined) {
      throw analysisError(
        'DATATYPE_MISMATCH.DATA_DIFF_TYPES',
        `Cannot resolve "${name}" due to data type mismatch: input should all be the same type, but it's ("${args.map((each) => sqlTypeName(each.type)).join('" or "')}").`,
      );
    }
    type = wider;
  }
  return args.map((arg) => coerce(arg, type));
}

export function bindSignature(
  name: string,
  signature: string,
  args: readonly Expression[],
): readonly Expression[] {
  const parameters = parseSignature(signature);
  checkArity(name, parameters, args.length);
  const last = parameters.at(-1);
  const kindAt = (index: number): string =>
    (parameters[index] ?? (last?.variadic === true ? last : undefined))?.kind ?? 'any';
  const coerced = args.map((arg, index) => {
    const result = coerceTo(arg, kindAt(index));
    if (result === undefined) throw mismatch(name, arg, index, kindAt(index).toUpperCase());
    return result;
  });
  const same = coerced.flatMap((_, index) => (kindAt(index) === 'same' ? [index] : []));
  if (same.length < 2) return coerced;
  const unified = unify(
    name,
    same.map((index) => coerced[index]!),
  );
  return coerced.map((arg, index) => (same.includes(index) ? unified[same.indexOf(index)]! : arg));
}

/** Fills `$1`, `$2`, ... and `$*` (all, with commas). */
export function fillTemplate(template: string, args: readonly string[]): string {
  return template.replaceAll(/\$(\*|\d)/g, (_, which: string) =>
    which === '*' ? args.join(', ') : (args[Number(which) - 1] ?? 'NULL'),
  );
}

function nullability(rule: SpecOptions['nullable'], args: readonly Expression[]): boolean {
  if (typeof rule === 'function') return rule(args);
  if (rule === 'never') return false;
  if (rule === 'always') return true;
  return args.some((arg) => arg.nullable);
}

export type FunctionTable = Map<string, FunctionSpec>;

/** Functions collected under their lower-case names; several names separated by blanks share one meaning. */
export class FunctionFamily {
  readonly table: FunctionTable = new Map();

  /**
   * Adds a scalar function. `signature` is a word for each argument: string, int, long, double, boolean, date, timestamp,
   * temporal, binary, text, numeric, integral, array, map, struct, collection, same, any; `?` ends an optional one,
   * `...` starts the last, repeated one.
   */
  add(names: string, signature: string, result: Result, template: Template, options: SpecOptions = {}): this {
    for (const name of names.split(' ')) {
      this.table.set(name, makeSpec(name, signature, result, template, options));
    }
    return this;
  }

  aggregate(
    names: string,
    signature: string,
    result: Result,
    template: Template,
    options: SpecOptions = {},
  ): this {
    return this.add(names, signature, result, template, {
      nullable: 'always',
      ...options,
      kind: 'aggregate',
    });
  }

  /** Adds a function with a binding of its own. */
  special(names: string, spec: Omit<FunctionSpec, 'key'>): this {
    for (const name of names.split(' ')) this.table.set(name, { ...spec, key: name });
    return this;
  }
}

function makeSpec(
  name: string,
  signature: string,
  result: Result,
  template: Template,
  options: SpecOptions,
): FunctionSpec {
  return {
    key: name,
    kind: options.kind ?? 'scalar',
    bind: (given, context) => {
      const args = bindSignature(name, signature, given);
      return {
        key: name,
        args,
        type: typeof result === 'function' ? result(args, context) : result,
        nullable: nullability(options.nullable, args),
      };
    },
    render: typeof template === 'function' ? template : (args) => fillTemplate(template, args),
    ...(options.display === undefined ? {} : { display: options.display }),
    ...(options.exact === undefined ? {} : { exact: options.exact }),
    ...(options.lambda === undefined ? {} : { lambda: options.lambda }),
  };
}

export function firstType(args: readonly Expression[]): SparkType {
  return args[0]!.type;
}

/** The value of a literal argument, or undefined when it is computed. */
export function literalText(arg: Expression | undefined): string | undefined {
  if (arg?.kind === 'cast') return literalText(arg.input);
  return arg?.kind === 'literal' && arg.value !== null && !Array.isArray(arg.value)
    ? String(arg.value)
    : undefined;
}

/** Evaluates a text once where a template needs it several times: DuckDB has no LET. */
export function bindOnce(name: string, value: string, body: string): string {
  return `list_transform([${value}], lambda ${name}: ${body})[1]`;
}

/** Raises a Spark error from within a kernel expression; kernel-error.ts reads this form. */
export function raise(errorClass: string, text: string, sqlState: string): string {
  return `error('[${errorClass}] ${text.replaceAll("'", "''")} SQLSTATE: ${sqlState}')`;
}

/** An argument that no cast can help. */
export function wrongType(key: string, arg: Expression, wanted: string): Error {
  return analysisError(
    'DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE',
    `Cannot resolve "${key}" due to data type mismatch: the first argument requires the "${wanted}" type, but it has the type "${sqlTypeName(arg.type)}".`,
  );
}
