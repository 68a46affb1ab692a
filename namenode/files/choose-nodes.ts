import { QuarryError } from '../../common/quarry-error.ts';
import { candidateOf } from '../blocks/healing.ts';
import { choosePlacement } from '../blocks/placement.ts';
import { type Datanode, labelOf } from '../nodes/datanode-table.ts';
import type { State } from '../state.ts';

export interface NodesWanted {
  readonly count: number;
  readonly neededBytes: number;
  readonly hostLabel: string;
  readonly excluded: readonly string[];
  /** Nodes that have a replica. */
  readonly taken: readonly Datanode[];
}

/** As many nodes as wanted and there are, at least one. Errors: NOT_ENOUGH_DATANODES, NO_SPACE. */
export function chooseNodes(state: State, wanted: NodesWanted): Datanode[] {
  const excluded = new Set([...wanted.excluded, ...wanted.taken.map((node) => node.id)]);
  const candidates = state.nodes.healthy.filter((node) => !excluded.has(node.id));
  const chosen = choosePlacement(
    {
      count: wanted.count,
      candidates: candidates.map((node) => candidateOf(state, node)),
      taken: wanted.taken.map((node) => ({ label: labelOf(node), rack: node.info.rack })),
      preferredLabel: wanted.hostLabel,
      neededBytes: wanted.neededBytes,
    },
    state.random,
  );
  if (chosen.length > 0) return chosen.flatMap(({ id }) => state.nodes.byId(id) ?? []);
  const labels = new Set(wanted.taken.map(labelOf));
  const free = candidates.filter((node) => !labels.has(labelOf(node)));
  if (free.length > 0) {
    const most = Math.max(...free.map((node) => node.freeBytes));
    throw new QuarryError(
      'NO_SPACE',
      `no datanode has room for a block of ${wanted.neededBytes} bytes, the emptiest has ${most} free: delete something, add a node, or write with a smaller block size`,
    );
  }
  throw new QuarryError(
    'NOT_ENOUGH_DATANODES',
    `no datanode can take the block: ${state.nodes.size} are known, ${state.nodes.healthy.length} of them healthy, ${wanted.excluded.length} excluded by the caller`,
  );
}
