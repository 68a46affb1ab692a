import type { MessageTypeDefinition } from '@grpc/proto-loader';
import type { RddPlan, RddPlanInput } from '../../proto/gen/quarry/RddPlan.ts';
import { QuarryError } from '../quarry-error.ts';
import { Protocol } from '../rpc/protocol.ts';

export const RDD_PLAN_VERSION = 1;

/** The type of the google.protobuf.Any that carries an RddPlan. */
export const RDD_PLAN_TYPE_URL = 'type.googleapis.com/quarry.RddPlan';

type Definition = Pick<MessageTypeDefinition<RddPlanInput, RddPlan>, 'serialize' | 'deserialize'>;

let loaded: Definition | undefined;

function definition(): Definition {
  loaded ??= Protocol.load('quarry/rdd').message('quarry.RddPlan') as unknown as Definition;
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
