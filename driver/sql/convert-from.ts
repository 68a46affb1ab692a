import { unsupported } from '../plan/errors.ts';
import type { JoinType } from '../plan/logical-plan.ts';
import { relation, type UnresolvedExpression, type UnresolvedRelation } from '../plan/unresolved.ts';
import type { Ast } from './ast.ts';
import type { ExpressionConverter, QueryReader } from './convert-expression.ts';

const FILE_FORMATS: ReadonlySet<string> = new Set(['parquet', 'csv', 'json', 'text', 'orc', 'avro', 'delta']);

const JOIN_TYPES: Readonly<Record<string, JoinType>> = {
  Inner: 'inner',
  Left: 'left',
  Right: 'right',
  Full: 'full',
  Outer: 'full',
  Cross: 'cross',
  Implicit: 'cross',
  LeftSemi: 'semi',
  Semi: 'semi',
  LeftAnti: 'anti',
  Anti: 'anti',
  Natural: 'inner',
  NaturalLeft: 'left',
  NaturalRight: 'right',
  NaturalFull: 'full',
};

interface FromReader extends QueryReader {
  values(node: Ast): UnresolvedRelation;
}

/** FROM, its joins and lateral views as one relation. */
export class FromConverter {
  private readonly queries: FromReader;
  private readonly expressions: ExpressionConverter;

  constructor(queries: FromReader, expressions: ExpressionConverter) {
    this.queries = queries;
    this.expressions = expressions;
  }

  /** What a SELECT reads: one row of nothing when it has no FROM. */
  source(select: Ast): UnresolvedRelation {
    const tables = select.part('from')?.children('expressions') ?? [];
    let input = tables
      .map((table) => this.table(table))
      .reduce<UnresolvedRelation | undefined>(
        (left, right) => (left === undefined ? right : join(left, right, 'cross')),
        undefined,
      );
    for (const each of select.parts('joins')) {
      if (input === undefined) throw unsupported('A join without a first table');
      input = this.join(input, each);
    }
    let source = input ?? relation({ kind: 'one-row' });
    for (const view of select.parts('lateral_views')) {
      source = relation({
        kind: 'lateral-view',
        input: source,
        generator: this.expressions.convert(view.child('this')),
        outer: view.flag('outer'),
        alias: view.identifier('table_alias'),
        columns: view.identifiers('column_aliases'),
      });
    }
    return source;
  }

  private join(left: UnresolvedRelation, node: Ast): UnresolvedRelation {
    const kind = node.text('kind') ?? 'Inner';
    const type = JOIN_TYPES[kind];
    if (type === undefined) throw unsupported(`The join ${kind}`);
    const right = this.table(node.child('this'));
    const on = node.maybeChild('on');
    return relation({
      kind: 'join',
      left,
      right,
      // A comma and then WHERE is how many write an inner join; the optimizer joins the two.
      type,
      condition: on === undefined ? undefined : this.expressions.convert(on),
      using: node.identifiers('using'),
      natural: kind.startsWith('Natural'),
    });
  }

  private table(node: Ast): UnresolvedRelation {
    const source = this.source1(node);
    const sample = node.part('table_sample');
    return sample === undefined ? source : this.sampled(source, sample);
  }

  private source1(node: Ast): UnresolvedRelation {
    switch (node.kind) {
      case 'table':
        return this.named(node);
      case 'subquery':
        if (node.flag('lateral')) throw unsupported('LATERAL');
        return aliased(this.queries.query(node.child('this')), node);
      case 'select':
      case 'union':
        return this.queries.query(node);
      case 'values':
        return aliased(this.queries.values(node), node);
      case 'alias':
        return aliased(this.table(node.child('this')), node);
      case 'function':
      case 'explode':
        return this.tableFunction(node);
      case 'pivot':
        return this.pivot(node);
      default:
        throw unsupported(`${node.kind} in FROM`);
    }
  }

  private named(node: Ast): UnresolvedRelation {
    const parts = ['catalog', 'schema', 'name'].flatMap((key) => node.identifier(key) ?? []);
    const [format, path] = parts;
    const isFile = parts.length === 2 && FILE_FORMATS.has(format!.toLowerCase());
    const source = isFile
      ? relation({
          kind: 'read',
          format: format!.toLowerCase(),
          paths: [path!],
          options: {},
          schema: undefined,
        })
      : relation({ kind: 'table', name: parts });
    return aliased(source, node);
  }

  private tableFunction(node: Ast): UnresolvedRelation {
    const call = this.expressions.convert(node);
    if (call.kind !== 'function') throw unsupported('This table function');
    if (call.name.toLowerCase() !== 'range') {
      return relation({ kind: 'project', input: relation({ kind: 'one-row' }), columns: [call] });
    }
    const numbers = call.args.map(wholeNumber);
    const [start, end] = numbers.length === 1 ? [0n, numbers[0]!] : [numbers[0] ?? 0n, numbers[1] ?? 0n];
    const partitions = numbers[3] === undefined ? undefined : Number(numbers[3]);
    return relation({ kind: 'range', start, end, step: numbers[2] ?? 1n, partitions });
  }

  private sampled(input: UnresolvedRelation, sample: Ast): UnresolvedRelation {
    const size = sample.maybeChild('size');
    const value = size === undefined ? Number.NaN : Number(size.text('value'));
    if (sample.flag('is_percent')) {
      return relation({ kind: 'sample', input, lower: 0, upper: value / 100, seed: 42, replacement: false });
    }
    if (Number.isInteger(value)) return relation({ kind: 'limit', input, limit: value });
    throw unsupported('This form of TABLESAMPLE');
  }

  private pivot(_node: Ast): UnresolvedRelation {
    throw unsupported('PIVOT in SQL: use the data frame groupBy(...).pivot(column, values). It');
  }
}

function aliased(input: UnresolvedRelation, node: Ast): UnresolvedRelation {
  const alias = node.identifier('alias');
  const columns = node.identifiers('column_aliases');
  if (alias === undefined && columns.length === 0) return input;
  return relation({ kind: 'subquery-alias', input, alias: alias ?? '__auto', columns });
}

function join(left: UnresolvedRelation, right: UnresolvedRelation, type: JoinType): UnresolvedRelation {
  return relation({ kind: 'join', left, right, type, condition: undefined, using: [] });
}

function wholeNumber(argument: UnresolvedExpression): bigint {
  if (argument.kind !== 'literal' || argument.value === null)
    throw unsupported('A range whose bounds are computed');
  return BigInt(String(argument.value));
}
