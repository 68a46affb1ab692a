import { join } from 'node:path';
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import type { RddPlan, RddPlanInput } from '../../proto/gen/quarry/RddPlan.ts';
import { packageRoot } from '../package-root.ts';
import { QuarryError } from '../quarry-error.ts';

export const RDD_PLAN_VERSION = 1;

/** The type of the google.protobuf.Any that carries an RddPlan. */
export const RDD_PLAN_TYPE_URL = 'type.googleapis.com/quarry.RddPlan';

let loaded: MessageTypeDefinition<RddPlanInput, RddPlan> | undefined;

function definition(): MessageTypeDefinition<RddPlanInput, RddPlan> {
  loaded ??= loadSync('rdd.proto', {
    includeDirs: [join(packageRoot, 'proto/quarry')],
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  })['quarry.RddPlan'] as unknown as MessageTypeDefinition<RddPlanInput, RddPlan>;
  return loaded;
}

export function encodeRddPlan(plan: Omit<RddPlanInput, 'version'>): Buffer {
  return definition().serialize({ ...plan, version: RDD_PLAN_VERSION });
}

/** Errors: INVALID_ARGUMENT for bytes that are no plan, UNSUPPORTED for one of a newer client. */
export function decodeRddPlan(bytes: Buffer): RddPlan {
  let plan: RddPlan;
  try {
    plan = definition().deserialize(bytes);
  } catch (cause) {
    throw new QuarryError('INVALID_ARGUMENT', 'the RDD plan cannot be read', { cause });
  }
  if (plan.version !== RDD_PLAN_VERSION) {
    throw new QuarryError(
      'UNSUPPORTED',
      `the RDD plan has version ${plan.version}, this cluster reads ${RDD_PLAN_VERSION}: use the client of the same release`,
    );
  }
  return plan;
}
