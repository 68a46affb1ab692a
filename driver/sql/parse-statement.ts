import { unsupported } from '../plan/errors.ts';
import type { ParsedStatement } from '../plan/analyzer.ts';
import { nameParts, relation, type UnresolvedRelation } from '../plan/unresolved.ts';

type ParseQuery = (text: string) => UnresolvedRelation;

const NAME = String.raw`((?:\x60[^\x60]+\x60|[\w]+)(?:\.(?:\x60[^\x60]+\x60|[\w]+))*)`;

/** Comments and blanks at the ends, and the semicolon, are no part of a statement. */
export function trimmed(text: string): string {
  let rest = text.trim().replace(/;\s*$/, '').trim();
  for (;;) {
    const next = rest
      .replace(/^--[^\n]*\n?/, '')
      .replace(/^\/\*(?!\+)[\s\S]*?\*\//, '')
      .trimStart();
    if (next === rest) return rest;
    rest = next;
  }
}

function unquoted(name: string): string {
  return nameParts(name).join('.');
}

interface Rule {
  readonly pattern: RegExp;
  readonly make: (match: RegExpExecArray, parse: ParseQuery) => ParsedStatement;
}

function pattern(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(' ', String.raw`\s+`).replaceAll('NAME', NAME)}$`, 'is');
}

const RULES: readonly Rule[] = [
  {
    pattern: pattern(
      String.raw`CREATE (OR REPLACE )?(GLOBAL )?TEMP(?:ORARY)? VIEW NAME(?:\s*\(([^)]*)\))? AS (.*)`,
    ),
    make: ([, replace, global, name, columns, query], parse) => ({
      kind: 'create-view',
      name: unquoted(name!),
      global: global !== undefined,
      replace: replace !== undefined,
      query: withColumns(parse(query!), name!, columns),
    }),
  },
  {
    pattern: pattern(String.raw`DROP VIEW (IF EXISTS )?NAME`),
    make: ([, ifExists, name]) => ({
      kind: 'drop-view',
      name: unquoted(name!),
      ifExists: ifExists !== undefined,
    }),
  },
  {
    pattern: pattern(String.raw`SET TIME ZONE (.*)`),
    make: ([, zone]) => ({
      kind: 'set',
      key: 'spark.sql.session.timeZone',
      value: zone!.trim().replace(/^(['"])(.*)\1$/s, '$2'),
    }),
  },
  {
    pattern: /^SET(?:\s+([^\s=]+)(?:\s*=\s*(.*))?)?$/is,
    make: ([, key, value]) => ({
      kind: 'set',
      key: key === undefined || key === '-v' ? undefined : key.replaceAll('`', ''),
      value: value?.trim(),
    }),
  },
  {
    pattern: /^RESET(?:\s+(\S+))?$/is,
    make: ([, key]) => ({ kind: 'reset', key: key?.replaceAll('`', '') }),
  },
  {
    pattern: pattern(String.raw`SHOW (?:TABLES|VIEWS)(?: (?:FROM|IN) \S+)?(?: (?:LIKE )?'([^']*)')?`),
    make: ([, like]) => ({ kind: 'show-tables', pattern: like }),
  },
  {
    pattern: pattern(String.raw`DESC(?:RIBE)? QUERY (.*)`),
    make: ([, query], parse) => ({ kind: 'describe', query: parse(query!) }),
  },
  {
    pattern: pattern(String.raw`DESC(?:RIBE)? (?:TABLE )?(?:EXTENDED |FORMATTED )?NAME`),
    make: ([, name]) => ({ kind: 'describe', query: relation({ kind: 'table', name: nameParts(name!) }) }),
  },
  {
    pattern: pattern(String.raw`EXPLAIN (EXTENDED |FORMATTED |COST |CODEGEN )?(.*)`),
    make: ([, mode, query], parse) => ({
      kind: 'explain',
      extended: mode !== undefined,
      query: parse(query!),
    }),
  },
];

const REFUSED =
  /^(CREATE|INSERT|UPDATE|DELETE|MERGE|ALTER|DROP|TRUNCATE|USE|CACHE|UNCACHE|CLEAR|REFRESH|ANALYZE|MSCK|LOAD|ADD|LIST|GRANT|REVOKE|SHOW|DECLARE|BEGIN)\b/i;

/** The statement that a text is, or undefined when it should be a query. Throws UNSUPPORTED for other commands. */
export function parseStatement(text: string, parse: ParseQuery): ParsedStatement | undefined {
  for (const rule of RULES) {
    const match = rule.pattern.exec(text);
    if (match !== null) return rule.make(match, parse);
  }
  const refused = REFUSED.exec(text);
  if (refused !== null) throw unsupported(`${refused[1]!.toUpperCase()} (this form of it) in SQL`);
  return undefined;
}

/** `TABLE name` is a query of its own in Spark. */
export function tableQuery(text: string): UnresolvedRelation | undefined {
  const match = pattern('TABLE NAME').exec(text);
  return match === null ? undefined : relation({ kind: 'table', name: nameParts(match[1]!) });
}

function withColumns(
  query: UnresolvedRelation,
  name: string,
  columns: string | undefined,
): UnresolvedRelation {
  if (columns === undefined) return query;
  const names = columns.split(',').map((column) => column.trim().split(/\s+/)[0]!.replaceAll('`', ''));
  return relation({ kind: 'subquery-alias', input: query, alias: unquoted(name), columns: names });
}
