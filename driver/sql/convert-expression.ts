import { analysisError, unsupported } from '../plan/errors.ts';
import {
  callOf,
  type SqlParameters,
  type UnresolvedExpression,
  type UnresolvedOrder,
  type UnresolvedRelation,
  type WindowBound,
} from '../plan/unresolved.ts';
import { Ast } from './ast.ts';
import { convertFunction, convertWithinGroup } from './convert-function.ts';
import { convertInterval, convertLiteral } from './convert-literal.ts';
import { convertType } from './convert-type.ts';

const BINARY: Readonly<Record<string, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  mod: '%',
  eq: '==',
  neq: '!=',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
  and: 'and',
  or: 'or',
  null_safe_eq: '<=>',
  concat: 'concat',
  bitwise_and: '&',
  bitwise_or: '|',
  bitwise_xor: '^',
  bitwise_left_shift: 'shiftleft',
  bitwise_right_shift: 'shiftright',
};

export interface QueryReader {
  query(node: Ast): UnresolvedRelation;
}

/** Expressions of the parser's tree in the analyzer's form. */
export class ExpressionConverter {
  private readonly parameters: SqlParameters;
  private readonly queries: QueryReader;
  private readonly windows: ReadonlyMap<string, Ast>;
  readonly convert = (node: Ast): UnresolvedExpression => this.one(node);

  constructor(
    parameters: SqlParameters,
    queries: QueryReader,
    windows: ReadonlyMap<string, Ast> = new Map(),
  ) {
    this.parameters = parameters;
    this.queries = queries;
    this.windows = windows;
  }

  /** The converter inside a SELECT that names windows. */
  withWindows(windows: ReadonlyMap<string, Ast>): ExpressionConverter {
    return windows.size === 0 ? this : new ExpressionConverter(this.parameters, this.queries, windows);
  }

  all(nodes: readonly Ast[]): UnresolvedExpression[] {
    return nodes.map(this.convert);
  }

  private one(node: Ast): UnresolvedExpression {
    const binary = BINARY[node.kind];
    if (binary !== undefined && node.has('left')) {
      return callOf(binary, this.one(node.child('left')), this.one(node.child('right')));
    }
    switch (node.kind) {
      case 'literal':
        return convertLiteral(node);
      case 'raw_string':
        return { kind: 'literal', value: node.text('value') ?? '', type: { kind: 'string' } };
      case 'boolean':
        return { kind: 'literal', value: node.flag('value'), type: { kind: 'boolean' } };
      case 'null':
        return { kind: 'literal', value: null, type: { kind: 'null' } };
      case 'column':
      case 'dot':
        return this.column(node);
      case 'identifier':
        return { kind: 'attribute', parts: [node.text('name') ?? ''], planId: undefined };
      case 'star': {
        const table = node.identifier('table');
        return { kind: 'star', qualifier: table === undefined ? undefined : [table], planId: undefined };
      }
      case 'alias': {
        const names = [node.identifier('alias') ?? '', ...node.identifiers('column_aliases')].filter(
          (name) => name !== '',
        );
        return { kind: 'alias', input: this.one(node.child('this')), names };
      }
      case 'aliases':
        return { kind: 'alias', input: this.one(node.child('this')), names: this.aliasNames(node) };
      case 'cast':
      case 'try_cast':
        return {
          kind: 'cast',
          input: this.one(node.child('this')),
          type: convertType(node.body['to']),
          try: node.kind === 'try_cast',
        };
      case 'interval':
        return convertInterval(node);
      case 'case':
        return this.case(node);
      default:
        return this.predicate(node);
    }
  }

  private aliasNames(node: Ast): string[] {
    return node.children('expressions').map((each) => each.identifier('name') ?? each.text('name') ?? '');
  }

