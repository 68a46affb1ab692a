import type { Relation } from '../../proto/gen/spark/connect/Relation.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import type { SqlStatement } from '../plan/sql-statement.ts';
import type { Session } from '../session/session.ts';

/** What the front asks of the analyzer. */
export interface Planner {
  /** Errors: ANALYSIS, PARSE, UNSUPPORTED, FILE_NOT_FOUND. */
  analyze(session: Session, relation: Relation): Promise<LogicalPlan>;
  /** A SQL relation as a command: undefined for a query, else what to carry out. Errors as `analyze`. */
  statement(session: Session, relation: Relation): Promise<SqlStatement | undefined>;
}
