import type { StatusReplyInput } from '../../proto/gen/quarry/StatusReply.ts';
import type { CommandShell } from '../command-shell.ts';

/** Prometheus's text format. */
export function metricsText(namenode: CommandShell, status: StatusReplyInput): string {
  const { state } = namenode;
  const lines: string[] = [];
  const gauge = (name: string, help: string, value: unknown) => {
    lines.push(`# HELP quarry_namenode_${name} ${help}`, `# TYPE quarry_namenode_${name} gauge`);
    lines.push(`quarry_namenode_${name} ${Number(value)}`);
  };
  gauge('safe_mode', '1 while the namespace takes no changes', status.safeMode);
  gauge('transaction_id', 'the newest durable transaction', status.txid);
  gauge('files', 'files in the namespace', status.fileCount);
  gauge('directories', 'directories in the namespace', status.directoryCount);
  gauge('blocks', 'committed blocks', status.blockCount);
  gauge('blocks_under_replicated', 'blocks with fewer replicas than wanted', status.underReplicated);
  gauge('blocks_missing', 'blocks without a good replica', status.missing);
  gauge('blocks_corrupt', 'blocks with a corrupt replica', status.corrupt);
  gauge('blocks_open', 'blocks that are being written', state.construction.size);
  gauge('open_files', 'files with a lease', state.leases.openFiles);
  gauge('pending_copies', 'blocks with a copy on its way', state.copies.size);
  gauge('pending_deletions', 'deleted blocks that a datanode still holds', state.deletions.size);
  gauge('retry_cache_entries', 'remembered calls', state.retries.entries);
  gauge('retry_cache_overflows', 'minutes of remembered calls dropped early', state.retries.overflows);
  gauge('capacity_bytes', 'of all datanodes', status.capacityBytes);
  gauge('free_bytes', 'of all datanodes', status.freeBytes);
  gauge('used_bytes', 'by block data on all datanodes', status.usedBytes);
  lines.push('# HELP quarry_namenode_datanodes datanodes by state', '# TYPE quarry_namenode_datanodes gauge');
  for (const kind of ['live', 'stale', 'dead']) {
    const count = status.datanodes?.filter((node) => node.state === kind).length ?? 0;
    lines.push(`quarry_namenode_datanodes{state="${kind}"} ${count}`);
  }
  const ops = namenode.counters.entries();
  const counter = (name: string, help: string, of: (op: (typeof ops)[number][1]) => number) => {
    lines.push(`# HELP quarry_namenode_${name} ${help}`, `# TYPE quarry_namenode_${name} counter`);
    for (const [op, count] of ops) lines.push(`quarry_namenode_${name}{op="${op}"} ${of(count)}`);
  };
  counter('calls_total', 'calls by operation', (count) => count.calls);
  counter('errors_total', 'calls that ended in an error', (count) => count.errors);
  counter('call_seconds_total', 'time from arrival to answer', (count) => count.totalMs / 1000);
  return `${lines.join('\n')}\n`;
}