  private predicate(node: Ast): UnresolvedExpression {
    switch (node.kind) {
      case 'neg': {
        const inner = node.child('this');
        const input = this.one(inner);
        return input.kind === 'literal' && inner.kind === 'literal'
          ? negated(input)
          : callOf('negative', input);
      }
      case 'not':
        return callOf('not', this.one(node.child('this')));
      case 'bitwise_not':
        return callOf('~', this.one(node.child('this')));
      case 'int_div':
        return callOf('div', this.one(node.child('this')), this.one(node.child('expression')));
      case 'null_safe_neq':
        return callOf('not', callOf('<=>', this.one(node.child('left')), this.one(node.child('right'))));
      case 'is_null':
        return callOf(node.flag('not') ? 'isnotnull' : 'isnull', this.one(node.child('this')));
      case 'is_true':
      case 'is_false':
        return this.truth(node);
      case 'between':
        return negatable(
          node,
          callOf('between', ...this.all(['this', 'low', 'high'].map((key) => node.child(key)))),
        );
      case 'in':
        return negatable(node, this.in(node));
      case 'like':
      case 'i_like': {
        const args = [this.one(node.child('left')), this.one(node.child('right'))];
        const escape = node.maybeChild('escape');
        if (escape !== undefined) args.push(this.one(escape));
        return negatable(node, callOf(node.kind === 'like' ? 'like' : 'ilike', ...args));
      }
      case 'regexp_like':
        return negatable(
          node,
          callOf('rlike', this.one(node.child('this')), this.one(node.child('pattern'))),
        );
      default:
        return this.rest(node);
    }
  }

  private rest(node: Ast): UnresolvedExpression {
    switch (node.kind) {
      case 'exists': {
        const plan = this.queries.query(node.child('this'));
        return negatable(node, { kind: 'subquery', mode: 'exists', plan, values: [] });
      }
      case 'subquery':
        return { kind: 'subquery', mode: 'scalar', plan: this.queries.query(node.child('this')), values: [] };
      case 'select':
      case 'union':
        return { kind: 'subquery', mode: 'scalar', plan: this.queries.query(node), values: [] };
      case 'subscript':
        return { kind: 'extract', input: this.one(node.child('this')), key: this.one(node.child('index')) };
      case 'array_func': {
        const items = node.children('expressions').map(this.convert);
        // The parser takes `list[0]` for a list of another dialect: here it is an item of a column with that name.
        return node.flag('use_list_keyword') && items.length === 1
          ? {
              kind: 'extract',
              input: { kind: 'attribute', parts: ['list'], planId: undefined },
              key: items[0]!,
            }
          : callOf('array', ...items);
      }
      case 'lambda':
        return {
          kind: 'lambda',
          parameters: node.identifiers('parameters'),
          body: this.one(node.child('body')),
        };
      case 'tuple':
        return callOf('struct', ...this.all(node.children('expressions')));
      case 'parameter':
        return this.named(node.text('name') ?? '');
      case 'placeholder':
        return this.positional(node);
      case 'window_function':
        return this.window(node);
      case 'within_group':
        return convertWithinGroup(node, this.convert);
      case 'named_argument':
        return this.one(node.child('value'));
      default:
        return convertFunction(node, this.convert);
    }
  }

  /** `a.b.c` is one name until the analyzer knows which part is the table, the column or a field. */
  private column(node: Ast): UnresolvedExpression {
    if (node.kind === 'column') {
      const parts = [node.identifier('table'), node.identifier('name')].filter((part) => part !== undefined);
      return { kind: 'attribute', parts, planId: undefined };
    }
    const base = this.one(node.child('this'));
    const field = node.identifier('field') ?? '';
    if (base.kind === 'attribute') return { ...base, parts: [...base.parts, field] };
    return { kind: 'extract', input: base, key: { kind: 'literal', value: field, type: { kind: 'string' } } };
  }

  private case(node: Ast): UnresolvedExpression {
    const operand = node.maybeChild('operand');
    const args = node.raw('whens').flatMap((pair): UnresolvedExpression[] => {
      const [when, then] = pair as readonly unknown[];
      const test = this.one(Ast.of(when));
      const condition = operand === undefined ? test : callOf('==', this.one(operand), test);
      return [condition, this.one(Ast.of(then))];
    });
    const otherwise = node.maybeChild('else_');
    return callOf('when', ...args, ...(otherwise === undefined ? [] : [this.one(otherwise)]));
  }

