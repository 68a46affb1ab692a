import { encodeRddPlan, RDD_PLAN_TYPE_URL } from '../../common/rdd/rdd-plan.ts';
import type { RddActionInput } from '../../proto/gen/quarry/RddAction.ts';
import type { RddNodeInput } from '../../proto/gen/quarry/RddNode.ts';
import type { AnyInput } from '../../proto/gen/google/protobuf/Any.ts';

/** An operation over others. A tree shares its branches; the plan lists each once. */
export interface RddTree {
  readonly node: Omit<RddNodeInput, 'inputs'>;
  readonly inputs: readonly RddTree[];
}

/** The plan of an action on a tree, as it goes into `Relation.extension` or `Command.extension`. */
export function rddPlan(root: RddTree, action: RddActionInput): AnyInput {
  const indexes = new Map<RddTree, number>();
  const nodes: RddNodeInput[] = [];
  const add = (tree: RddTree): number => {
    const known = indexes.get(tree);
    if (known !== undefined) return known;
    const inputs = tree.inputs.map(add);
    const index = nodes.push({ ...tree.node, inputs }) - 1;
    indexes.set(tree, index);
    return index;
  };
  add(root);
  return { type_url: RDD_PLAN_TYPE_URL, value: encodeRddPlan({ nodes, action }) };
}
