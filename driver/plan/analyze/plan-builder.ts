import type { Attribute, Expression, NamedExpression } from '../expression.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import type { SparkType } from '../spark-type.ts';
import { hasGenerator } from '../expression-tree.ts';
import { fieldOf, columnOf, NameRule } from './scope.ts';
import type { Resolved } from './resolved.ts';
import { sameType } from '../types/coercion.ts';
import { coerce } from '../functions/function-spec.ts';

const EXACT = new NameRule(true);

/** Makes plan nodes with their outputs; ids come from the session. */
export class PlanBuilder {
  private readonly nextId: () => number;

  constructor(nextId: () => number) {
    this.nextId = nextId;
  }

  attribute(name: string, type: SparkType, nullable: boolean, qualifiers: readonly string[] = []): Attribute {
    return { id: this.nextId(), name, type, nullable, planIds: [], qualifiers };
  }

  named(name: string, value: Expression): NamedExpression {
    return { attribute: this.attribute(name, value.type, value.nullable), value };
  }

  /** Columns as they are, under the same ids. */
  passing(attributes: readonly Attribute[]): NamedExpression[] {
    return attributes.map((attribute) => ({ attribute, value: columnOf(attribute) }));
  }

  /** A select list: a bare column keeps its id, unless the list names it twice. */
  columns(resolved: readonly Resolved[]): NamedExpression[] {
    const used = new Set<number>();
    return resolved.map((each) => {
      const kept = each.attribute;
      if (kept !== undefined && each.names === undefined && !used.has(kept.id)) {
        used.add(kept.id);
        return { attribute: kept, value: each.value };
      }
      return this.named(each.name, each.value);
    });
  }

  project(input: LogicalPlan, columns: readonly NamedExpression[]): LogicalPlan {
    return { kind: 'project', output: columns.map(({ attribute }) => attribute), input, columns };
  }

  /** A select list in which one column may be a generator that makes several columns. */
  projectResolved(input: LogicalPlan, resolved: readonly Resolved[]): LogicalPlan {
    if (!resolved.some(({ value }) => hasGenerator(value)))
      return this.project(input, this.columns(resolved));
    const inner = this.project(input, this.columns(resolved));
    const columns = inner.output.flatMap((attribute, index): NamedExpression[] => {
      const { value, names } = resolved[index]!;
      if (value.kind !== 'call' || !value.name.startsWith('$generate')) {
        return [{ attribute, value: columnOf(attribute) }];
      }
      return this.generated(attribute, value.name === '$generate_fields', names ?? []);
    });
    return this.project(inner, columns);
  }

  private generated(attribute: Attribute, fields: boolean, names: readonly string[]): NamedExpression[] {
    const type = attribute.type;
    if (!fields || type.kind !== 'struct') {
      return [this.named(names[0] ?? 'col', columnOf(attribute))];
    }
    return type.fields.map((field, index) =>
      this.named(names[index] ?? field.name, fieldOf(columnOf(attribute), field.name, EXACT)),
    );
  }

  filter(input: LogicalPlan, condition: Expression): LogicalPlan {
    return { kind: 'filter', output: input.output, input, condition };
  }

  limit(input: LogicalPlan, limit: number | undefined, offset: number): LogicalPlan {
    return { kind: 'limit', output: input.output, input, limit, offset };
  }

  aggregate(
    input: LogicalPlan,
    groupBy: readonly Expression[],
    columns: readonly NamedExpression[],
  ): LogicalPlan {
    return { kind: 'aggregate', output: columns.map(({ attribute }) => attribute), input, groupBy, columns };
  }

  /** The plan with its columns cast by position; itself where nothing changes. */
  castTo(input: LogicalPlan, types: readonly SparkType[]): LogicalPlan {
    if (input.output.every((attribute, index) => sameType(attribute.type, types[index]!))) return input;
    const columns = input.output.map((attribute, index): NamedExpression => {
      const value = coerce(columnOf(attribute), types[index]!);
      return value.kind === 'column' ? { attribute, value } : this.named(attribute.name, value);
    });
    return this.project(input, columns);
  }
}

export function withOutput(plan: LogicalPlan, output: readonly Attribute[]): LogicalPlan {
  return { ...plan, output };
}

/** Marks what a relation passes on, so that `df.id` can be found by the data frame's plan id. */
export function withPlanId(plan: LogicalPlan, planId: number | undefined): LogicalPlan {
  if (planId === undefined) return plan;
  return withOutput(
    plan,
    plan.output.map((attribute) => ({ ...attribute, planIds: [...attribute.planIds, planId] })),
  );
}
