import type { StatusReplyInput } from '../../proto/gen/quarry/StatusReply.ts';

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d8dadf, #3a3d45); --soft: light-dark(#5b6068, #a2a8b3); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p.id, td.soft, th { color: var(--soft); } p.id { margin: 0; font-size: .85rem; }
table { border-collapse: collapse; width: 100%; } th { font-weight: 500; text-align: left; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .5rem; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.warn { border: 1px solid light-dark(#c77700, #e0a040); border-radius: .4rem; padding: .5rem .75rem; margin-top: 1rem; }
.dead { color: light-dark(#b3261e, #ff8a80); } .stale { color: light-dark(#9a5b00, #f0b860); }
`;

/** The page at /: what the cluster holds and who is there. No script, no input. */
export function statusPage(status: StatusReplyInput): string {
  const rows = (pairs: readonly (readonly [string, string])[]) =>
    pairs.map(([name, value]) => `<tr><th>${name}</th><td class="n">${value}</td></tr>`).join('\n');
  const nodes = (status.datanodes ?? []).map(
    ({ info, state, freeBytes, capacityBytes, blockCount, lastHeartbeatAgeMs }) =>
      `<tr><td>${escape(info?.id)}</td><td class="${escape(state)}">${escape(state)}</td>` +
      `<td class="soft">${escape(info?.hostLabel || info?.id)}</td><td class="soft">${escape(info?.dataAddress)}</td>` +
      `<td class="n">${Number(blockCount)}</td><td class="n">${size(freeBytes)} of ${size(capacityBytes)}</td>` +
      `<td class="n">${(Number(lastHeartbeatAgeMs) / 1000).toFixed(1)} s</td></tr>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Quarry namenode</title><style>${STYLE}</style></head><body>
<h1>Quarry namenode</h1><p class="id">${escape(status.clusterId)}</p>
${status.safeMode ? `<p class="warn">Safe mode: ${escape(status.safeModeReason)}</p>` : ''}
<h2>Namespace</h2><table>
${rows([
  ['Files', String(Number(status.fileCount))],
  ['Directories', String(Number(status.directoryCount))],
  ['Blocks', String(Number(status.blockCount))],
  ['Under-replicated blocks', String(Number(status.underReplicated))],
  ['Missing blocks', String(Number(status.missing))],
  ['Blocks with a corrupt replica', String(Number(status.corrupt))],
  ['Free space', `${size(status.freeBytes)} of ${size(status.capacityBytes)}`],
  ['Newest transaction', String(Number(status.txid))],
])}
</table>
<h2>Datanodes</h2><table>
<tr><th>Name</th><th>State</th><th>Host label</th><th>Data port</th><th class="n">Blocks</th><th class="n">Free</th><th class="n">Last heartbeat</th></tr>
${nodes.join('\n')}
</table>
<p class="id"><a href="/status.json">status.json</a> · <a href="/metrics">metrics</a></p>
</body></html>
`;
}

function escape(text: string | undefined): string {
  return (text ?? '').replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

function size(bytes: unknown): string {
  const value = Number(bytes);
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const unit = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  return `${(value / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}
