import type { Expression } from '../../proto/gen/spark/connect/Expression.ts';
import type { Relation } from '../../proto/gen/spark/connect/Relation.ts';
import type { AnalyzerContext } from './analyzer-context.ts';
import { RelationResolver } from './analyze/relation-resolver.ts';
import { Sources } from './analyze/sources.ts';
import { ExpressionDecoder } from './decode/decode-expression.ts';
import { decodeRelation } from './decode/decode-relation.ts';
import type { LogicalPlan } from './logical-plan.ts';
import type { SqlStatement } from './sql-statement.ts';
import type { SqlParameters, UnresolvedRelation } from './unresolved.ts';

/** Values for `:name` and `?`, as Spark Connect sends them. */
export interface SqlArguments {
  readonly named: Readonly<Record<string, Expression>>;
  readonly positional: readonly Expression[];
}

const NO_PARAMETERS: SqlParameters = { named: {}, positional: [] };

/**
 * Makes logical plans from what clients send: names become attributes, functions get types, and whatever is wrong with a
 * query is found here. Errors: ANALYSIS and PARSE with { errorClass, sqlState } of Spark, UNSUPPORTED, and those of
 * the context's `resolveFiles`.
 */
export class Analyzer {
  private readonly context: AnalyzerContext;

  constructor(context: AnalyzerContext) {
    this.context = context;
  }

  async analyze(relation: Relation): Promise<LogicalPlan> {
    return this.resolve(decodeRelation(relation));
  }

  /** A query's plan, or the statement that the text is. */
  async analyzeSql(text: string, args?: SqlArguments): Promise<LogicalPlan | SqlStatement> {
    return (await this.sql(text, decodeArguments(args))) as LogicalPlan | SqlStatement;
  }

  /** A SQL text as a command: undefined for a query, which stays a relation until it runs. */
  async analyzeStatement(text: string, args?: SqlArguments): Promise<SqlStatement | undefined> {
    const { parseSql } = await import('../sql/parse-sql.ts');
    const parsed = await parseSql(text, decodeArguments(args));
    if (parsed.kind === 'query') return undefined;
    return this.statement(parsed);
  }

  private async sql(text: string, parameters: SqlParameters): Promise<LogicalPlan | SqlStatement> {
    const { parseSql } = await import('../sql/parse-sql.ts');
    const parsed = await parseSql(text, parameters);
    return parsed.kind === 'query' ? this.resolve(parsed.query) : this.statement(parsed);
  }

  private async statement(parsed: ParsedStatement): Promise<SqlStatement> {
    switch (parsed.kind) {
      case 'create-view':
      case 'describe':
      case 'explain': {
        const { query, ...rest } = parsed;
        return { ...rest, plan: await this.resolve(query) } as SqlStatement;
      }
      default:
        return parsed;
    }
  }

  private async resolve(relation: UnresolvedRelation): Promise<LogicalPlan> {
    const sources = new Sources(this.context, async () =>
      (await import('../sql/parse-sql.ts')).loadSqlParser(),
    );
    await sources.gather(relation);
    return new RelationResolver(this.context, sources).resolve(relation);
  }
}

type Planned = Extract<SqlStatement, { plan: LogicalPlan }>;
type Unplanned<T> = T extends Planned ? Omit<T, 'plan'> & { readonly query: UnresolvedRelation } : T;

/** A statement whose queries are not analysed yet. */
export type ParsedStatement = Unplanned<SqlStatement>;

function decodeArguments(args: SqlArguments | undefined): SqlParameters {
  if (args === undefined) return NO_PARAMETERS;
  const decoder = new ExpressionDecoder();
  return {
    named: Object.fromEntries(Object.entries(args.named).map(([name, value]) => [name, decoder.one(value)])),
    positional: decoder.all(args.positional),
  };
}
