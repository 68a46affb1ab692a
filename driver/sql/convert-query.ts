import { unsupported } from '../plan/errors.ts';
import {
  relation,
  type GroupType,
  type SqlParameters,
  type UnresolvedExpression,
  type UnresolvedRelation,
} from '../plan/unresolved.ts';
import { Ast } from './ast.ts';
import { ExpressionConverter, type QueryReader } from './convert-expression.ts';
import { FromConverter } from './convert-from.ts';

const SET_OPERATIONS = ['union', 'intersect', 'except'] as const;
type SetKind = (typeof SET_OPERATIONS)[number];

function isSet(node: Ast): boolean {
  return (SET_OPERATIONS as readonly string[]).includes(node.kind);
}

/** Queries of the parser's tree as the relations that a data frame would make. */
export class QueryConverter implements QueryReader {
  private readonly expressions: ExpressionConverter;

  constructor(parameters: SqlParameters) {
    this.expressions = new ExpressionConverter(parameters, this);
  }

  expression(node: Ast): UnresolvedExpression {
    return this.expressions.convert(node);
  }

  query(node: Ast): UnresolvedRelation {
    const body = this.body(node);
    const ctes = node.part('with')?.parts('ctes') ?? [];
    if (ctes.length === 0) return body;
    const tables = ctes.map((cte) => {
      const name = cte.identifier('alias') ?? '';
      const plan = this.query(cte.child('this'));
      const columns = cte.identifiers('columns');
      return {
        name,
        plan:
          columns.length === 0
            ? plan
            : relation({ kind: 'subquery-alias', input: plan, alias: name, columns }),
      };
    });
    return relation({ kind: 'with', input: body, tables });
  }

  private body(node: Ast): UnresolvedRelation {
    if (isSet(node)) return this.tail(node, this.setOperation(node));
    switch (node.kind) {
      case 'select':
        return this.select(node);
      case 'subquery':
        return this.tail(node, this.query(node.child('this')));
      case 'values':
        return this.values(node);
      default:
        throw unsupported(`The query form ${node.kind}`);
    }
  }

  values(node: Ast): UnresolvedRelation {
    const rows = node.parts('expressions').map((row) => {
      const cells = row.children('expressions');
      // VALUES 1, 2 and VALUES ((1, 'a')) are rows too.
      const flat =
        cells.length === 1 && cells[0]!.kind === 'tuple' ? cells[0]!.children('expressions') : cells;
      return this.expressions.all(flat);
    });
    return relation({ kind: 'values', rows });
  }

  private select(node: Ast): UnresolvedRelation {
    const windows = new Map(
      node.parts('windows').flatMap((window) => {
        const spec = window.part('spec');
        return spec === undefined ? [] : [[(window.identifier('name') ?? '').toLowerCase(), spec] as const];
      }),
    );
    const expressions = this.expressions.withWindows(windows);
    if (node.has('qualify')) throw unsupported('QUALIFY: filter a sub-query that has the window column. It');
    let input = new FromConverter(this, expressions).source(node);
    const where = node.part('where_clause');
    if (where !== undefined) {
      input = relation({ kind: 'filter', input, condition: expressions.convert(where.child('this')) });
    }
    const columns = node.children('expressions').flatMap((item) => selectItem(item, expressions));
    const selected = this.grouped(node, input, columns, expressions);
    const distinct = node.flag('distinct')
      ? relation({ kind: 'deduplicate', input: selected, columns: [] })
      : selected;
    return this.tail(node, distinct, expressions);
  }

  private grouped(
    node: Ast,
    input: UnresolvedRelation,
    columns: readonly UnresolvedExpression[],
    expressions: ExpressionConverter,
  ): UnresolvedRelation {
    const groupBy = node.part('group_by');
    const having = node.part('having');
    if (groupBy === undefined && having === undefined) return project(input, columns);
    const grouping =
      groupBy === undefined
        ? { group: 'group-by' as const, keys: [], sets: [] }
        : grouped(groupBy, columns, expressions);
    const aggregate = relation({
      kind: 'aggregate',
      input,
      group: grouping.group,
      groupBy: grouping.keys,
      columns,
      prependGroups: false,
      groupingSets: grouping.sets,
      pivot: undefined,
    });
    if (having === undefined) return aggregate;
    return relation({
      kind: 'filter',
      input: aggregate,
      condition: expressions.convert(having.child('this')),
    });
  }

  /** ORDER BY, SORT BY, LIMIT and OFFSET of a select or of a set operation. */
  private tail(node: Ast, given: UnresolvedRelation, expressions = this.expressions): UnresolvedRelation {
    let input = given;
    const orderBy = node.part('order_by');
    const sortBy = node.part('sort_by');
    for (const [part, global] of [
      [sortBy, false],
      [orderBy, true],
    ] as const) {
      if (part === undefined) continue;
      const orders = part.parts('expressions').map((order) => expressions.order(order));
      input = relation({ kind: 'sort', input, orders, global });
    }
    const offset = count(node.body['offset'], expressions);
    if (offset !== undefined) input = relation({ kind: 'offset', input, offset });
    const limit = count(node.body['limit'], expressions);
    if (limit !== undefined) input = relation({ kind: 'limit', input, limit });
    return input;
  }

