import type { Expression } from './expression.ts';

type Aggregate = Extract<Expression, { kind: 'aggregate' }>;

export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'column':
    case 'literal':
    case 'lambda-variable':
      return [];
    case 'cast':
      return [expression.input];
    case 'call':
      return expression.args;
    case 'aggregate':
      return expression.filter === undefined ? expression.args : [...expression.args, expression.filter];
    case 'window':
      return [expression.input, ...expression.partitionBy, ...expression.orderBy.map((order) => order.input)];
    case 'case':
      return [
        ...expression.branches.flatMap(({ when, result }) => [when, result]),
        ...(expression.otherwise === undefined ? [] : [expression.otherwise]),
      ];
    case 'lambda':
      return [expression.body];
  }
}

/** Rebuilds an expression from the top: where `replace` answers, that stands in the node's place, else its children are visited. */
export function transform(
  expression: Expression,
  replace: (node: Expression) => Expression | undefined,
): Expression {
  const replaced = replace(expression);
  if (replaced !== undefined) return replaced;
  const visit = (child: Expression): Expression => transform(child, replace);
  switch (expression.kind) {
    case 'column':
    case 'literal':
    case 'lambda-variable':
      return expression;
    case 'cast':
      return { ...expression, input: visit(expression.input) };
    case 'call':
      return { ...expression, args: expression.args.map(visit) };
    case 'aggregate':
      return {
        ...expression,
        args: expression.args.map(visit),
        filter: expression.filter === undefined ? undefined : visit(expression.filter),
      };
    case 'window':
      return {
        ...expression,
        input: visit(expression.input),
        partitionBy: expression.partitionBy.map(visit),
        orderBy: expression.orderBy.map((order) => ({ ...order, input: visit(order.input) })),
      };
    case 'case':
      return {
        ...expression,
        branches: expression.branches.map(({ when, result }) => ({
          when: visit(when),
          result: visit(result),
        })),
        otherwise: expression.otherwise === undefined ? undefined : visit(expression.otherwise),
      };
    case 'lambda':
      return { ...expression, body: visit(expression.body) };
  }
}

export function some(expression: Expression, test: (node: Expression) => boolean): boolean {
  return test(expression) || childrenOf(expression).some((child) => some(child, test));
}

/** Ids of the columns that an expression reads. */
export function columnsOf(expression: Expression, into: Set<number> = new Set()): Set<number> {
  if (expression.kind === 'column') into.add(expression.id);
  for (const child of childrenOf(expression)) columnsOf(child, into);
  return into;
}

/** Aggregates that are not inside a window; those are part of the window. */
export function aggregatesOf(expression: Expression, into: Aggregate[] = []): Aggregate[] {
  if (expression.kind === 'aggregate') into.push(expression);
  else if (expression.kind === 'window') {
    for (const child of childrenOf(expression).slice(1)) aggregatesOf(child, into);
    for (const child of childrenOf(expression.input)) aggregatesOf(child, into);
  } else for (const child of childrenOf(expression)) aggregatesOf(child, into);
  return into;
}

export function hasWindow(expression: Expression): boolean {
  return some(expression, (node) => node.kind === 'window');
}

/** True where a row can make several rows. */
export function hasGenerator(expression: Expression): boolean {
  return some(expression, (node) => node.kind === 'call' && GENERATORS.has(node.name));
}

const GENERATORS: ReadonlySet<string> = new Set(['$generate', '$generate_fields']);

const VOLATILE: ReadonlySet<string> = new Set(['rand', 'randn', 'uuid', 'monotonically_increasing_id']);

/** False where a second evaluation may give another value, so that the expression must stay where it is. */
export function isDeterministic(expression: Expression): boolean {
  return !some(expression, (node) => node.kind === 'call' && VOLATILE.has(node.name));
}

/** Equal for expressions that mean the same computation: the identity of grouping keys and of repeated aggregates. */
export function expressionKey(expression: Expression): string {
  return JSON.stringify(expression, (key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    return key === 'nullable' || key === 'valueContainsNull' || key === 'containsNull' ? undefined : value;
  });
}

/** The conditions that an AND joins. */
export function conjuncts(condition: Expression): Expression[] {
  if (condition.kind === 'call' && condition.name === 'and') return condition.args.flatMap(conjuncts);
  return [condition];
}

export function conjunction(conditions: readonly Expression[]): Expression | undefined {
  if (conditions.length === 0) return undefined;
  return conditions.reduce((left, right) => ({
    kind: 'call',
    name: 'and',
    args: [left, right],
    type: { kind: 'boolean' },
    nullable: left.nullable || right.nullable,
  }));
}
