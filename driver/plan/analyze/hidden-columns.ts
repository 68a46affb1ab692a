import { analysisError } from '../errors.ts';
import type { Attribute, Expression, NamedExpression } from '../expression.ts';
import { columnsOf, expressionKey, some, transform } from '../expression-tree.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import { ExpressionResolver, type ResolverOptions } from './expression-resolver.ts';
import { type PlanBuilder, withOutput } from './plan-builder.ts';
import { columnOf, findAttribute, type NameRule } from './scope.ts';

type Project = Extract<LogicalPlan, { kind: 'project' }>;
type Aggregate = Extract<LogicalPlan, { kind: 'aggregate' }>;

interface Exposed {
  readonly plan: LogicalPlan;
  readonly attribute: Attribute;
}

interface Wanted {
  readonly parts: readonly string[];
  readonly planId: number | undefined;
  readonly rule: NameRule;
}

/**
 * Widens a plan by a column that a select below left out: `df.select("a").sort("b")`. Only steps that keep rows one to
 * one are passed; undefined when the name is nowhere below them.
 */
function expose(plan: LogicalPlan, wanted: Wanted): Exposed | undefined {
  switch (plan.kind) {
    case 'project': {
      const match = findAttribute(plan.input.output, wanted.parts, wanted.planId, wanted.rule);
      const inner =
        match === undefined ? expose(plan.input, wanted) : { plan: plan.input, attribute: match.attribute };
      if (inner === undefined || match?.nested.length) return undefined;
      return { plan: widened(plan, inner), attribute: inner.attribute };
    }
    case 'filter':
    case 'sort':
    case 'limit':
    case 'sample': {
      const inner = expose(plan.input, wanted);
      if (inner === undefined) return undefined;
      const output = [...plan.output, inner.attribute];
      return { plan: { ...plan, input: inner.plan, output }, attribute: inner.attribute };
    }
    default:
      return undefined;
  }
}

function widened(plan: Project, inner: Exposed): LogicalPlan {
  if (plan.output.some(({ id }) => id === inner.attribute.id)) return { ...plan, input: inner.plan };
  const column: NamedExpression = { attribute: inner.attribute, value: columnOf(inner.attribute) };
  return {
    ...plan,
    input: inner.plan,
    columns: [...plan.columns, column],
    output: [...plan.output, inner.attribute],
  };
}

/** Columns that a USING join left out, for a select above it. */
function exposeHidden(plan: LogicalPlan, wanted: Wanted): Exposed | undefined {
  if (plan.kind === 'project' && plan.hidden !== undefined) {
    const match = findAttribute(plan.hidden, wanted.parts, wanted.planId, wanted.rule);
    if (match === undefined || match.nested.length > 0) return undefined;
    return {
      plan: widened(plan, { plan: plan.input, attribute: match.attribute }),
      attribute: match.attribute,
    };
  }
  if (plan.kind === 'filter' || plan.kind === 'sort' || plan.kind === 'limit') {
    const inner = exposeHidden(plan.input, wanted);
    if (inner === undefined) return undefined;
    const output = [...plan.output, inner.attribute];
    return { plan: { ...plan, input: inner.plan, output }, attribute: inner.attribute };
  }
  return undefined;
}

/** Adds aggregates and grouping keys that HAVING or ORDER BY names to the aggregate itself. */
class AggregateExtension {
  plan: Aggregate;
  private readonly builder: PlanBuilder;

  constructor(plan: Aggregate, builder: PlanBuilder) {
    this.plan = plan;
    this.builder = builder;
  }

  /** An expression over the aggregate's input and its output, as one over its (widened) output. */
  rewrite(expression: Expression): Expression {
    const keys = new Set(this.plan.groupBy.map(expressionKey));
    const own = new Set(this.plan.output.map(({ id }) => id));
    return transform(expression, (node) => {
      if (node.kind === 'column' && own.has(node.id)) return node;
      if (node.kind !== 'aggregate' && !keys.has(expressionKey(node))) return undefined;
      if (node.kind === 'literal') return undefined;
      return columnOf(this.column(node));
    });
  }

  private column(value: Expression): Attribute {
    const key = expressionKey(value);
    const known = this.plan.columns.findIndex((column) => expressionKey(column.value) === key);
    if (known >= 0) return this.plan.output[known]!;
    const made = this.builder.named('_extra', value);
    const columns = [...this.plan.columns, made];
    this.plan = { ...this.plan, columns, output: [...this.plan.output, made.attribute] };
    return made.attribute;
  }
}

