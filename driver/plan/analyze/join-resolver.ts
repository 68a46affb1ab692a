import { analysisError } from '../errors.ts';
import type { Attribute, Expression, NamedExpression } from '../expression.ts';
import { conjunction } from '../expression-tree.ts';
import { functionSpec } from '../functions/function-table.ts';
import type { JoinType, LogicalPlan } from '../logical-plan.ts';
import { ExpressionResolver, type ResolverOptions } from './expression-resolver.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { columnOf, quoted } from './scope.ts';

export function joinOutput(left: LogicalPlan, right: LogicalPlan, type: JoinType): Attribute[] {
  if (type === 'semi' || type === 'anti') return [...left.output];
  const nullable = (side: readonly Attribute[], is: boolean): Attribute[] =>
    side.map((attribute) => (is ? { ...attribute, nullable: true } : attribute));
  return [
    ...nullable(left.output, type === 'right' || type === 'full'),
    ...nullable(right.output, type === 'left' || type === 'full'),
  ];
}

export function makeJoin(
  left: LogicalPlan,
  right: LogicalPlan,
  type: JoinType,
  condition: Expression | undefined,
): LogicalPlan {
  return { kind: 'join', output: joinOutput(left, right, type), left, right, type, condition };
}

/** A call of the function table outside of a user's text: `==` between two typed sides, say. */
export function applyFunction(name: string, args: readonly Expression[], ansi: boolean): Expression {
  const bound = functionSpec(name)!.bind(args, { ansi });
  return { kind: 'call', name: bound.key, args: bound.args, type: bound.type, nullable: bound.nullable };
}

export function resolveJoinOn(
  left: LogicalPlan,
  right: LogicalPlan,
  type: JoinType,
  resolve: ((resolver: ExpressionResolver) => Expression) | undefined,
  options: ResolverOptions,
): LogicalPlan {
  const resolver = new ExpressionResolver([...left.output, ...right.output], options);
  const condition = resolve?.(resolver);
  const cross = condition === undefined && type === 'inner';
  return makeJoin(left, right, cross ? 'cross' : type, condition);
}

/** USING: the named columns come first and once; the other side's stay nameable but out of sight. */
export class UsingJoin {
  private readonly builder: PlanBuilder;
  private readonly options: ResolverOptions;

  constructor(builder: PlanBuilder, options: ResolverOptions) {
    this.builder = builder;
    this.options = options;
  }

  private key(side: LogicalPlan, name: string, which: string): Attribute {
    const found = side.output.filter((attribute) => this.options.rule.same(attribute.name, name));
    if (found.length === 1) return found[0]!;
    if (found.length > 1) {
      throw analysisError(
        'AMBIGUOUS_REFERENCE',
        `Reference ${quoted([name])} is ambiguous, could be: [${found.map(() => quoted([name])).join(', ')}].`,
      );
    }
    throw analysisError(
      'UNRESOLVED_USING_COLUMN_FOR_JOIN',
      `USING column ${quoted([name])} cannot be resolved on the ${which} side of the join. The ${which}-side columns: [${side.output.map((each) => quoted([each.name])).join(', ')}].`,
    );
  }

  resolve(left: LogicalPlan, right: LogicalPlan, type: JoinType, names: readonly string[]): LogicalPlan {
    const { builder, options } = this;
    const keys = names.map((name) => ({
      left: this.key(left, name, 'left'),
      right: this.key(right, name, 'right'),
    }));
    const condition = conjunction(
      keys.map((key) => applyFunction('==', [columnOf(key.left), columnOf(key.right)], options.ansi)),
    );
    const join = makeJoin(left, right, type === 'cross' ? 'inner' : type, condition);
    const outputOf = (attribute: Attribute): Attribute =>
      join.output.find(({ id }) => id === attribute.id) ?? attribute;
    const shown = keys.map((key): NamedExpression => {
      if (type !== 'full') {
        const kept = outputOf(type === 'right' ? key.right : key.left);
        return { attribute: kept, value: columnOf(kept) };
      }
      const either = applyFunction(
        'coalesce',
        [columnOf(outputOf(key.left)), columnOf(outputOf(key.right))],
        options.ansi,
      );
      return builder.named(key.left.name, either);
    });
    const keyIds = new Set(keys.flatMap((key) => [key.left.id, key.right.id]));
    const rest = join.output.filter(({ id }) => !keyIds.has(id));
    const columns = [...shown, ...builder.passing(rest)];
    const kept = new Set(columns.map(({ attribute }) => attribute.id));
    const hidden = join.output.filter(({ id }) => !kept.has(id));
    const output = columns.map(({ attribute }) => attribute);
    return { kind: 'project', output, input: join, columns, hidden };
  }
}
