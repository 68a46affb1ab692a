import { assert } from '../../../common/assert.ts';
import { QuarryError } from '../../../common/quarry-error.ts';
import type { AnalyzerContext } from '../analyzer-context.ts';
import { analysisError, unsupported } from '../errors.ts';
import type { Attribute, Expression, SortOrder } from '../expression.ts';
import { isStreaming } from '../event-time.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import { aggregatesOf } from '../expression-tree.ts';
import { withFreshIds } from '../plan-tree.ts';
import { parseSchema } from '../types/type-parser.ts';
import { LONG } from '../types/coercion.ts';
import type {
  UnresolvedExpression,
  UnresolvedNode,
  UnresolvedOrder,
  UnresolvedRelation,
} from '../unresolved.ts';
import { resolveAggregate } from './aggregation.ts';
import { ExpressionResolver, type ResolverOptions } from './expression-resolver.ts';
import { deduplicate, dropColumns, renameColumns, toDf, withColumns } from './column-changes.ts';
import { HiddenColumns } from './hidden-columns.ts';
import { UsingJoin, resolveJoinOn } from './join-resolver.ts';
import { resolveLateralView, resolveUnpivot } from './generators.ts';
import { dropNa, fillNa, replaceValues } from './missing-values.ts';
import { PlanBuilder, withOutput, withPlanId } from './plan-builder.ts';
import { NameRule } from './scope.ts';
import { describeColumns, toSchema } from './reshape.ts';
import { makeAggregate } from './aggregate-resolver.ts';
import { makeSetOperation } from './set-operation.ts';
import { makeLocal, makeScan } from './source-table.ts';
import type { Sources } from './sources.ts';
import { expandStars } from './stars.ts';
import { isLogFormat, makeLogScan, makeStreamSource, makeWatermark } from './stream-sources.ts';
import { SubqueryRewriter } from './subqueries.ts';

type Node<Kind extends UnresolvedNode['kind']> = Extract<UnresolvedRelation, { kind: Kind }>;

interface CommonTable {
  readonly plan: UnresolvedRelation;
  readonly visible: ReadonlyMap<string, CommonTable>;
}

/** Resolves a tree of relations. Whatever has to be waited for (files, sent rows, parsed texts) is in `sources` already. */
export class RelationResolver {
  readonly builder: PlanBuilder;
  readonly options: ResolverOptions;
  readonly rule: NameRule;
  private readonly context: AnalyzerContext;
  private readonly sources: Sources;
  readonly hidden: HiddenColumns;
  private commonTables: ReadonlyMap<string, CommonTable> = new Map();

  constructor(context: AnalyzerContext, sources: Sources, outer?: ResolverOptions['outer']) {
    this.context = context;
    this.sources = sources;
    this.builder = new PlanBuilder(() => context.nextAttributeId());
    this.rule = new NameRule(context.conf('spark.sql.caseSensitive') === 'true');
    this.options = {
      ansi: context.conf('spark.sql.ansi.enabled') !== 'false',
      rule: this.rule,
      parseExpression: (text) => sources.expression(text),
      ...(outer === undefined ? {} : { outer }),
    };
    this.hidden = new HiddenColumns(this.builder, this.options);
  }

  /** A resolver for a sub-query: it sees the same common tables, and `outer` for columns of the query around it. */
  nested(outer: ResolverOptions['outer']): RelationResolver {
    const inner = new RelationResolver(this.context, this.sources, outer);
    inner.commonTables = this.commonTables;
    return inner;
  }

  resolve(relation: UnresolvedRelation): LogicalPlan {
    return withPlanId(this.node(relation), relation.planId);
  }

