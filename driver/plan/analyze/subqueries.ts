import { unsupported } from '../errors.ts';
import type { Attribute, Expression, NamedExpression } from '../expression.ts';
import { columnsOf, conjunction, conjuncts, some } from '../expression-tree.ts';
import { coerce } from '../functions/function-spec.ts';
import type { JoinType, LogicalPlan } from '../logical-plan.ts';
import { commonType } from '../types/coercion.ts';
import type { UnresolvedExpression, UnresolvedRelation } from '../unresolved.ts';
import { ExpressionResolver } from './expression-resolver.ts';
import { plain, type Resolved } from './resolved.ts';
import { applyFunction, makeJoin } from './join-resolver.ts';
import { withOutput } from './plan-builder.ts';
import type { RelationResolver } from './relation-resolver.ts';
import { columnOf, findAttribute } from './scope.ts';
import { TimeWindows } from './time-windows.ts';

type Subquery = Extract<UnresolvedExpression, { kind: 'subquery' }>;

interface PendingJoin {
  readonly type: JoinType;
  readonly right: LogicalPlan;
  readonly condition: Expression | undefined;
}

/** What an expression needs below the plan it stands over: event-time windows become columns, sub-queries become joins with the plan they stand over: scalar ones cross or left, IN and EXISTS semi or anti. */
export class SubqueryRewriter {
  private readonly parent: RelationResolver;
  private readonly outer: LogicalPlan;
  private readonly joins: PendingJoin[] = [];
  private readonly windows: TimeWindows;

  constructor(parent: RelationResolver, outer: LogicalPlan) {
    this.parent = parent;
    this.outer = outer;
    this.windows = new TimeWindows(parent.builder);
  }

  /** The given resolver, able to resolve scalar sub-queries and event-time windows. */
  resolver(base: ExpressionResolver): ExpressionResolver {
    const subquery = (expression: Subquery): Resolved => this.scalar(expression);
    return new ExpressionResolver(base.attributes, {
      ...base.options,
      subquery,
      timeWindows: this.windows,
    });
  }

  /** The plan with what the sub-queries and windows need beside its own columns. */
  attach(plan: LogicalPlan): LogicalPlan {
    return this.joins.reduce(
      (left, join) => makeJoin(left, join.right, join.type, join.condition),
      this.windows.attach(plan),
    );
  }

  /** Takes IN and EXISTS out of a condition's conjuncts; answers the rest. */
  conditions(condition: UnresolvedExpression): UnresolvedExpression[] {
    if (condition.kind === 'function' && condition.name.toLowerCase() === 'and') {
      return condition.args.flatMap((arg) => this.conditions(arg));
    }
    const negated = condition.kind === 'function' && ['not', '!'].includes(condition.name.toLowerCase());
    const test = negated ? condition.args[0]! : condition;
    if (test.kind !== 'subquery' || test.mode === 'scalar') return [condition];
    this.existence(test, negated ? 'anti' : 'semi');
    return [];
  }

  private plan(relation: UnresolvedRelation): { plan: LogicalPlan; outerIds: ReadonlySet<number> } {
    const ids = new Set<number>();
    const { rule } = this.parent;
    const find = (parts: readonly string[], planId: number | undefined): Attribute | undefined => {
      const match = findAttribute(this.outer.output, parts, planId, rule);
      if (match !== undefined) ids.add(match.attribute.id);
      return match?.attribute ?? this.parent.options.outer?.(parts, planId);
    };
    return { plan: this.parent.nested(find).resolve(relation), outerIds: ids };
  }

  private existence(test: Subquery, type: 'semi' | 'anti'): void {
    const { plan, outerIds } = this.plan(test.plan);
    if (test.mode === 'exists') {
      const { plan: right, lifted } = liftCorrelation(withoutSelect(plan), outerIds);
      this.joins.push({ type, right, condition: conjunction(lifted) });
      return;
    }
    const own = new ExpressionResolver(this.outer.output, this.parent.options);
    const values = test.values.map((value) => own.value(value));
    const correlated = outerIds.size > 0 && plan.kind === 'project';
    const source = correlated ? plan.input : plan;
    const candidates = correlated ? plan.columns.map(({ value }) => value) : plan.output.map(columnOf);
    const { plan: right, lifted } = liftCorrelation(source, outerIds);
    const equal = values.map((value, index) =>
      membership(value, candidates[index]!, type, this.parent.options.ansi),
    );
    this.joins.push({ type, right, condition: conjunction([...equal, ...lifted]) });
  }

  private scalar(subquery: Subquery): Resolved {
    if (subquery.mode !== 'scalar')
      throw unsupported('IN or EXISTS with a sub-query outside of the conditions that AND joins in WHERE');
    const { plan, outerIds } = this.plan(subquery.plan);
    if (plan.output.length !== 1) throw unsupported('A scalar sub-query of more than one column');
    const text = 'scalarsubquery()';
    if (outerIds.size === 0) {
      const single = singleRow(plan, this.parent);
      this.joins.push({ type: 'cross', right: single, condition: undefined });
      return plain({ ...columnOf(single.output[0]!), nullable: true } as Expression, text);
    }
    return plain(this.correlatedScalar(plan, outerIds), text);
  }