  /** INTERSECT binds tighter than UNION and EXCEPT; the parser reads them all from left to right. */
  private setOperation(node: Ast): UnresolvedRelation {
    const left = node.child('left');
    if (node.kind === 'intersect' && (left.kind === 'union' || left.kind === 'except')) {
      return this.combine(
        left,
        this.query(left.child('left')),
        this.combine(node, this.query(left.child('right')), this.query(node.child('right'))),
      );
    }
    return this.combine(node, this.query(left), this.query(node.child('right')));
  }

  private combine(node: Ast, left: UnresolvedRelation, right: UnresolvedRelation): UnresolvedRelation {
    const operation = SET_OPERATIONS.find((kind): kind is SetKind => kind === node.kind)!;
    const byName = node.flag('by_name');
    const all = node.flag('all');
    const united = relation({
      kind: 'set-operation',
      left,
      right,
      operation,
      all: all || operation === 'union',
      byName,
      allowMissing: false,
    });
    return operation === 'union' && !all
      ? relation({ kind: 'deduplicate', input: united, columns: [] })
      : united;
  }
}

function selectItem(item: Ast, expressions: ExpressionConverter): UnresolvedExpression[] {
  if (item.kind !== 'star') return [expressions.convert(item)];
  const excepted = [
    ...item.identifiers('except'),
    ...item.children('except').flatMap((each) => each.identifier('name') ?? []),
  ];
  const star = expressions.convert(item);
  if (excepted.length === 0 || star.kind !== 'star') return [star];
  return [{ ...star, except: excepted }];
}

function project(input: UnresolvedRelation, columns: readonly UnresolvedExpression[]): UnresolvedRelation {
  return relation({ kind: 'project', input, columns });
}

interface Grouping {
  readonly group: GroupType;
  readonly keys: readonly UnresolvedExpression[];
  readonly sets: readonly (readonly UnresolvedExpression[])[];
}

function isAggregateCall(expression: UnresolvedExpression): boolean {
  if (expression.kind === 'alias') return isAggregateCall(expression.input);
  if (expression.kind !== 'function') return false;
  return AGGREGATES.has(expression.name.toLowerCase()) || expression.args.some(isAggregateCall);
}

const AGGREGATES: ReadonlySet<string> = new Set([
  'sum',
  'count',
  'avg',
  'min',
  'max',
  'first',
  'last',
  'collect_list',
  'collect_set',
  'stddev',
  'variance',
  'median',
  'any_value',
  'count_if',
  'mean',
]);

function grouped(
  node: Ast,
  columns: readonly UnresolvedExpression[],
  expressions: ExpressionConverter,
): Grouping {
  if (node.flag('all')) {
    const keys = columns.filter((column) => !isAggregateCall(column));
    return { group: 'group-by', keys: keys.map((key) => (key.kind === 'alias' ? key.input : key)), sets: [] };
  }
  const nodes = node.children('expressions');
  const only = nodes.length === 1 ? nodes[0] : undefined;
  const name = only?.kind === 'function' ? (only.text('name') ?? '').toUpperCase() : '';
  if (only !== undefined && (name === 'ROLLUP' || name === 'CUBE')) {
    return {
      group: name === 'CUBE' ? 'cube' : 'rollup',
      keys: expressions.all(only.children('args')),
      sets: [],
    };
  }
  if (only !== undefined && name === 'GROUPING SETS') {
    const sets = only
      .children('args')
      .map((set) => expressions.all(set.kind === 'tuple' ? set.children('expressions') : [set]));
    return { group: 'grouping-sets', keys: distinctKeys(sets.flat()), sets };
  }
  const suffix = nodes.at(-1);
  if (suffix !== undefined && (suffix.kind === 'rollup' || suffix.kind === 'cube')) {
    return { group: suffix.kind, keys: expressions.all(nodes.slice(0, -1)), sets: [] };
  }
  const flat = nodes.flatMap((each) => (each.kind === 'tuple' ? each.children('expressions') : [each]));
  return { group: 'group-by', keys: expressions.all(flat), sets: [] };
}

function distinctKeys(keys: readonly UnresolvedExpression[]): UnresolvedExpression[] {
  return [...new Map(keys.map((key) => [JSON.stringify(key), key])).values()];
}

function count(value: unknown, expressions: ExpressionConverter): number | undefined {
  if (value === undefined || value === null) return undefined;
  const wrapped = value as { this?: unknown };
  const node = wrapped.this === undefined ? Ast.maybe(value) : Ast.maybe(wrapped.this);
  if (
    node === undefined ||
    node.kind === 'all' ||
    (node.kind === 'column' && node.identifier('name')?.toLowerCase() === 'all')
  )
    return undefined;
  const literal = expressions.convert(node);
  if (literal.kind !== 'literal' || literal.value === null) throw unsupported('A LIMIT that is no constant');
  return Number(literal.value);
}
