import type { DatanodeInfo } from '../../proto/gen/quarry/DatanodeInfo.ts';
import type { FsContext } from './fs-context.ts';

/** More nodes than that at once bring one reader nothing: it is then busier than they are. */
const NODES_MAX = 2;
/** A node that is slower than the fastest by that factor gets no share: in-order reading waits for the slowest. */
const SLOW_FACTOR = 4;
/** Nodes that are faster than that, 100 MiB/s, are equals: what they differ by then is chance. */
const BYTES_PER_MS_MAX = 100 * 1024;
/** A shorter read says more about round trips than about the node. */
const RATED_BYTES_MIN = 1024 * 1024;

/** Which replica one reader asks for its next stretch. What its own reads have shown counts, for all blocks it still reads. */
export class ReplicaChoice {
  readonly #context: Pick<FsContext, 'suspects' | 'hostLabel'>;
  readonly #bytesPerMs = new Map<string, number>();
  #turn = 0;

  constructor(context: Pick<FsContext, 'suspects' | 'hostLabel'>) {
    this.#context = context;
  }

  /**
   * The nodes in the order to be tried. Stretch by stretch, the nearest two of one rack take turns, so that they read,
   * and send, at the same time; a node of this host is never passed over. Suspect ones come last.
   */
  order(locations: readonly DatanodeInfo[]): DatanodeInfo[] {
    const nodes = this.#context.suspects.order(locations);
    const equals = this.#equals(nodes);
    const first = equals[this.#turn++ % Math.max(1, equals.length)];
    return first === undefined ? nodes : [first, ...nodes.filter((node) => node !== first)];
  }

  /** `tookMs` from the request to the last byte. */
  note(node: DatanodeInfo, lengthBytes: number, tookMs: number): void {
    if (lengthBytes < RATED_BYTES_MIN) return;
    this.#bytesPerMs.set(node.id, Math.min(BYTES_PER_MS_MAX, lengthBytes / Math.max(tookMs, 1)));
  }

  #equals(nodes: readonly DatanodeInfo[]): DatanodeInfo[] {
    const [nearest] = nodes;
    const { hostLabel, suspects } = this.#context;
    if (nearest === undefined || (hostLabel !== '' && nearest.hostLabel === hostLabel)) return [];
    const near = nodes
      .filter((node) => node.rack === nearest.rack && !suspects.isSuspect(node.id))
      .slice(0, NODES_MAX);
    const best = Math.max(0, ...near.map((node) => this.#bytesPerMs.get(node.id) ?? 0));
    return near.filter((node) => (this.#bytesPerMs.get(node.id) ?? best) * SLOW_FACTOR >= best);
  }
}
