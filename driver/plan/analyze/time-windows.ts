import { analysisError } from '../errors.ts';
import type { Attribute, Expression, NamedExpression } from '../expression.ts';
import { expressionKey } from '../expression-tree.ts';
import { bindWindow } from '../functions/time-windows.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import { BOOLEAN } from '../types/coercion.ts';
import type { PlanBuilder } from './plan-builder.ts';
import type { Resolved } from './resolved.ts';
import { columnOf } from './scope.ts';

const NAME = 'window';

/**
 * `window(time, ...)` in a select list or among grouping keys stands for a column `window` of the plan below: a projection adds it
 * before anything else sees the rows, so that a row of several sliding windows is several rows. Rows without a time have no window.
 */
export class TimeWindows {
  private readonly builder: PlanBuilder;
  private made: (NamedExpression & { readonly key: string }) | undefined;

  constructor(builder: PlanBuilder) {
    this.builder = builder;
  }

  /** The same call again is the same column. Errors: ANALYSIS for a second, different window. */
  column(args: readonly Resolved[]): Resolved {
    const value = bindWindow(args.map((arg) => arg.value));
    const key = expressionKey(value);
    this.made ??= { ...this.builder.named(NAME, value), key };
    if (this.made.key !== key) {
      throw analysisError(
        'UNSUPPORTED_FEATURE',
        'Multiple time/session window expressions would result in a cartesian product of rows, therefore they are currently not supported.',
      );
    }
    return resolved(this.made.attribute);
  }

  /** `window.start` in a SQL query that groups by a window. */
  named(name: string): Resolved | undefined {
    return this.made !== undefined && name.toLowerCase() === NAME ? resolved(this.made.attribute) : undefined;
  }

  attach(plan: LogicalPlan): LogicalPlan {
    const { made, builder } = this;
    if (made === undefined) return plan;
    const time = timeOf(made.value);
    const present: Expression = {
      kind: 'call',
      name: 'isnotnull',
      args: [time],
      type: BOOLEAN,
      nullable: false,
    };
    const timed = time.nullable ? builder.filter(plan, present) : plan;
    const { attribute, value } = made;
    return builder.project(timed, [...builder.passing(timed.output), { attribute, value }]);
  }
}

function resolved(attribute: Attribute): Resolved {
  return { value: columnOf(attribute), text: NAME, name: NAME, attribute };
}

/** The first argument of `$window(...)`, or of `$windows(...)` inside `$generate`. */
function timeOf(value: Expression): Expression {
  const first = value.kind === 'call' ? value.args[0]! : value;
  return value.kind === 'call' && value.name === '$generate' ? timeOf(first) : first;
}