function passesOn(project: Project): boolean {
  return project.columns.every(
    ({ attribute, value }) => value.kind === 'column' && value.id === attribute.id,
  );
}

/** The aggregate under HAVING's filters, whose columns the steps above pass on as they are. */
function aggregateBelow(plan: LogicalPlan): Aggregate | undefined {
  if (plan.kind === 'aggregate') return plan;
  if (plan.kind === 'filter') return aggregateBelow(plan.input);
  return plan.kind === 'project' && passesOn(plan) ? aggregateBelow(plan.input) : undefined;
}

function replaceAggregate(plan: LogicalPlan, aggregate: Aggregate): LogicalPlan {
  if (plan.kind === 'aggregate') return aggregate;
  if (plan.kind !== 'filter' && plan.kind !== 'project') return plan;
  const input = replaceAggregate(plan.input, aggregate);
  const known = new Set(plan.output.map(({ id }) => id));
  const added = input.output.filter(({ id }) => !known.has(id));
  const output = [...plan.output, ...added];
  if (plan.kind === 'filter') return { ...plan, input, output };
  const columns = added.map((attribute): NamedExpression => ({ attribute, value: columnOf(attribute) }));
  return { ...plan, input, output, columns: [...plan.columns, ...columns] };
}

export interface Widened<T> {
  readonly plan: LogicalPlan;
  readonly value: T;
}

/** Expressions resolved over a plan that may need more columns than it shows; `restore` takes them away again. */
export class HiddenColumns {
  private readonly builder: PlanBuilder;
  private readonly options: ResolverOptions;

  constructor(builder: PlanBuilder, options: ResolverOptions) {
    this.builder = builder;
    this.options = options;
  }

  /** For a select: only what a USING join hides. */
  select<T>(input: LogicalPlan, resolve: (resolver: ExpressionResolver) => T): Widened<T> {
    return this.widen(input, exposeHidden, resolve);
  }

  /** For sort and filter: also what a select below left out, and aggregates of the aggregate below. */
  below(
    input: LogicalPlan,
    resolve: (resolver: ExpressionResolver) => readonly Expression[],
  ): Widened<readonly Expression[]> {
    const below = aggregateBelow(input);
    if (below !== undefined) return this.overAggregate(input, below, resolve);
    return this.widen(input, (plan, wanted) => exposeHidden(plan, wanted) ?? expose(plan, wanted), resolve);
  }

  private widen<T>(
    input: LogicalPlan,
    how: (plan: LogicalPlan, wanted: Wanted) => Exposed | undefined,
    resolve: (resolver: ExpressionResolver) => T,
  ): Widened<T> {
    let plan = input;
    const outer = (parts: readonly string[], planId: number | undefined): Attribute | undefined => {
      const found = how(plan, { parts, planId, rule: this.options.rule });
      if (found === undefined) return this.options.outer?.(parts, planId);
      plan = found.plan;
      return found.attribute;
    };
    const value = resolve(new ExpressionResolver(input.output, { ...this.options, outer }));
    return { plan, value };
  }

  private overAggregate(
    top: LogicalPlan,
    input: Aggregate,
    resolve: (resolver: ExpressionResolver) => readonly Expression[],
  ): Widened<readonly Expression[]> {
    const outer = (parts: readonly string[], planId: number | undefined): Attribute | undefined =>
      findAttribute(input.input.output, parts, planId, this.options.rule)?.attribute ??
      this.options.outer?.(parts, planId);
    const resolver = new ExpressionResolver(top.output, {
      ...this.options,
      outer,
      aggregateScope: input.input.output,
    });
    const resolved = resolve(resolver);
    const extension = new AggregateExtension(input, this.builder);
    const value = resolved.map((expression) => extension.rewrite(expression));
    const known = new Set(extension.plan.output.map(({ id }) => id));
    if (value.some((each) => [...columnsOf(each)].some((id) => !known.has(id)))) {
      throw analysisError(
        'MISSING_AGGREGATION',
        'HAVING or ORDER BY names a column that is neither grouped by nor inside an aggregate function.',
      );
    }
    return { plan: replaceAggregate(top, extension.plan), value };
  }

  /** The plan with just the columns it had before it was widened. */
  restore(plan: LogicalPlan, output: LogicalPlan['output']): LogicalPlan {
    if (plan.output.length === output.length) return withOutput(plan, output);
    return this.builder.project(plan, this.builder.passing(output));
  }
}

export function hasAggregate(expression: Expression): boolean {
  return some(expression, (node) => node.kind === 'aggregate');
}
