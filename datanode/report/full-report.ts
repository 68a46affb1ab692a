import type { ReplicaInfoInput } from '../../proto/gen/quarry/ReplicaInfo.ts';
import type { Replica } from '../store/block-store.ts';
import { replicaInfo } from './replica-info.ts';

/** About 200 KiB a part. */
const PART_MAX = 5_000;

/** Every replica that counts, cut into parts; one empty part when there is none. Copies still being received do not count. */
export function fullReportParts(
  replicas: Iterable<Replica>,
  partMax = PART_MAX,
): readonly (readonly ReplicaInfoInput[])[] {
  const parts: ReplicaInfoInput[][] = [[]];
  for (const replica of replicas) {
    if (replica.state === 'TEMPORARY') continue;
    if (parts.at(-1)!.length === partMax) parts.push([]);
    parts.at(-1)!.push(replicaInfo(replica));
  }
  return parts;
}
