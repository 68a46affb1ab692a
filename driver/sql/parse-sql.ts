import { QuarryError } from '../../common/quarry-error.ts';
import type { SqlParser } from '../plan/analyze/sources.ts';
import type { ParsedStatement } from '../plan/analyzer.ts';
import type { SqlParameters, UnresolvedExpression, UnresolvedRelation } from '../plan/unresolved.ts';
import { Ast } from './ast.ts';
import { QueryConverter } from './convert-query.ts';
import { parseStatement, tableQuery, trimmed } from './parse-statement.ts';

export type ParsedSql = { readonly kind: 'query'; readonly query: UnresolvedRelation } | ParsedStatement;

type Library = typeof import('@polyglot-sql/sdk');

const NO_PARAMETERS: SqlParameters = { named: {}, positional: [] };
/** Spark's own users send queries of kilobytes; megabytes of text are a mistake, and the parser's time grows with them. */
const TEXT_LENGTH_MAX = 4 * 1024 * 1024;

let library: Promise<Library> | undefined;

/** The parser is WASM of megabytes: it is loaded with the first SQL text of a process. */
async function loadLibrary(): Promise<Library> {
  library ??= import('@polyglot-sql/sdk');
  return library;
}

export async function loadSqlParser(): Promise<SqlParser> {
  const loaded = await loadLibrary();
  return {
    query: (text, parameters) => query(loaded, text, parameters),
    expression: (text) => expression(loaded, text),
  };
}

/** Reads one statement. Errors: PARSE with errorClass PARSE_SYNTAX_ERROR, UNSUPPORTED for SQL that Quarry has not. */
export async function parseSql(text: string, parameters: SqlParameters): Promise<ParsedSql> {
  const loaded = await loadLibrary();
  const statement = parseStatement(trimmed(text), (inner) => query(loaded, inner, parameters));
  return statement ?? { kind: 'query', query: query(loaded, text, parameters) };
}

function syntaxError(text: string, near: string, position: string): QuarryError {
  const where = near === '' ? 'end of input' : `'${near}'`;
  return new QuarryError(
    'PARSE',
    `[PARSE_SYNTAX_ERROR] Syntax error at or near ${where}.${position} SQLSTATE: 42601\n\n== SQL ==\n${text}`,
    { details: { errorClass: 'PARSE_SYNTAX_ERROR', sqlState: '42601' } },
  );
}

function parsed(loaded: Library, text: string): Ast {
  if (text.length > TEXT_LENGTH_MAX) {
    throw new QuarryError(
      'PARSE',
      `the SQL text has ${text.length} characters, more than ${TEXT_LENGTH_MAX}`,
      {
        details: { errorClass: 'PARSE_SYNTAX_ERROR', sqlState: '42601' },
      },
    );
  }
  const result = loaded.parse(text, loaded.Dialect.Spark);
  const statements = result.success && Array.isArray(result.ast) ? (result.ast as unknown[]) : [];
  if (!result.success || statements.length === 0) {
    const start = result.errorStart ?? text.length;
    const near = text.slice(start, result.errorEnd ?? start).trim();
    const line =
      result.errorLine === undefined
        ? ''
        : ` (line ${result.errorLine}, pos ${(result.errorColumn ?? 1) - 1})`;
    throw syntaxError(text, near, line);
  }
  if (statements.length > 1) throw syntaxError(text, ';', ' (one statement at a time)');
  numberPlaceholders(statements[0]);
  return Ast.of(statements[0]);
}

/** Gives each `?` its place in the text: the tree is walked in the order of its text, but for WITH, which is written last. */
function numberPlaceholders(tree: unknown): void {
  let next = 0;
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) {
      for (const item of node) visit(item);
      return;
    }
    if (typeof node !== 'object' || node === null) return;
    const fields = node as Record<string, unknown>;
    if ('placeholder' in fields) {
      fields['placeholder'] = { index: next };
      next += 1;
      return;
    }
    if ('with' in fields) visit(fields['with']);
    for (const [key, value] of Object.entries(fields)) if (key !== 'with') visit(value);
  };
  visit(tree);
}

function query(loaded: Library, text: string, parameters: SqlParameters): UnresolvedRelation {
  const body = trimmed(text);
  const table = tableQuery(body);
  if (table !== undefined) return table;
  const node = parsed(loaded, body);
  const queries = new Set(['select', 'union', 'intersect', 'except', 'subquery', 'values']);
  // The parser reads a lone expression as a statement; Spark does not.
  if (!queries.has(node.kind)) throw syntaxError(body, body.split(/\s/)[0] ?? '', '');
  return new QueryConverter(parameters).query(node);
}

function expression(loaded: Library, text: string): UnresolvedExpression {
  const node = parsed(loaded, `SELECT ${text}`);
  const items = node.kind === 'select' ? node.children('expressions') : [];
  const [item] = items;
  if (item === undefined || items.length > 1 || node.has('from')) throw syntaxError(text, text, '');
  return new QueryConverter(NO_PARAMETERS).expression(item);
}
