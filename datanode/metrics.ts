import type { DatanodeStats } from './datanode.ts';

/** The text that Prometheus reads. */
export function metricsText(nodeId: string, stats: DatanodeStats, memory: NodeJS.MemoryUsage): string {
  const label = `{node="${nodeId}"}`;
  const lines = [
    gauge('quarry_datanode_used_bytes', 'bytes of data in all replicas', label, stats.usedBytes),
    gauge('quarry_datanode_blocks', 'replicas', label, stats.blockCount),
    gauge(
      'quarry_datanode_active_streams',
      'blocks being written, read or copied',
      label,
      stats.activeStreams,
    ),
    gauge(
      'quarry_datanode_writable',
      '0 while the disk is full or has failed',
      label,
      stats.isWritable ? 1 : 0,
    ),
    gauge('quarry_datanode_resident_bytes', 'memory, mapped tables included', label, memory.rss),
    gauge('quarry_datanode_heap_bytes', 'JavaScript heap in use', label, memory.heapUsed),
    '# HELP quarry_datanode_replica_changes_total changes of replicas since the start',
    '# TYPE quarry_datanode_replica_changes_total counter',
    ...Object.entries(stats.changes).map(
      ([kind, count]) =>
        `quarry_datanode_replica_changes_total{node="${nodeId}",kind="${kind.toLowerCase()}"} ${count}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function gauge(name: string, meaning: string, label: string, value: number): string {
  return `# HELP ${name} ${meaning}\n# TYPE ${name} gauge\n${name}${label} ${value}`;
}
