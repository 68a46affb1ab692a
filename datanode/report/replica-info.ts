import type { ReplicaEventInput } from '../../proto/gen/quarry/ReplicaEvent.ts';
import type { ReplicaInfoInput } from '../../proto/gen/quarry/ReplicaInfo.ts';
import type { Replica } from '../store/block-store.ts';

export type EventKind = 'RECEIVING' | 'RECEIVED' | 'DELETED' | 'CORRUPT' | 'VERIFIED';

/** Something that happened to a replica, as it was right then. */
export interface ReplicaChange {
  readonly kind: EventKind;
  readonly replica: Replica;
}

/** Says to whom it may concern that something happened to a replica; the report loop takes it from there. */
export type OnReplica = (change: ReplicaChange) => void;

export function replicaInfo(replica: Replica): ReplicaInfoInput {
  return {
    block: {
      blockId: replica.blockId,
      generationStamp: replica.generationStamp,
      lengthBytes: replica.lengthBytes,
    },
    state: replica.state,
    durable: replica.durableLengthBytes >= replica.lengthBytes,
  };
}

export function replicaEvent({ kind, replica }: ReplicaChange): ReplicaEventInput {
  return { kind, replica: replicaInfo(replica) };
}