  private node(relation: UnresolvedRelation): LogicalPlan {
    const { builder } = this;
    switch (relation.kind) {
      case 'read': {
        const asked = relation.schema === undefined ? undefined : parseSchema(relation.schema);
        if (relation.streaming === true) return makeStreamSource(builder, relation, asked);
        if (isLogFormat(relation.format)) {
          return makeLogScan(builder, this.sources.log(relation), relation, asked);
        }
        if (relation.format === 'jdbc') return makeLocal(builder, this.sources.rows(relation));
        return makeScan(builder, this.sources.files(relation), asked, this.rule);
      }
      case 'table':
        return this.table(relation.name, relation.streaming ?? false);
      case 'cached-remote':
        return this.remote(relation.id);
      case 'watermark':
        return makeWatermark(relation, this.resolve(relation.input), this);
      case 'sql':
        return this.resolve(this.sources.query(relation));
      case 'local':
      case 'cached-local':
      case 'chunked-local':
        return makeLocal(builder, this.sources.rows(relation));
      case 'values':
        return this.values(relation);
      case 'range': {
        const { start, end, step, partitions } = relation;
        return {
          kind: 'range',
          output: [builder.attribute('id', LONG, false)],
          start,
          end,
          step,
          partitions,
        };
      }
      case 'one-row':
        return { kind: 'one-row', output: [] };
      case 'project':
        return this.project(relation);
      case 'filter':
        return this.filter(relation);
      case 'with-columns':
        return withColumns(relation, this);
      case 'rename-columns':
        return renameColumns(relation, this);
      case 'drop':
        return dropColumns(relation, this);
      case 'to-df':
        return toDf(relation, this);
      case 'aggregate':
        return resolveAggregate(relation, this);
      case 'join':
        return this.join(relation);
      case 'set-operation':
        return makeSetOperation(
          builder,
          [this.resolve(relation.left), this.resolve(relation.right)],
          relation,
          this.rule,
        );
      case 'sort':
        return this.sort(relation);
      case 'limit':
        return builder.limit(this.resolve(relation.input), relation.limit, 0);
      case 'offset':
        return builder.limit(this.resolve(relation.input), undefined, relation.offset);
      case 'tail': {
        const input = this.resolve(relation.input);
        return { kind: 'tail', output: input.output, input, limit: relation.limit };
      }
      case 'deduplicate':
        return deduplicate(relation, this);
      case 'subquery-alias':
        return this.subqueryAlias(relation);
      case 'fill-na':
        return fillNa(relation, this.resolve(relation.input), this);
      case 'drop-na':
        return dropNa(relation, this.resolve(relation.input), this);
      case 'replace':
        return replaceValues(relation, this.resolve(relation.input), this);
      case 'sample': {
        const input = this.resolve(relation.input);
        if (relation.replacement) throw unsupported('Sampling with replacement');
        const { lower, upper, seed } = relation;
        return { kind: 'sample', output: input.output, input, lower, upper, seed };
      }
      case 'same':
        return this.resolve(relation.input);
      case 'to-schema':
        return toSchema(this.resolve(relation.input), relation.schema, this);
      case 'unpivot':
        return resolveUnpivot(relation, this.resolve(relation.input), this);
      case 'describe':
        return describeColumns(relation, this.resolve(relation.input), this);
      case 'lateral-view':
        return resolveLateralView(relation, this.resolve(relation.input), this);
      case 'with':
        return this.withTables(relation);
    }
  }

  resolver(attributes: readonly Attribute[]): ExpressionResolver {
    return new ExpressionResolver(attributes, this.options);
  }

  /** The attribute of a data frame's column name. Throws UNRESOLVED_COLUMN. */
  column(input: LogicalPlan, name: string): Attribute {
    const resolved = this.resolver(input.output).resolve({
      kind: 'attribute',
      parts: [name],
      planId: undefined,
    });
    assert(resolved.attribute !== undefined, 'a one-part name is a column');
    return resolved.attribute;
  }

  private table(name: readonly string[], streaming: boolean): LogicalPlan {
    const common = name.length === 1 ? this.commonTables.get(this.rule.key(name[0]!)) : undefined;
    if (common !== undefined) {
      const outer = this.commonTables;
      this.commonTables = common.visible;
      const plan = this.resolve(common.plan);
      this.commonTables = outer;
      return qualified(plan, [name[0]!]);
    }
    const view = this.context.tempView(name.join('.'));
    if (view === undefined) {
      const text = name.map((part) => `\`${part}\``).join('.');
      throw analysisError(
        'TABLE_OR_VIEW_NOT_FOUND',
        `The table or view ${text} cannot be found. Verify the spelling and correctness of the schema and catalog, or name files directly: parquet.\`/path\`.`,
      );
    }
    if (streaming && !isStreaming(view)) {
      throw unsupported(`Reading ${name.join('.')} as a stream: it is a view of a batch query. Reading it`);
    }
    return qualified(
      withFreshIds(view, () => this.context.nextAttributeId()),
      name.slice(-2),
    );
  }

