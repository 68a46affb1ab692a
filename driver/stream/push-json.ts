import type { Attribute, Expression, NamedExpression } from '../plan/expression.ts';
import {
  columnsOf,
  expressionKey,
  hasGenerator,
  hasWindow,
  isDeterministic,
  transform,
} from '../plan/expression-tree.ts';
import { isLogFormat } from '../plan/log-options.ts';
import type { JsonColumn, LogicalPlan } from '../plan/logical-plan.ts';
import { pruneColumns } from '../plan/optimize/prune-columns.ts';
import { expressionsOf, inputsOf, mapExpressions, withInputs } from '../plan/plan-tree.ts';
import type { SparkType } from '../plan/spark-type.ts';
import { sameType, STRING } from '../plan/types/coercion.ts';

type Node<Kind extends LogicalPlan['kind']> = Extract<LogicalPlan, { kind: Kind }>;
type Source = Node<'stream-source'>;

const FROM_JSON = '$from_json';
const FIELD = '$field';
/** No session's ids and none of a batch's come near. */
const FIRST_ID = 1_300_000_000;

/**
 * Fields that are read out of a record's value by from_json, directly above the log: the kernel's own JSON reader reads just them
 * while it loads the records, several times as fast as taking each value apart, and the value itself need not be loaded.
 */
export function pushJson(plan: LogicalPlan): LogicalPlan {
  let nextId = FIRST_ID;
  const fresh = () => nextId++;
  const pushed = push(merge(plan, fresh), fresh);
  return pruneColumns(pushed, new Set(plan.output.map(({ id }) => id)));
}

function isParser(expression: Expression): boolean {
  return expression.kind === 'call' && expression.name === FROM_JSON;
}

interface Parsers {
  readonly values: ReadonlyMap<number, Expression>;
  readonly ids: ReadonlySet<number>;
}

/** What a projection's columns are, where some of them are parsed values and all may be computed anywhere. */
function parsersOf(plan: Node<'project'>): Parsers | undefined {
  const values = new Map(plan.columns.map(({ value }, index) => [plan.output[index]!.id, value]));
  const ids = new Set([...values].filter(([, value]) => isParser(value)).map(([id]) => id));
  const isPlain = (value: Expression) => isDeterministic(value) && !hasGenerator(value) && !hasWindow(value);
  return ids.size > 0 && plan.columns.every(({ value }) => isPlain(value)) ? { values, ids } : undefined;
}

/** `select('j.*')` over `select(from_json(...) as j)` as one projection: only there the fields that count are to be seen. */
function merge(plan: LogicalPlan, nextId: () => number): LogicalPlan {
  const merged = withInputs(
    plan,
    inputsOf(plan).map((input) => merge(input, nextId)),
  );
  if (merged.kind !== 'project' && merged.kind !== 'aggregate') return merged;
  const below = merged.input;
  const parsers = below.kind === 'project' ? parsersOf(below) : undefined;
  if (below.kind !== 'project' || parsers === undefined) return merged;
  if (expressionsOf(merged).some((value) => hasWindow(value) || usesWhole(value, parsers.ids))) return merged;
  if (merged.kind === 'aggregate') return merge(withFieldsBelow(merged, below, parsers, nextId), nextId);
  const columns = merged.columns.map(
    (column): NamedExpression => ({
      ...column,
      value: transform(column.value, (node) =>
        node.kind === 'column' ? parsers.values.get(node.id) : undefined,
      ),
    }),
  );
  const { hidden: _, ...rest } = merged;
  return merge({ ...rest, columns, input: below.input }, nextId);
}

/** An aggregate of fields, over a projection that makes them: only projections are merged. */
function withFieldsBelow(
  plan: Node<'aggregate'>,
  below: Node<'project'>,
  { ids }: Parsers,
  nextId: () => number,
): LogicalPlan {
  const kept = below.output
    .filter(({ id }) => !ids.has(id))
    .map(
      (attribute): NamedExpression => ({
        attribute,
        value: { kind: 'column', id: attribute.id, type: attribute.type, nullable: attribute.nullable },
      }),
    );
  const fields = new Map<string, NamedExpression>();
  const above = mapExpressions(plan, (expression) =>
    transform(expression, (node) => {
      if (!isFieldOf(node, ids)) return undefined;
      const key = expressionKey(node);
      const field = fields.get(key) ?? { attribute: made(nextId(), 'field', node.type), value: node };
      fields.set(key, field);
      return { kind: 'column', id: field.attribute.id, type: node.type, nullable: true };
    }),
  );
  const columns = [...kept, ...fields.values()];
  const output = columns.map(({ attribute }) => attribute);
  return withInputs(above, [{ kind: 'project', output, input: below, columns }]);
}

