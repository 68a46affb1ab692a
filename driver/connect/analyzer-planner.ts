import type { Relation } from '../../proto/gen/spark/connect/Relation.ts';
import type { SqlArguments } from '../plan/analyzer.ts';
import type { Planner } from './planner.ts';

/** The analyzer is loaded with the first query: a driver is ready without it. */
const loadAnalyzer = () => import('../plan/analyzer.ts');

export const analyzerPlanner: Planner = {
  async analyze(session, relation) {
    const { Analyzer } = await loadAnalyzer();
    return new Analyzer(session).analyze(relation);
  },

  async statement(session, relation) {
    const { Analyzer } = await loadAnalyzer();
    const analyzer = new Analyzer(session);
    const { query, args } = sqlOf(relation);
    const statement = await analyzer.analyzeStatement(query, args);
    // A query runs later, but what is wrong with it is said at once, as in Spark.
    if (statement === undefined) await analyzer.analyze(relation);
    return statement;
  },
};

/** The text, below the data frames that it may refer to by name. Literals are the older form of arguments. */
function sqlOf(relation: Relation): { query: string; args: SqlArguments } {
  const sql = relation.relType === 'withRelations' ? relation.withRelations?.root?.sql : relation.sql;
  const named = Object.entries(sql?.args ?? {}).map(
    ([name, literal]) => [name, { common: null, exprType: 'literal' as const, literal }] as const,
  );
  const positional = (sql?.posArgs ?? []).map((literal) => ({
    common: null,
    exprType: 'literal' as const,
    literal,
  }));
  return {
    query: sql?.query ?? '',
    args: {
      named: { ...Object.fromEntries(named), ...sql?.namedArguments },
      positional: [...positional, ...(sql?.posArguments ?? [])],
    },
  };
}
