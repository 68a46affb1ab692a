import { QuarryError } from '../../common/quarry-error.ts';
import type { SqlParser } from '../plan/analyze/sources.ts';
import type { ParsedStatement } from '../plan/analyzer.ts';
import type { SqlParameters, UnresolvedRelation } from '../plan/unresolved.ts';

export type ParsedSql = { readonly kind: 'query'; readonly query: UnresolvedRelation } | ParsedStatement;

export async function loadSqlParser(): Promise<SqlParser> {
  throw new QuarryError('UNSUPPORTED', 'SQL text is not supported yet');
}

export async function parseSql(_text: string, _parameters: SqlParameters): Promise<ParsedSql> {
  throw new QuarryError('UNSUPPORTED', 'SQL text is not supported yet');
}