function isFieldOf(node: Expression, parsed: ReadonlySet<number>): boolean {
  if (node.kind !== 'call' || node.name !== FIELD) return false;
  const [struct] = node.args;
  return struct?.kind === 'column' && parsed.has(struct.id);
}

/** True where a parsed value is used otherwise than by one of its fields. */
function usesWhole(expression: Expression, parsed: ReadonlySet<number>): boolean {
  const without = transform(expression, (node) =>
    isFieldOf(node, parsed) ? { kind: 'literal', value: null, type: node.type, nullable: true } : undefined,
  );
  return [...columnsOf(without)].some((id) => parsed.has(id));
}

function push(plan: LogicalPlan, nextId: () => number): LogicalPlan {
  const source = sourceBelow(plan);
  if (source === undefined)
    return withInputs(
      plan,
      inputsOf(plan).map((input) => push(input, nextId)),
    );
  const value = source.output.find(({ name }) => name === 'value');
  if (value === undefined) return plan;
  const columns = new Map<string, JsonColumn>();
  const columnOf = (field: string, type: SparkType): Expression | undefined => {
    const known = columns.get(field);
    if (known !== undefined && !sameType(known.attribute.type, type)) return undefined;
    const attribute = known?.attribute ?? made(nextId(), field, type);
    columns.set(field, { field, attribute });
    return { kind: 'column', id: attribute.id, type, nullable: true };
  };
  const replaced = replaceFields(plan, value, columnOf);
  if (columns.size === 0) return plan;
  // The kernel's reader tells columns apart without case.
  const names = new Set([...columns.keys()].map((name) => name.toLowerCase()));
  return names.size === columns.size ? withJson(replaced, [...columns.values()]) : plan;
}

/** The log below a projection and filters, with nothing else between. */
function sourceBelow(plan: LogicalPlan): Source | undefined {
  if (plan.kind !== 'project' && plan.kind !== 'filter') return undefined;
  const { input } = plan;
  if (input.kind === 'stream-source') return isLogFormat(input.format) ? input : undefined;
  return input.kind === 'filter' ? sourceBelow(input) : undefined;
}

function replaceFields(
  plan: LogicalPlan,
  value: Attribute,
  columnOf: (field: string, type: SparkType) => Expression | undefined,
): LogicalPlan {
  const replaced = mapExpressions(plan, (expression) =>
    transform(expression, (node) => {
      const field = fieldOf(node, value);
      return field === undefined ? undefined : columnOf(field, node.type);
    }),
  );
  return withInputs(
    replaced,
    inputsOf(replaced).map((input) => replaceFields(input, value, columnOf)),
  );
}

/** The field's name in `from_json(cast(value as string), schema).name` and `get_json_object(cast(value as string), '$.name')`. */
function fieldOf(node: Expression, value: Attribute): string | undefined {
  if (node.kind !== 'call') return undefined;
  const [first, second] = node.args;
  if (first === undefined || second?.kind !== 'literal' || typeof second.value !== 'string') return undefined;
  if (node.name === 'get_json_object') {
    return isText(first, value) ? /^\$\.([A-Za-z_]\w*)$/.exec(second.value)?.[1] : undefined;
  }
  if (node.name !== FIELD || first.kind !== 'call' || first.name !== FROM_JSON) return undefined;
  const [text, options] = first.args;
  return isText(text, value) && isDefault(options, second.value) ? second.value : undefined;
}

function isText(expression: Expression | undefined, value: Attribute): boolean {
  return (
    expression?.kind === 'cast' &&
    expression.type.kind === STRING.kind &&
    expression.input.kind === 'column' &&
    expression.input.id === value.id
  );
}

/** Formats of times, failing on malformed values and the field for those are from_json's own business. */
function isDefault(options: Expression | undefined, field: string): boolean {
  if (options?.kind !== 'literal' || typeof options.value !== 'string') return false;
  const given = JSON.parse(options.value) as Record<string, unknown>;
  const corrupt = given['corruptField'] ?? '_corrupt_record';
  return (
    given['failFast'] !== true &&
    !('timestampFormat' in given) &&
    !('dateFormat' in given) &&
    field !== corrupt
  );
}

function withJson(plan: LogicalPlan, json: readonly JsonColumn[]): LogicalPlan {
  const added = json.map(({ attribute }) => attribute);
  if (plan.kind === 'stream-source') return { ...plan, output: [...plan.output, ...added], json };
  const inputs = inputsOf(plan).map((input) => withJson(input, json));
  const above = withInputs(plan, inputs);
  return above.kind === 'filter' ? { ...above, output: [...above.output, ...added] } : above;
}

function made(id: number, name: string, type: SparkType): Attribute {
  return { id, name, type, nullable: true, planIds: [], qualifiers: [] };
}
