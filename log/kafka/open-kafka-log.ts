import type { Log } from '../log.ts';
import { KafkaCluster, type KafkaClusterOptions } from './kafka-cluster.ts';
import { KafkaSink } from './kafka-sink.ts';
import { KafkaSource } from './kafka-source.ts';

/** Kafka behind the log's interface: its wire protocol as it is spoken by Kafka 2.1 to 4.x, in plain text or over TLS, with SASL or without. */
export function openKafkaLog(options: KafkaClusterOptions): Log {
  const cluster = new KafkaCluster(options);
  return {
    source: new KafkaSource(cluster),
    sink: new KafkaSink(cluster),
    async close() {
      cluster.close();
    },
  };
}
