import type { Expression } from '../expression.ts';
import { columnsOf, conjuncts } from '../expression-tree.ts';
import type { LogicalPlan, ScanFile } from '../logical-plan.ts';
import { inputsOf, withInputs } from '../plan-tree.ts';

type Scan = Extract<LogicalPlan, { kind: 'scan' }>;
/** Undefined where the value cannot be told here: the file is then kept. */
type Known = string | number | bigint | boolean | null | undefined;

const DAY_MS = 86_400_000;

function partitionValue(text: string | null, kind: string): Known {
  if (text === null) return null;
  switch (kind) {
    case 'string':
      return text;
    case 'byte':
    case 'short':
    case 'integer':
    case 'long':
      return /^-?\d+$/.test(text) ? BigInt(text) : undefined;
    case 'boolean':
      return text === 'true';
    case 'date':
      return /^\d{4}-\d{2}-\d{2}$/.test(text) ? BigInt(Date.parse(`${text}T00:00:00Z`) / DAY_MS) : undefined;
    default:
      return undefined;
  }
}

function literalValue(expression: Extract<Expression, { kind: 'literal' }>): Known {
  const { value, type } = expression;
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return type.kind === 'string' ? value : undefined;
  if (typeof value === 'bigint') return type.kind === 'long' ? value : undefined;
  if (typeof value === 'number')
    return Number.isInteger(value) && type.kind !== 'double' && type.kind !== 'float'
      ? BigInt(value)
      : undefined;
  return undefined;
}

function compare(name: string, left: Known, right: Known): Known {
  if (left === undefined || right === undefined) return undefined;
  if (left === null || right === null) return null;
  if (typeof left !== typeof right) return undefined;
  switch (name) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    default:
      return left >= right;
  }
}

function logic(name: 'and' | 'or', values: readonly Known[]): Known {
  const deciding = name === 'or';
  if (values.includes(deciding)) return deciding;
  if (values.includes(undefined)) return undefined;
  return values.includes(null) ? null : !deciding;
}

/** A condition's value for one file, by SQL's three-valued logic. */
function evaluate(expression: Expression, values: ReadonlyMap<number, Known>): Known {
  if (expression.kind === 'literal') return literalValue(expression);
  if (expression.kind === 'column') return values.get(expression.id);
  if (expression.kind === 'cast') return evaluateCast(expression, values);
  if (expression.kind !== 'call') return undefined;
  const args = expression.args.map((arg) => evaluate(arg, values));
  switch (expression.name) {
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compare(expression.name, args[0], args[1]);
    case 'and':
    case 'or':
      return logic(expression.name, args);
    case 'not':
      return typeof args[0] === 'boolean' ? !args[0] : args[0] === null ? null : undefined;
    case 'in':
      return logic(
        'or',
        args.slice(1).map((item) => compare('==', args[0], item)),
      );
    case 'between':
      return logic('and', [compare('>=', args[0], args[1]), compare('<=', args[0], args[2])]);
    case 'isnull':
      return args[0] === undefined ? undefined : args[0] === null;
    case 'isnotnull':
      return args[0] === undefined ? undefined : args[0] !== null;
    default:
      return undefined;
  }
}

const WHOLE: ReadonlySet<string> = new Set(['byte', 'short', 'integer', 'long']);

/** Casts that keep a whole number whole, and texts of dates: `day = '2017-01-01'`. */
function evaluateCast(
  cast: Extract<Expression, { kind: 'cast' }>,
  values: ReadonlyMap<number, Known>,
): Known {
  const value = evaluate(cast.input, values);
  if (value === undefined || value === null) return value;
  if (WHOLE.has(cast.input.type.kind) && WHOLE.has(cast.type.kind)) return value;
  if (cast.input.type.kind === 'string' && cast.type.kind === 'date')
    return partitionValue(String(value), 'date');
  if (cast.input.type.kind === 'string' && cast.type.kind === 'long')
    return partitionValue(String(value), 'long');
  return undefined;
}

function mayMatch(scan: Scan, file: ScanFile, conditions: readonly Expression[]): boolean {
  const stored = scan.output.length - scan.partitionColumnCount;
  const values = new Map<number, Known>();
  for (const [index, attribute] of scan.output.slice(stored).entries()) {
    const position = scan.partitionIndexes?.[index] ?? index;
    values.set(attribute.id, partitionValue(file.partitionValues[position] ?? null, attribute.type.kind));
  }
  return conditions.every((condition) => {
    const known = evaluate(condition, values);
    return known === undefined || known === true;
  });
}

/** Drops files whose directory names cannot satisfy the filter that stands on their scan. */
export function prunePartitions(plan: LogicalPlan): LogicalPlan {
  const pruned = withInputs(plan, inputsOf(plan).map(prunePartitions));
  if (pruned.kind !== 'filter' || pruned.input.kind !== 'scan' || pruned.input.partitionColumnCount === 0) {
    return pruned;
  }
  const scan = pruned.input;
  const stored = scan.output.length - scan.partitionColumnCount;
  const partitionIds = new Set(scan.output.slice(stored).map(({ id }) => id));
  const conditions = conjuncts(pruned.condition).filter((condition) =>
    [...columnsOf(condition)].every((id) => partitionIds.has(id)),
  );
  if (conditions.length === 0) return pruned;
  const files = scan.files.filter((file) => mayMatch(scan, file, conditions));
  return files.length === scan.files.length ? pruned : { ...pruned, input: { ...scan, files } };
}
