import { assert } from '../../../common/assert.ts';
import type { Expression, SortOrder } from '../expression.ts';
import { functionSpec } from '../functions/function-table.ts';
import type { SparkType } from '../spark-type.ts';
import { duckdbType, quoteIdentifier } from '../types/duckdb-type.ts';
import { renderCast } from './render-cast.ts';
import { renderLiteral } from './render-literal.ts';

/** Expressions nest as deep as a user's program makes them; deeper than this the kernel's own parser gives up. */
const DEPTH_MAX = 900;

type CallNode = Extract<Expression, { kind: 'call' }>;
type AggregateNode = Extract<Expression, { kind: 'aggregate' }>;
type WindowNode = Extract<Expression, { kind: 'window' }>;

export function columnName(id: number): string {
  return `c${id}`;
}

/** SQL of a resolved expression: columns by `c<id>`, of exactly the type that the node says. */
export function renderExpression(expression: Expression): string {
  return render(expression, 0);
}

function render(expression: Expression, depth: number): string {
  assert(depth < DEPTH_MAX, 'the analyzer bounds the depth of expressions');
  const next = (child: Expression): string => render(child, depth + 1);
  switch (expression.kind) {
    case 'column':
      return columnName(expression.id);
    case 'literal':
      return renderLiteral(expression.value, expression.type);
    case 'cast':
      return renderCast(next(expression.input), expression.input.type, expression.type, expression.try);
    case 'call':
      return renderCall(expression, next);
    case 'aggregate':
      return renderAggregate(expression, next);
    case 'window':
      return renderWindow(expression, next);
    case 'case': {
      const branches = expression.branches.map(
        ({ when, result }) => `WHEN ${next(when)} THEN ${next(result)}`,
      );
      const otherwise = expression.otherwise === undefined ? '' : ` ELSE ${next(expression.otherwise)}`;
      return `CASE ${branches.join(' ')}${otherwise} END`;
    }
    case 'lambda': {
      const parameters = expression.parameters.map((name) => quoteIdentifier(name));
      return `lambda ${parameters.join(', ')}: ${next(expression.body)}`;
    }
    case 'lambda-variable':
      return quoteIdentifier(expression.name);
  }
}

function typed(sql: string, type: SparkType, exact: boolean): string {
  // A struct's fields are made under their own names already, and a cast by name could only lose them.
  return exact || type.kind === 'struct' || type.kind === 'null'
    ? sql
    : `CAST(${sql} AS ${duckdbType(type)})`;
}

function renderCall(call: CallNode, next: (child: Expression) => string): string {
  const spec = functionSpec(call.name);
  assert(spec !== undefined, `no function ${call.name}`);
  return typed(spec.render(call.args.map(next), call), call.type, spec.exact === true);
}

function renderAggregate(call: AggregateNode, next: (child: Expression) => string): string {
  return typed(aggregateCall(call, next), call.type, functionSpec(call.name)?.exact === true);
}

/** Marks where FILTER (and OVER) belong in a template that puts something around the kernel's aggregate. */
export const FILTER_MARK = '/*filter*/';

function aggregateCall(call: AggregateNode, next: (child: Expression) => string, over = ''): string {
  const spec = functionSpec(call.name);
  assert(spec !== undefined, `no aggregate ${call.name}`);
  const args = call.args.map(next);
  if (call.distinct && args.length > 0) args[0] = `DISTINCT ${args[0]}`;
  const sql = spec.render(args, call);
  const filter = call.filter === undefined ? '' : ` FILTER (WHERE ${next(call.filter)})`;
  return sql.includes(FILTER_MARK)
    ? sql.split(FILTER_MARK).join(`${filter}${over}`)
    : `${sql}${filter}${over}`;
}

export function renderOrder(order: SortOrder): string {
  return renderOrderWith(order, renderExpression);
}

function renderOrderWith(order: SortOrder, next: (child: Expression) => string): string {
  return `${next(order.input)} ${order.ascending ? 'ASC' : 'DESC'} NULLS ${order.nullsFirst ? 'FIRST' : 'LAST'}`;
}

function renderWindow(window: WindowNode, next: (child: Expression) => string): string {
  const parts = [
    window.partitionBy.length === 0 ? '' : `PARTITION BY ${window.partitionBy.map(next).join(', ')}`,
    window.orderBy.length === 0
      ? ''
      : `ORDER BY ${window.orderBy.map((order) => renderOrderWith(order, next)).join(', ')}`,
    window.frame ?? '',
  ].filter((part) => part !== '');
  const over = ` OVER (${parts.join(' ')})`;
  const input = window.input;
  if (input.kind === 'aggregate') return typed(aggregateCall(input, next, over), window.type, false);
  assert(input.kind === 'call', 'a window holds a function');
  const spec = functionSpec(input.name);
  assert(spec !== undefined, `no window function ${input.name}`);
  return typed(`${spec.render(input.args.map(next), input)}${over}`, window.type, false);
}
