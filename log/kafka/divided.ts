import { hasCode } from '../../common/quarry-error.ts';
import type { RecordInput } from '../log.ts';
import { byPartition, type PartitionRecords } from '../partitioner.ts';
import type { KafkaCluster } from './kafka-cluster.ts';

/** The records by partition; a topic may have got the partition that was not there a moment ago. Errors: those of `byPartition`. */
export async function divided(
  cluster: KafkaCluster,
  records: readonly RecordInput[],
): Promise<PartitionRecords[]> {
  const divide = () => byPartition(records, (topic) => cluster.partitions(topic));
  try {
    return await divide();
  } catch (thrown) {
    if (!hasCode(thrown, 'INVALID_ARGUMENT')) throw thrown;
    for (const { topic } of records) cluster.forget(topic);
    return divide();
  }
}
