import type { ExecutePlanResponse } from '../../../../proto/gen/spark/connect/ExecutePlanResponse.ts';
import type { PlanInput } from '../../../../proto/gen/spark/connect/Plan.ts';
import type { RelationInput } from '../../../../proto/gen/spark/connect/Relation.ts';
import type { AnalyzeRequest, PlanRunner } from '../../../../client/connect/plan-runner.ts';
import { DataFrame } from '../../../../client/dataframe/dataframe.ts';

/** A session that writes down what it is asked and answers what it was told to. */
export class PlanRecorder implements PlanRunner {
  readonly plans: PlanInput[] = [];
  readonly analyses: AnalyzeRequest[] = [];
  batches: Uint8Array[] = [];
  #planId = 0;

  nextPlanId(): string {
    return String(this.#planId++);
  }

  async *execute(plan: PlanInput): AsyncGenerator<ExecutePlanResponse> {
    this.plans.push(plan);
    for (const data of this.batches) {
      yield { arrowBatch: { data: Buffer.from(data), rowCount: '0' } } as ExecutePlanResponse;
    }
  }

  async analyze(request: AnalyzeRequest): Promise<never> {
    this.analyses.push(request);
    return {} as never;
  }

  table(name: string): DataFrame {
    return this.dataFrame({ read: { namedTable: { unparsedIdentifier: name } } });
  }

  dataFrame(relation: RelationInput): DataFrame {
    return new DataFrame(this, relation);
  }
}

/** The relation without its plan ids and those of its inputs. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'common')
      .map(([key, item]) => [key, shapeOf(item)]),
  );
}
