import { ask, messageFrom, repeat } from './ask.ts';
import { byId, el, notice } from './dom.ts';
import { asSentence, formatInstant } from './format.ts';
import type { LogDialog } from './log-dialog.ts';
import { SHOWN_STATES, taskSign } from './task-state.ts';

interface Dag {
  readonly dagId: string;
  readonly description: string;
  readonly schedule: string | null;
  readonly isPaused: boolean;
  readonly nextRunAt: string | null;
}

interface Grid {
  readonly dagId: string;
  readonly tasks: readonly string[];
  readonly runs: readonly GridRun[];
}

interface GridRun {
  readonly runId: string;
  readonly kind: string;
  readonly state: string;
  readonly logicalDate: string;
  readonly states: readonly string[];
}

interface Broken {
  readonly file: string;
  readonly error: { readonly message: string };
}

const INTERVAL_MS = 2_000;
const CELL_WIDTH = 44;
const NAMES_WIDTH = 150;
const RUNS_MAX = 20;
/** As short as a column is narrow. */
const KINDS: Readonly<Record<string, string>> = { scheduled: 'cron', manual: 'manual', backfill: 'backfill' };

/** Every DAG as a grid of its last runs and their tasks. */
export class DagsPanel {
  readonly #host = byId('dags');
  readonly #log: LogDialog;
  #shown = '';
  #runs = 0;

  constructor(log: LogDialog) {
    this.#log = log;
    byId('states').append(
      ...SHOWN_STATES.map((state) => {
        const { sign, label } = taskSign(state);
        return el(
          'li',
          {},
          el('span', { class: 'cell', 'data-state': state, 'aria-hidden': 'true' }, sign),
          label,
        );
      }),
    );
    const refresh = repeat(INTERVAL_MS, () => this.#load());
    new ResizeObserver(() => {
      if (this.#fitting() !== this.#runs) refresh();
    }).observe(this.#host);
  }

  async #load(): Promise<void> {
    this.#runs = this.#fitting();
    try {
      const { dags, broken } = await ask<{ dags: readonly Dag[]; broken: readonly Broken[] }>('/api/dags');
      const grids = await Promise.all(
        dags.map(({ dagId }) => ask<Grid>(`/api/dags/${encodeURIComponent(dagId)}/runs?limit=${this.#runs}`)),
      );
      const problems = broken.map(({ file, error }) => `${file}: ${error.message}`).join('; ');
      notice(
        byId('dags-notice'),
        problems === '' ? undefined : asSentence(`A file cannot be loaded: ${problems}`),
      );
      this.#render(dags, grids);
    } catch (thrown) {
      notice(byId('dags-notice'), asSentence(`Workflows are unavailable: ${messageFrom(thrown)}`));
    }
  }

  #render(dags: readonly Dag[], grids: readonly Grid[]): void {
    const shown = JSON.stringify([dags, grids]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const focused = document.activeElement?.getAttribute('data-cell');
    this.#host.replaceChildren(
      ...(dags.length === 0
        ? [el('p', { class: 'empty' }, 'No workflow is loaded yet.')]
        : dags.map((dag, at) => this.#dag(dag, grids[at]!))),
    );
    for (const cell of this.#host.querySelectorAll<HTMLElement>('[data-cell]')) {
      if (cell.dataset['cell'] === focused) cell.focus();
    }
  }

  #dag({ dagId, description, schedule, isPaused, nextRunAt }: Dag, grid: Grid): HTMLElement {
    const when = isPaused
      ? 'paused'
      : nextRunAt === null
        ? 'no next run'
        : `next run ${formatInstant(nextRunAt)} UTC`;
    const about = [description, schedule ?? 'no schedule', when].filter((text) => text !== '').join(' · ');
    return el(
      'article',
      { class: 'dag' },
      el('h3', {}, dagId),
      el('p', { class: 'quiet small' }, about),
      grid.runs.length === 0 ? el('p', { class: 'empty' }, 'No runs yet.') : this.#table(grid),
    );
  }

  #table({ dagId, tasks, runs }: Grid): HTMLElement {
    const head = el('tr', {}, el('th', { scope: 'col' }, 'Run of'));
    head.append(
      ...runs.map(({ logicalDate, runId, kind }) =>
        el(
          'th',
          { scope: 'col', class: 'run', title: `${runId} (${kind})` },
          logicalDate.slice(5, 10),
          el('small', {}, KINDS[kind] ?? kind),
        ),
      ),
    );
    const whole = el('tr', { class: 'whole' }, el('th', { scope: 'row' }, 'whole run'));
    whole.append(...runs.map((run) => el('td', {}, sign(run.state, `run of ${run.logicalDate}`))));
    const rows = tasks.map((taskId, at) =>
      el(
        'tr',
        {},
        el('th', { scope: 'row' }, taskId),
        ...runs.map((run) => el('td', {}, this.#cell(dagId, run, taskId, run.states[at] ?? 'none'))),
      ),
    );
    return el('table', { class: 'grid' }, el('thead', {}, head), el('tbody', {}, whole, ...rows));
  }

  #cell(dagId: string, run: GridRun, taskId: string, state: string): HTMLElement {
    const { sign: text, label } = taskSign(state);
    const name = `${taskId}, run of ${run.logicalDate.slice(0, 10)}: ${label}`;
    const cell = el(
      'button',
      {
        type: 'button',
        class: 'cell',
        'data-state': state,
        'data-cell': JSON.stringify([dagId, run.runId, taskId]),
        'aria-label': `${name}. Opens the log`,
        title: name,
      },
      text,
    );
    cell.addEventListener('click', () => this.#log.open({ dagId, runId: run.runId, taskId }));
    return cell;
  }

  #fitting(): number {
    const width = this.#host.clientWidth - NAMES_WIDTH;
    return Math.min(RUNS_MAX, Math.max(3, Math.floor(width / CELL_WIDTH)));
  }
}

function sign(state: string, what: string): HTMLElement {
  const { sign: text, label } = taskSign(state);
  return el(
    'span',
    { class: 'cell', 'data-state': state, role: 'img', 'aria-label': `${what}: ${label}` },
    text,
  );
}
