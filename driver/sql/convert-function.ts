import { unsupported } from '../plan/errors.ts';
import { callOf, type UnresolvedExpression } from '../plan/unresolved.ts';
import { Ast } from './ast.ts';

type Convert = (node: Ast) => UnresolvedExpression;

/** Spark's names of functions for which the parser has a kind of its own under another one. */
const NAMES: Readonly<Record<string, string>> = {
  day_of_month: 'dayofmonth',
  day_of_week: 'dayofweek',
  day_of_year: 'dayofyear',
  week_of_year: 'weekofyear',
  n_tile: 'ntile',
  mod_func: 'mod',
  starts_with: 'startswith',
  ends_with: 'endswith',
  if_func: 'if',
  list_agg: 'listagg',
  approx_distinct: 'approx_count_distinct',
  array_length: 'size',
  char_length: 'length',
  j_s_o_n_extract: 'get_json_object',
  date_diff: 'datediff',
  to_json: 'to_json',
  unix_to_time: 'from_unixtime',
};

/** Fields of a kind's body in the order of Spark's arguments, where it is not `this`, `expression`, the rest. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  substring: ['this', 'start', 'length'],
  if_func: ['condition', 'true_value', 'false_value'],
  nvl2: ['this', 'true_value', 'false_value'],
  coalesce: ['expressions'],
  overlay: ['this', 'replacement', 'from', 'length'],
  lag: ['this', 'offset', 'default'],
  lead: ['this', 'offset', 'default'],
  nth_value: ['this', 'offset'],
  n_tile: ['num_buckets'],
  rand: ['seed'],
  string_agg: ['this', 'separator'],
  list_agg: ['this', 'separator'],
  function: ['args'],
  aggregate_function: ['args'],
  log: ['base', 'this'],
  str_position: ['substr', 'this', 'position'],
};

const EXTRACT: Readonly<Record<string, string>> = {
  Year: 'year',
  Month: 'month',
  Day: 'day',
  Hour: 'hour',
  Minute: 'minute',
  Second: 'second',
  Quarter: 'quarter',
  Week: 'weekofyear',
  DayOfWeek: 'dayofweek',
  DayOfYear: 'dayofyear',
};

const IGNORED: ReadonlySet<string> = new Set([
  'filter',
  'order_by',
  'limit',
  'over',
  'having_max',
  'inferred_type',
  'span',
]);

const TRUE: UnresolvedExpression = { kind: 'literal', value: true, type: { kind: 'boolean' } };
const NULL: UnresolvedExpression = { kind: 'literal', value: null, type: { kind: 'null' } };
const ONE: UnresolvedExpression = { kind: 'literal', value: 1, type: { kind: 'integer' } };

function argumentNodes(node: Ast): Ast[] {
  const declared = ARGUMENTS[node.kind];
  const keys = declared ?? [
    ...['this', 'expression'].filter((key) => node.has(key)),
    ...Object.keys(node.body).filter((key) => key !== 'this' && key !== 'expression' && !IGNORED.has(key)),
  ];
  return keys.flatMap((key) => {
    const value = node.body[key];
    if (Array.isArray(value)) return value.flatMap((item) => Ast.maybe(item) ?? []);
    if (typeof value !== 'object' || value === null) return [];
    return Ast.maybe(value) ?? [];
  });
}

/** Units come as bare names: `date_add(DAY, 1, d)`. */
function unitCall(name: string, args: readonly Ast[], convert: Convert): UnresolvedExpression | undefined {
  const unit = args[0];
  if (args.length !== 3 || unit?.kind !== 'column') return undefined;
  const units = ['date_add', 'dateadd', 'timestampadd', 'datediff', 'date_diff', 'timestampdiff'];
  if (!units.includes(name)) return undefined;
  const text: UnresolvedExpression = {
    kind: 'literal',
    value: (unit.identifier('name') ?? '').toUpperCase(),
    type: { kind: 'string' },
  };
  const target = name.includes('diff') ? 'timestampdiff' : 'timestampadd';
  return callOf(target, text, ...args.slice(1).map(convert));
}

function trimCall(node: Ast, convert: Convert): UnresolvedExpression {
  const names: Readonly<Record<string, string>> = { Leading: 'ltrim', Trailing: 'rtrim' };
  const name = names[node.text('position') ?? ''] ?? 'trim';
  const value = convert(node.child('this'));
  const characters = node.maybeChild('characters');
  if (characters === undefined) return callOf(name, value);
  return callOf(name, convert(characters), value);
}

function countCall(node: Ast, convert: Convert): UnresolvedExpression {
  const value = node.maybeChild('this');
  const args =
    node.flag('star') || value === undefined
      ? [ONE]
      : value.kind === 'tuple'
        ? value.children('expressions').map(convert)
        : [convert(value)];
  return { kind: 'function', name: 'count', args, distinct: node.flag('distinct') };
}

function extractCall(node: Ast, convert: Convert): UnresolvedExpression {
  const field = node.body['field'];
  const name = typeof field === 'string' ? EXTRACT[field] : undefined;
  if (name === undefined) throw unsupported(`EXTRACT of ${JSON.stringify(field)}`);
  return callOf(name, convert(node.child('this')));
}

function withFilter(call: UnresolvedExpression, node: Ast, convert: Convert): UnresolvedExpression {
  const filter = node.maybeChild('filter');
  return filter === undefined || call.kind !== 'function' ? call : { ...call, filter: convert(filter) };
}

function ignoringNulls(name: string, args: readonly UnresolvedExpression[]): readonly UnresolvedExpression[] {
  if (name === 'lag' || name === 'lead') return [args[0]!, args[1] ?? ONE, args[2] ?? NULL, TRUE];
  return [...args, TRUE];
}

/** A call, whatever kind the parser made of it. */
export function convertFunction(node: Ast, convert: Convert): UnresolvedExpression {
  if (node.kind === 'trim') return trimCall(node, convert);
  if (node.kind === 'extract') return extractCall(node, convert);
  if (node.kind === 'count') return withFilter(countCall(node, convert), node, convert);
  const written = node.text('name') ?? (node.kind === 'coalesce' ? node.text('original_name') : undefined);
  let name = (written ?? NAMES[node.kind] ?? node.kind).toLowerCase();
  if (node.kind === 'str_position') name = 'locate';
  const nodes = argumentNodes(node);
  const unit = unitCall(name, nodes, convert);
  if (unit !== undefined) return unit;
  if (name === 'date_part' || name === 'datepart') {
    const field = (nodes[0]?.text('value') ?? '').toLowerCase();
    return callOf(field === 'week' ? 'weekofyear' : field.replace(/s$/, ''), ...nodes.slice(1).map(convert));
  }
  const converted = nodes.map(convert);
  const args = node.flag('ignore_nulls') ? ignoringNulls(name, converted) : converted;
  const call: UnresolvedExpression = { kind: 'function', name, args, distinct: node.flag('distinct') };
  return withFilter(call, node, convert);
}

/** `percentile_cont(0.5) WITHIN GROUP (ORDER BY x)`. */
export function convertWithinGroup(node: Ast, convert: Convert): UnresolvedExpression {
  const call = convertFunction(node.child('this'), convert);
  const order = node.parts('order_by')[0];
  if (call.kind !== 'function' || order === undefined) throw unsupported('This use of WITHIN GROUP');
  const names: Readonly<Record<string, string>> = {
    percentile_cont: 'percentile',
    percentile_disc: 'percentile_approx',
  };
  const name = names[call.name];
  if (name === undefined) return call;
  return { ...call, name, args: [convert(order.child('this')), ...call.args] };
}