  /** Rows kept for a client: two data frames over them are joined like any two. */
  private remote(id: string): LogicalPlan {
    const plan = this.context.remoteRelation(id);
    if (plan === undefined) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `no relation ${id} is kept here: a batch's data frame can be used only inside its foreachBatch function`,
      );
    }
    return withFreshIds(plan, () => this.context.nextAttributeId());
  }

  private withTables(relation: Node<'with'>): LogicalPlan {
    const outer = this.commonTables;
    const tables = new Map(outer);
    for (const { name, plan } of relation.tables) {
      tables.set(this.rule.key(name), { plan, visible: new Map(tables) });
    }
    this.commonTables = tables;
    const plan = this.resolve(relation.input);
    this.commonTables = outer;
    return plan;
  }

  private values(relation: Node<'values'>): LogicalPlan {
    const resolver = this.resolver([]);
    const rows = relation.rows.map((row) => row.map((cell) => resolver.resolve(cell)));
    const plans = rows.map((row): LogicalPlan => {
      const columns = row.map(({ value }, index) => this.builder.named(`col${index + 1}`, value));
      return this.builder.project({ kind: 'one-row', output: [] }, columns);
    });
    const node = {
      kind: 'set-operation',
      operation: 'union',
      all: true,
      byName: false,
      allowMissing: false,
      left: relation,
      right: relation,
    } as const;
    return halved(plans, (left, right) => makeSetOperation(this.builder, [left, right], node, this.rule));
  }

  private project(relation: Node<'project'>): LogicalPlan {
    const given = this.resolve(relation.input);
    const rewriter = new SubqueryRewriter(this, given);
    const columns = expandStars(relation.columns, given.output, this.rule);
    const { plan: widened, value } = this.hidden.select(given, (resolver) =>
      rewriter.resolver(resolver).list(columns),
    );
    const plan = rewriter.attach(widened);
    if (value.some((each) => aggregatesOf(each.value).length > 0)) {
      return makeAggregate(this.builder, plan, [], value);
    }
    return this.builder.projectResolved(plan, value);
  }

  private filter(relation: Node<'filter'>): LogicalPlan {
    const given = this.resolve(relation.input);
    const rewriter = new SubqueryRewriter(this, given);
    const remaining = rewriter.conditions(relation.condition);
    const joined = rewriter.attach(given);
    if (remaining.length === 0) return this.hidden.restore(joined, given.output);
    // Only the scalar sub-queries inside the rest are joined; existence tests became joins above.
    const scalar = new SubqueryRewriter(this, joined);
    const { plan, value } = this.hidden.below(joined, (resolver) =>
      remaining.map((condition) => scalar.resolver(resolver).condition(condition)),
    );
    const condition = value.reduce(
      (left, right): Expression => ({
        kind: 'call',
        name: 'and',
        args: [left, right],
        type: { kind: 'boolean' },
        nullable: left.nullable || right.nullable,
      }),
    );
    return this.hidden.restore(this.builder.filter(scalar.attach(plan), condition), given.output);
  }

  private join(relation: Node<'join'>): LogicalPlan {
    const left = this.resolve(relation.left);
    const right = this.resolve(relation.right);
    const names =
      relation.natural === true
        ? left.output
            .filter((each) => right.output.some((other) => this.rule.same(each.name, other.name)))
            .map(({ name }) => name)
        : relation.using;
    if (names.length > 0) {
      return new UsingJoin(this.builder, this.options).resolve(left, right, relation.type, names);
    }
    const condition = relation.condition;
    return resolveJoinOn(
      left,
      right,
      relation.type,
      condition === undefined ? undefined : (resolver) => resolver.condition(condition),
      this.options,
    );
  }

  private sort(relation: Node<'sort'>): LogicalPlan {
    const input = this.resolve(relation.input);
    const asked = relation.orders;
    const { plan, value } = this.hidden.below(input, (resolver) =>
      asked.map((order) => resolver.value(ordinal(order, input))),
    );
    const orders = asked.map(
      (order, index): SortOrder => ({
        input: value[index]!,
        ascending: order.ascending,
        nullsFirst: order.nullsFirst ?? order.ascending,
      }),
    );
    const sorted: LogicalPlan = {
      kind: 'sort',
      output: plan.output,
      input: plan,
      orders,
      global: relation.global,
    };
    return this.hidden.restore(sorted, input.output);
  }

  private subqueryAlias(relation: Node<'subquery-alias'>): LogicalPlan {
    const plan = qualified(this.resolve(relation.input), [relation.alias]);
    if (relation.columns.length === 0) return plan;
    if (relation.columns.length !== plan.output.length) {
      throw analysisError(
        'ASSIGNMENT_ARITY_MISMATCH',
        `The number of columns aliased for \`${relation.alias}\`: ${relation.columns.length} does not match the number of its columns: ${plan.output.length}.`,
      );
    }
    return withOutput(
      plan,
      plan.output.map((attribute, index) => ({ ...attribute, name: relation.columns[index]! })),
    );
  }

  /** A typed constant as an expression of the plan. */
  constant(expression: UnresolvedExpression): Expression {
    return this.resolver([]).value(expression);
  }
}

function ordinal(order: UnresolvedOrder, input: LogicalPlan): UnresolvedExpression {
  const key = order.input;
  if (key.kind !== 'literal' || key.type.kind !== 'integer') return key;
  const position = Number(key.value);
  const target = input.output[position - 1];
  if (target === undefined) {
    throw analysisError(
      'ORDER_BY_POS_OUT_OF_RANGE',
      `ORDER BY position ${position} is not in select list (valid range is [1, ${input.output.length}]).`,
    );
  }
  return { kind: 'resolved', attribute: target };
}

function qualified(plan: LogicalPlan, qualifiers: readonly string[]): LogicalPlan {
  return withOutput(
    plan,
    plan.output.map((attribute) => ({ ...attribute, qualifiers })),
  );
}

/** Combines in halves, so that a thousand rows nest ten deep and not a thousand. */
function halved(
  plans: readonly LogicalPlan[],
  combine: (a: LogicalPlan, b: LogicalPlan) => LogicalPlan,
): LogicalPlan {
  if (plans.length === 1) return plans[0]!;
  const middle = plans.length >> 1;
  return combine(halved(plans.slice(0, middle), combine), halved(plans.slice(middle), combine));
}
