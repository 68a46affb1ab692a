import { assert } from '../../common/assert.ts';
import type { DatanodeInfo } from '../../proto/gen/quarry/DatanodeInfo.ts';
import type { KnownNode } from '../namespace/records.ts';

export type NodeState = 'live' | 'stale' | 'dead';

/** A replica of a block that is in no file: deleted only after a grace, and never many at once. */
export interface Orphan {
  readonly stamp: number;
  readonly sinceMonoMs: number;
}

/** The parts of a full report that have arrived. */
export interface PartialReport {
  readonly reportId: number;
  readonly startedMonoMs: number;
  readonly parts: Set<number>;
  /** Block ids of the parts so far. */
  readonly seen: Set<number>;
}

/** All that is known of one datanode. Memory only, but for `known`. */
export interface Datanode {
  /** Position in the table: what the block map stores. Never reused. */
  readonly index: number;
  readonly id: string;
  known: KnownNode;
  info: DatanodeInfo;
  /** 0 while it has not registered since the namenode started. */
  session: number;
  state: NodeState;
  /** A writer dropped it from a pipeline; the next heartbeat clears it. */
  suspect: boolean;
  lastHeartbeatMonoMs: number;
  capacityBytes: number;
  freeBytes: number;
  usedBytes: number;
  blockCount: number;
  activeStreams: number;
  /** Its full report of this session has been applied. */
  reported: boolean;
  nextSequence: number;
  partial: PartialReport | undefined;
  /** When a block was last in an incremental report: newer than any full report that is under way. */
  readonly recentEvents: Map<number, number>;
  /** Deletions to order with the next heartbeat: block -> stamp. */
  readonly invalidations: Map<number, number>;
  readonly orphans: Map<number, Orphan>;
}

export class DatanodeTable {
  readonly #nodes: Datanode[] = [];
  readonly #byId = new Map<string, Datanode>();

  /** In order of first registration. */
  get all(): readonly Datanode[] {
    return this.#nodes;
  }

  get size(): number {
    return this.#nodes.length;
  }

  at(index: number): Datanode {
    const node = this.#nodes[index];
    assert(node !== undefined, 'a node index is of the table');
    return node;
  }

  byId(id: string): Datanode | undefined {
    return this.#byId.get(id);
  }

  add(known: KnownNode, info: DatanodeInfo): Datanode {
    const node: Datanode = {
      index: this.#nodes.length,
      id: known.id,
      known,
      info,
      session: 0,
      state: 'dead',
      suspect: false,
      lastHeartbeatMonoMs: Number.NEGATIVE_INFINITY,
      capacityBytes: 0,
      freeBytes: 0,
      usedBytes: 0,
      blockCount: 0,
      activeStreams: 0,
      reported: false,
      nextSequence: 1,
      partial: undefined,
      recentEvents: new Map(),
      invalidations: new Map(),
      orphans: new Map(),
    };
    this.#nodes.push(node);
    this.#byId.set(known.id, node);
    return node;
  }

  /** Live, and no reason to think otherwise. */
  get healthy(): Datanode[] {
    return this.#nodes.filter(isHealthy);
  }
}

export const isHealthy = (node: Datanode): boolean => node.state === 'live' && !node.suspect;

/** The info of a node that has not registered since the start: its name and place are known, its addresses not. */
export function infoOf(known: KnownNode): DatanodeInfo {
  return {
    id: known.id,
    uuid: known.uuid,
    dataAddress: '',
    unixSocket: '',
    rpcAddress: '',
    httpAddress: '',
    hostLabel: known.hostLabel,
    rack: known.rack,
  };
}

/** What two replicas never share. */
export const labelOf = (node: Datanode): string => node.info.hostLabel || node.id;
