import type { Log } from '../log/log.ts';

/** How many bytes the agent has committed to the log, over all files: its own records in the topic say so. */
export async function agentBytes(log: Log, topic: string): Promise<number> {
  const offsets = `${topic}-agent-offsets`;
  const latest = new Map(
    (await log.source.latest(offsets)).map(({ partition, offset }) => [partition, offset]),
  );
  const byFile = new Map<string, number>();
  for (const { partition, offset: from } of await log.source.earliest(offsets)) {
    const until = latest.get(partition) ?? from;
    for await (const { keys, values } of log.source.read({ topic: offsets, partition, from, until })) {
      for (const [i, key] of keys.entries()) {
        const record = JSON.parse(values[i]?.toString() ?? '{}') as { offsetBytes?: number };
        byFile.set(key?.toString() ?? '', record.offsetBytes ?? 0);
      }
    }
  }
  return [...byFile.values()].reduce((sum, bytes) => sum + bytes, 0);
}
