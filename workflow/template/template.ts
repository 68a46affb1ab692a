import { QuarryError } from '../../common/quarry-error.ts';
import type { Json } from '../core/dag-model.ts';
import { FILTERS } from './filters.ts';
import { toText } from './to-text.ts';

/** `{{ name.of.value | filter("argument") }}` between literal text. */
type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly path: readonly string[]; readonly filters: readonly FilterCall[] };

interface FilterCall {
  readonly name: string;
  readonly argument: string | number | undefined;
}

const PATH = /^[A-Za-z_][\w-]*(\.[\w-]+)*$/;
const FILTER = /^(\w+)(?:\(\s*(?:"([^"]*)"|'([^']*)'|(-?\d+))?\s*\))?$/;
const TEXT = /^(?:"([^"]*)"|'([^']*)')$/;

/** Errors: DAG_INVALID for what is no template. */
function parseTemplate(text: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (;;) {
    const open = text.indexOf('{{', at);
    if (open < 0) {
      if (at < text.length) parts.push({ kind: 'text', text: text.slice(at) });
      return parts;
    }
    if (open > at) parts.push({ kind: 'text', text: text.slice(at, open) });
    // {{ "{{" }} holds an opening in quotes, and may hold a closing one.
    const match = /^\{\{((?:"[^"]*"|'[^']*'|(?!\}\})[^"'])*)\}\}/.exec(text.slice(open));
    if (match === null) throw invalid(`${JSON.stringify(text.slice(open, open + 60))} has {{ without its }}`);
    parts.push(parseValue(match[1]!.trim()));
    at = open + match[0].length;
  }
}

function parseValue(expression: string): Part {
  const [head = '', ...calls] = splitFilters(expression);
  const literal = TEXT.exec(head);
  if (literal !== null && calls.length === 0) return { kind: 'text', text: literal[1] ?? literal[2] ?? '' };
  if (!PATH.test(head)) {
    throw invalid(
      `{{ ${expression} }} is no template: write a name such as ds, params.NAME or outputs.TASK, then | filters`,
    );
  }
  return { kind: 'value', path: head.split('.'), filters: calls.map((call) => parseFilter(call)) };
}

/** Cuts at bars that are not in quotes. */
function splitFilters(expression: string): string[] {
  return (expression.match(/(?:"[^"]*"|'[^']*'|[^|"'])+/g) ?? []).map((piece) => piece.trim());
}

function parseFilter(text: string): FilterCall {
  const match = FILTER.exec(text);
  const name = match?.[1] ?? '';
  if (match === null || !Object.hasOwn(FILTERS, name)) {
    throw invalid(`there is no template filter ${text}: there are ${Object.keys(FILTERS).join(', ')}`);
  }
  const number = match[4] === undefined ? undefined : Number(match[4]);
  return { name, argument: match[2] ?? match[3] ?? number };
}

/** Calls `check` with the path of every name in the templates of a value. Errors: DAG_INVALID, also what `check` throws. */
export function checkTemplates(value: unknown, check: (path: readonly string[]) => void): void {
  if (typeof value === 'string') {
    for (const part of parseTemplate(value)) {
      if (part.kind !== 'value') continue;
      check(part.path);
      for (const { name, argument } of part.filters) FILTERS[name]!.check(argument);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) checkTemplates(item, check);
  }
}

/** What templates may name: `ds`, `params.top`, `outputs.count.rows`. */
export type TemplateScope = Readonly<Record<string, Json | undefined>>;

/** A copy with every template in every string filled in. Errors: INVALID_ARGUMENT when a name has no value in this run. */
export function render<T>(value: T, scope: TemplateScope): T {
  if (typeof value === 'string') return renderText(value, scope) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => render(item, scope)) as T;
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, render(item, scope)])) as T;
  }
  return value;
}

function renderText(text: string, scope: TemplateScope): string {
  return parseTemplate(text)
    .map((part) => {
      if (part.kind === 'text') return part.text;
      const found = part.path.reduce<unknown>(
        (value, name) =>
          typeof value === 'object' && value !== null && Object.hasOwn(value, name)
            ? (value as Record<string, unknown>)[name]
            : undefined,
        scope,
      );
      if (found === undefined) {
        throw new QuarryError('INVALID_ARGUMENT', `{{ ${part.path.join('.')} }} has no value in this run`);
      }
      return toText(part.filters.reduce<Json>((value, call) => apply(call, value), found as Json));
    })
    .join('');
}

function apply({ name, argument }: FilterCall, value: Json): Json {
  return FILTERS[name]!.apply(value, argument);
}

function invalid(message: string): QuarryError {
  return new QuarryError('DAG_INVALID', message);
}