  /** `(SELECT agg(..) FROM t WHERE t.k = outer.k)`: grouped by k and joined on it. */
  private correlatedScalar(plan: LogicalPlan, outerIds: ReadonlySet<number>): Expression {
    const { builder } = this.parent;
    const above = plan.kind === 'project' ? plan : undefined;
    const aggregate = above?.input ?? plan;
    if (aggregate.kind !== 'aggregate' || aggregate.groupBy.length > 0) {
      throw unsupported('A correlated scalar sub-query that is not one aggregate');
    }
    const { plan: input, lifted } = liftCorrelation(aggregate.input, outerIds);
    const pairs = lifted.map((condition) => equalityPair(condition, outerIds));
    const keys = pairs.map((pair) => builder.named('_key', pair.inner));
    const grouped = builder.aggregate(
      input,
      pairs.map(({ inner }) => inner),
      [...aggregate.columns, ...keys],
    );
    const right =
      above === undefined
        ? grouped
        : builder.project(grouped, [
            ...above.columns,
            ...builder.passing(keys.map(({ attribute }) => attribute)),
          ]);
    const condition = conjunction(
      pairs.map((pair, index) =>
        applyFunction('==', [pair.outer, columnOf(keys[index]!.attribute)], this.parent.options.ansi),
      ),
    );
    this.joins.push({ type: 'left', right, condition });
    const value = columnOf(right.output[0]!);
    const column: Expression = { ...value, nullable: true } as Expression;
    const source = (above ?? aggregate).columns[0]!.value;
    // No row for a key means a count of nothing, which is zero and not null.
    const counts = source.kind === 'aggregate' && source.name === 'count';
    if (!counts) return column;
    const zero: Expression = { kind: 'literal', value: 0n, type: { kind: 'long' }, nullable: false };
    return applyFunction('coalesce', [column, zero], this.parent.options.ansi);
  }
}

function withoutSelect(plan: LogicalPlan): LogicalPlan {
  return plan.kind === 'project' || plan.kind === 'sort' || plan.kind === 'distinct'
    ? withoutSelect(plan.input)
    : plan;
}

function membership(
  value: Expression,
  candidate: Expression,
  type: 'semi' | 'anti',
  ansi: boolean,
): Expression {
  const common = commonType(value.type, candidate.type) ?? value.type;
  const equal = applyFunction('==', [coerce(value, common), coerce(candidate, common)], ansi);
  if (type === 'semi') return equal;
  // NOT IN is not true where either side is null: such rows must find a partner, too.
  const unknown = [value, candidate]
    .filter((side) => side.nullable)
    .map((side) => applyFunction('isnull', [side], ansi));
  return unknown.reduce((left, right) => applyFunction('or', [left, right], ansi), equal);
}

interface Lifted {
  readonly plan: LogicalPlan;
  readonly lifted: readonly Expression[];
}

/** Takes the conditions that name outer columns out of the filters at the top of a sub-query. */
function liftCorrelation(plan: LogicalPlan, outerIds: ReadonlySet<number>): Lifted {
  const lifted: Expression[] = [];
  const isOuter = (expression: Expression): boolean =>
    [...columnsOf(expression)].some((id) => outerIds.has(id));
  const visit = (node: LogicalPlan): LogicalPlan => {
    if (node.kind === 'filter') {
      const parts = conjuncts(node.condition);
      lifted.push(...parts.filter(isOuter));
      const rest = conjunction(parts.filter((part) => !isOuter(part)));
      const input = visit(node.input);
      return rest === undefined ? input : { ...node, input, output: input.output, condition: rest };
    }
    if (node.kind === 'project' && node.columns.every(({ value }) => !isOuter(value))) {
      const input = visit(node.input);
      return passColumns({ ...node, input }, lifted, outerIds);
    }
    return node;
  };
  const result = visit(plan);
  if (outerIds.size > 0 && lifted.length === 0) {
    throw unsupported('A correlated sub-query whose condition is not in its own WHERE');
  }
  return { plan: result, lifted };
}

/** A projection below a lifted condition must let its inner columns through. */
function passColumns(
  project: Extract<LogicalPlan, { kind: 'project' }>,
  lifted: readonly Expression[],
  outerIds: ReadonlySet<number>,
): LogicalPlan {
  const shown = new Set(project.output.map(({ id }) => id));
  const wanted = new Set(lifted.flatMap((condition) => [...columnsOf(condition)]));
  const extra = project.input.output.filter(
    ({ id }) => wanted.has(id) && !shown.has(id) && !outerIds.has(id),
  );
  const columns: NamedExpression[] = extra.map((attribute) => ({ attribute, value: columnOf(attribute) }));
  return withOutput({ ...project, columns: [...project.columns, ...columns] }, [...project.output, ...extra]);
}

function equalityPair(
  condition: Expression,
  outerIds: ReadonlySet<number>,
): { outer: Expression; inner: Expression } {
  const isOuter = (side: Expression): boolean =>
    some(side, (node) => node.kind === 'column' && outerIds.has(node.id));
  if (condition.kind === 'call' && condition.name === '==') {
    const [left, right] = [condition.args[0]!, condition.args[1]!];
    if (isOuter(left) && !isOuter(right)) return { outer: left, inner: right };
    if (isOuter(right) && !isOuter(left)) return { outer: right, inner: left };
  }
  throw unsupported('A correlated scalar sub-query with a condition other than equality');
}

/** Exactly one row: null for none, an error for several. */
function singleRow(plan: LogicalPlan, parent: RelationResolver): LogicalPlan {
  const top = plan.kind === 'project' ? plan.input : plan;
  if (top.kind === 'aggregate' && top.groupBy.length === 0) return plan;
  const { builder } = parent;
  const attribute = plan.output[0]!;
  const value: Expression = {
    kind: 'aggregate',
    name: '$single',
    args: [columnOf(attribute)],
    distinct: false,
    filter: undefined,
    type: attribute.type,
    nullable: true,
  };
  return builder.aggregate(plan, [], [builder.named(attribute.name, value)]);
}
