import type { Random } from '../../common/seams/random.ts';

/** A node as placement sees it. */
export interface Candidate {
  readonly id: string;
  readonly label: string;
  readonly rack: string;
  readonly freeBytes: number;
  readonly load: number;
}

export interface PlacementRequest {
  readonly count: number;
  /** Live, healthy and not excluded. */
  readonly candidates: readonly Candidate[];
  /** Of replicas that exist already. */
  readonly taken: readonly { readonly label: string; readonly rack: string }[];
  /** The writer's label: the first replica goes there if it can. '' for unknown. */
  readonly preferredLabel: string;
  readonly neededBytes: number;
}

/**
 * Chooses nodes for new replicas: never two on one label, the first beside the writer, the second on another rack where
 * there is one, the third on the second's. Among equals the better of two drawn at random wins: that spreads load without
 * sending everything to the emptiest node. Answers fewer than asked when there are not more; [] when nothing has room.
 */
export function choosePlacement(request: PlacementRequest, random: Random): Candidate[] {
  const labels = new Set(request.taken.map((node) => node.label));
  const racks = request.taken.map((node) => node.rack);
  const chosen: Candidate[] = [];
  while (chosen.length < request.count) {
    const open = request.candidates.filter(
      (node) => !labels.has(node.label) && node.freeBytes >= request.neededBytes,
    );
    if (open.length === 0) break;
    const local = racks.length === 0 ? open.filter((node) => node.label === request.preferredLabel) : [];
    const next = local[0] ?? betterOfTwo(preferRack(open, racks), random);
    chosen.push(next);
    labels.add(next.label);
    racks.push(next.rack);
  }
  return chosen;
}

function preferRack(open: readonly Candidate[], racks: readonly string[]): readonly Candidate[] {
  const wanted =
    racks.length === 1
      ? open.filter((node) => node.rack !== racks[0])
      : racks.length === 2
        ? open.filter((node) => node.rack === racks[1])
        : open;
  return wanted.length > 0 ? wanted : open;
}

function betterOfTwo(open: readonly Candidate[], random: Random): Candidate {
  const first = open[random.int(open.length)]!;
  const second = open[random.int(open.length)]!;
  if (first.load !== second.load) return first.load < second.load ? first : second;
  return second.freeBytes > first.freeBytes ? second : first;
}
