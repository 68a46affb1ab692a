import { escapeHtml } from '../connect/show-string.ts';
import type { ExecutorSpec } from '../schedule/job-graph.ts';
import type { JobRecord, StageRecord } from '../schedule/job-history.ts';

const STYLE = `body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d8dee4;vertical-align:top}
th{font-weight:600}td.n{text-align:right;font-variant-numeric:tabular-nums}code{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
.failed{color:#b3261e}.running{color:#0b57d0}.cancelled{color:#6b7280}.bar{background:#e6eaef;border-radius:3px;height:.6rem;width:10rem}
.bar div{background:#0b57d0;border-radius:3px;height:100%}@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}th,td{border-color:#30363d}.bar{background:#30363d}}`;

/** Every job that is remembered, and the executors there are. */
export function jobsPage(jobs: readonly JobRecord[], executors: readonly ExecutorSpec[]): string {
  const rows = jobs.map((job) => [
    `<a href="/jobs/${encodeURIComponent(job.jobId)}">${escapeHtml(job.jobId)}</a>`,
    `<code>${escapeHtml(job.name)}</code>`,
    state(job.state),
    progressBar(job),
    duration(job),
    locality(job),
  ]);
  return page(
    'Jobs',
    table(['Job', 'What', 'State', 'Tasks', 'Took', 'Local tasks'], rows) +
      `<h2>Executors</h2>${table(
        ['Executor', 'Node', 'Slots'],
        executors.map(({ id, node, slots }) => [escapeHtml(id), escapeHtml(node), String(slots)]),
      )}`,
  );
}

/** One job: its stages and every attempt of their tasks. */
export function jobPage(job: JobRecord): string {
  const error =
    job.error === undefined
      ? ''
      : `<p class="failed">${escapeHtml(job.error.code)}: ${escapeHtml(job.error.message)}</p>`;
  return page(
    job.jobId,
    `<p><a href="/">all jobs</a></p><p><code>${escapeHtml(job.name)}</code></p>
<p>${state(job.state)} after ${duration(job)}, ${locality(job)} tasks local, ${bytes(job.locality.localBytes)} read locally, ${bytes(job.locality.remoteBytes)} from other nodes</p>${error}${job.stages.map(stageSection).join('')}`,
  );
}

function stageSection(stage: StageRecord): string {
  const rows = stage.tasks.map((task) => [
    String(task.partition),
    String(task.attempt),
    `${escapeHtml(task.executor)} on ${escapeHtml(task.node)}`,
    state(task.state) + (task.error === undefined ? '' : `<br>${escapeHtml(task.error)}`),
    task.local === undefined ? '' : task.local ? 'local' : 'remote',
    number(task.finishedMs === undefined ? '' : `${task.finishedMs - task.startedMs} ms`),
    number(task.rowsRead.toLocaleString('en-US')),
    number(bytes(task.localBytes + task.remoteBytes)),
    number(bytes(task.shuffleReadBytes)),
    number(bytes(task.shuffleWriteBytes)),
  ]);
  const head = [
    'Task',
    'Attempt',
    'Where',
    'State',
    'Data',
    'Took',
    'Rows',
    'Read',
    'Shuffle in',
    'Shuffle out',
  ];
  const parents = stage.parents.length === 0 ? '' : ` after ${stage.parents.join(', ')}`;
  return `<h2>Stage ${stage.stage}${parents}: ${escapeHtml(stage.label)}</h2>${table(head, rows)}`;
}

function progressBar(job: JobRecord): string {
  const total = job.stages.reduce((sum, stage) => sum + stage.taskCount, 0);
  const done = job.stages.reduce(
    (sum, stage) => sum + stage.tasks.filter((task) => task.state === 'succeeded').length,
    0,
  );
  const share = total === 0 ? 0 : Math.min(100, Math.round((100 * done) / total));
  return `<div class="bar" title="${done} of ${total}"><div style="width:${share}%"></div></div>${done}/${total}`;
}

function state(name: string): string {
  return `<span class="${name}">${name}</span>`;
}

function duration(job: JobRecord): string {
  if (job.finishedMs === undefined) return 'running';
  const tookMs = job.finishedMs - job.submittedMs;
  return tookMs < 10_000 ? `${tookMs} ms` : `${(tookMs / 1000).toFixed(1)} s`;
}

function locality(job: JobRecord): string {
  const { localTasks, remoteTasks } = job.locality;
  return `${localTasks}/${localTasks + remoteTasks}`;
}

function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  if (count < 1024 ** 2) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1024 ** 2).toFixed(1)} MiB`;
}

function number(text: string): string {
  return `<span style="font-variant-numeric:tabular-nums">${text}</span>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${line(head, 'th')}</thead><tbody>${rows.map((row) => line(row, 'td')).join('')}</tbody></table>`;
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)} - Quarry</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>${STYLE}</style></head><body><h1>${escapeHtml(title)}</h1>${body}</body></html>
`;
}