  private truth(node: Ast): UnresolvedExpression {
    const value: UnresolvedExpression = {
      kind: 'literal',
      value: node.kind === 'is_true',
      type: { kind: 'boolean' },
    };
    return negatable(node, callOf('<=>', this.one(node.child('this')), value));
  }

  private in(node: Ast): UnresolvedExpression {
    const left = node.child('this');
    const query = node.maybeChild('query');
    if (query === undefined) {
      const list = node.children('expressions');
      if (list.length === 1 && (list[0]!.kind === 'subquery' || list[0]!.kind === 'select')) {
        return this.inQuery(left, list[0]!.kind === 'subquery' ? list[0]!.child('this') : list[0]!);
      }
      return callOf('in', this.one(left), ...this.all(list));
    }
    return this.inQuery(left, query);
  }

  private inQuery(left: Ast, query: Ast): UnresolvedExpression {
    const values = left.kind === 'tuple' ? this.all(left.children('expressions')) : [this.one(left)];
    return { kind: 'subquery', mode: 'in', plan: this.queries.query(query), values };
  }

  private named(name: string): UnresolvedExpression {
    const value = this.parameters.named[name];
    if (value !== undefined) return value;
    throw unbound(name);
  }

  private positional(node: Ast): UnresolvedExpression {
    const index = Number(node.body['index'] ?? 0);
    const value = this.parameters.positional[index];
    if (value !== undefined) return value;
    throw unbound(`_${index + 1}`);
  }

  order(order: Ast): UnresolvedOrder {
    const nullsFirst = order.body['nulls_first'];
    return {
      input: this.one(order.child('this')),
      ascending: !order.flag('desc'),
      nullsFirst: typeof nullsFirst === 'boolean' ? nullsFirst : undefined,
    };
  }

  private window(node: Ast): UnresolvedExpression {
    const given = node.part('over');
    const name = given?.identifier('window_name');
    const named = name === undefined ? undefined : this.windows.get(name.toLowerCase());
    if (name !== undefined && named === undefined)
      throw unsupported(`The window ${name}, which is not defined here,`);
    const over = named ?? given;
    if (over === undefined) throw unsupported('A window without OVER');
    const input = this.one(node.child('this'));
    const frame = over.part('frame');
    return {
      kind: 'window',
      input:
        node.flag('ignore_nulls') && input.kind === 'function'
          ? { ...input, args: [...input.args, { kind: 'literal', value: true, type: { kind: 'boolean' } }] }
          : input,
      partitionBy: this.all(over.children('partition_by')),
      orderBy: over.parts('order_by').map((order) => this.order(order)),
      frame:
        frame === undefined
          ? undefined
          : {
              unit: frame.text('kind') === 'Range' ? 'range' : 'rows',
              lower: this.bound(frame.body['start']),
              upper: frame.has('end') ? this.bound(frame.body['end']) : 'current-row',
            },
    };
  }

  private bound(value: unknown): WindowBound {
    if (value === 'CurrentRow') return 'current-row';
    if (value === 'UnboundedPreceding' || value === 'UnboundedFollowing') return 'unbounded';
    const preceding = (value as { Preceding?: unknown }).Preceding;
    const following = (value as { Following?: unknown }).Following;
    const amount = this.one(Ast.of(preceding ?? following));
    return preceding === undefined ? amount : negated(amount);
  }
}

function negatable(node: Ast, expression: UnresolvedExpression): UnresolvedExpression {
  return node.flag('not') ? callOf('not', expression) : expression;
}

function negated(expression: UnresolvedExpression): UnresolvedExpression {
  if (expression.kind !== 'literal') return callOf('negative', expression);
  const { value } = expression;
  if (typeof value === 'number' || typeof value === 'bigint') return { ...expression, value: -value };
  if (typeof value === 'string' && expression.type.kind === 'decimal')
    return { ...expression, value: `-${value}` };
  return callOf('negative', expression);
}

function unbound(name: string): Error {
  return analysisError(
    'UNBOUND_SQL_PARAMETER',
    `Found the unbound parameter: ${name}. Please, fix \`args\` and provide a mapping of the parameter to either a SQL literal or collection constructor functions.`,
  );
}
