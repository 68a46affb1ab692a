import { unsupported } from '../errors.ts';
import type { Expression } from '../expression.ts';
import { functionSpec } from '../functions/function-table.ts';
import type { UnresolvedExpression, WindowFrame } from '../unresolved.ts';
import type { ExpressionResolver } from './expression-resolver.ts';
import { plain, type Resolved } from './resolved.ts';

type Window = Extract<UnresolvedExpression, { kind: 'window' }>;

export function resolveWindow(window: Window, resolver: ExpressionResolver): Resolved {
  const input = resolver.resolve(window.input);
  const isWindow = input.value.kind === 'call' && functionSpec(input.value.name)?.kind === 'window';
  if (input.value.kind !== 'aggregate' && !isWindow) {
    throw unsupported(`The window function ${input.text}`);
  }
  const partitionBy = window.partitionBy.map((each) => resolver.resolve(each));
  const orderBy = window.orderBy.map((order) => ({
    order: resolver.order(order),
    text: resolver.resolve(order.input).text,
  }));
  const frame = window.frame === undefined ? undefined : frameText(window.frame, resolver);
  const parts = [
    partitionBy.length > 0 ? `PARTITION BY ${partitionBy.map((each) => each.text).join(', ')}` : '',
    orderBy.length > 0
      ? `ORDER BY ${orderBy.map(({ order, text }) => `${text} ${order.ascending ? 'ASC' : 'DESC'} NULLS ${order.nullsFirst ? 'FIRST' : 'LAST'}`).join(', ')}`
      : '',
    frame ?? defaultFrame(isWindow, orderBy.length > 0),
  ].filter((part) => part !== '');
  const value: Expression = {
    kind: 'window',
    input: input.value,
    partitionBy: partitionBy.map((each) => each.value),
    orderBy: orderBy.map(({ order }) => order),
    // Ranking functions have one frame in Spark, and DuckDB refuses to be told.
    frame: isWindow && !FRAMED.has(input.value.kind === 'call' ? input.value.name : '') ? undefined : frame,
    type: input.value.type,
    nullable: input.value.nullable,
  };
  return plain(value, `${input.text} OVER (${parts.join(' ')})`);
}

function frameText({ unit, lower, upper }: WindowFrame, resolver: ExpressionResolver): string {
  const bound = (end: WindowFrame['lower'], unbounded: string): string => {
    if (end === 'unbounded') return `UNBOUNDED ${unbounded}`;
    if (end === 'current-row') return 'CURRENT ROW';
    const resolved = resolver.resolve(end);
    const text = resolved.text;
    if (!/^-?\d+(\.\d+)?$/.test(text)) return `${text} ${unbounded}`;
    if (Number(text) === 0) return 'CURRENT ROW';
    return Number(text) < 0 ? `${text.slice(1)} PRECEDING` : `${text} FOLLOWING`;
  };
  return `${unit.toUpperCase()} BETWEEN ${bound(lower, 'PRECEDING')} AND ${bound(upper, 'FOLLOWING')}`;
}

const FRAMED: ReadonlySet<string> = new Set(['nth_value']);

function defaultFrame(isWindow: boolean, ordered: boolean): string {
  if (isWindow) return 'ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW';
  return ordered
    ? 'RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW'
    : 'ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING';
}
