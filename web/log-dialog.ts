import { ask, askText, messageFrom } from './ask.ts';
import { byId, el, notice } from './dom.ts';
import { asSentence, formatInstant } from './format.ts';
import { taskSign } from './task-state.ts';

export interface LogTarget {
  readonly dagId: string;
  readonly runId: string;
  readonly taskId: string;
}

interface Task {
  readonly taskId: string;
  readonly state: string;
  readonly attempt: number;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

const INTERVAL_MS = 1_500;
/** What a browser shows of a long log without trouble: its end. */
const TEXT_MAX = 1_000_000;

/** The log of one task, attempt by attempt; follows it while the task runs. */
export class LogDialog {
  readonly #dialog = byId<'dialog'>('log');
  readonly #text = byId<'pre'>('log-text');
  readonly #attempt = byId<'select'>('log-attempt');
  #target: LogTarget | undefined;
  #offset: number | undefined;
  #newest = 0;
  #timer: number | undefined;

  constructor() {
    byId('log-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('click', (event) => {
      // Beside the window, on what is behind it.
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#dialog.addEventListener('close', () => {
      clearTimeout(this.#timer);
      this.#target = undefined;
    });
    this.#attempt.addEventListener('change', () => this.#restart());
  }

  open(target: LogTarget): void {
    this.#target = target;
    this.#newest = 0;
    this.#attempt.replaceChildren();
    byId('log-title').textContent = target.taskId;
    byId('log-about').textContent = `${target.dagId} · ${target.runId}`;
    this.#restart();
    this.#dialog.showModal();
  }

  #restart(): void {
    this.#offset = undefined;
    this.#text.textContent = '';
    notice(byId('log-notice'), undefined);
    clearTimeout(this.#timer);
    void this.#step();
  }

  async #step(): Promise<void> {
    const target = this.#target;
    if (target === undefined) return;
    let isGoingOn = true;
    try {
      const run = `/api/dags/${encodeURIComponent(target.dagId)}/runs/${encodeURIComponent(target.runId)}`;
      const { tasks } = await ask<{ tasks: readonly Task[] }>(run);
      const task = tasks.find(({ taskId }) => taskId === target.taskId);
      if (this.#target !== target) return;
      if (task === undefined) throw new Error(`the run has no task ${target.taskId}`);
      this.#about(target, task);
      // A finished task's log is read once more: its last lines were written before its state.
      isGoingOn = !['success', 'failed', 'skipped', 'upstream_failed'].includes(task.state);
      if (task.attempt > 0) await this.#read(`${run}/tasks/${encodeURIComponent(target.taskId)}/log`, target);
      else this.#text.textContent = 'The task has not run yet: there is no log.';
      notice(
        byId('log-notice'),
        task.error === null ? undefined : `${task.error.code}: ${task.error.message}`,
      );
    } catch (thrown) {
      notice(byId('log-notice'), asSentence(`The log is unavailable: ${messageFrom(thrown)}`));
    }
    if (this.#target === target && isGoingOn) this.#timer = setTimeout(() => void this.#step(), INTERVAL_MS);
  }

  async #read(path: string, target: LogTarget): Promise<void> {
    const query = new URLSearchParams();
    const attempt = this.#attempt.value;
    query.set('attempt', attempt);
    if (this.#offset !== undefined) query.set('offset', String(this.#offset));
    const { text, headers } = await askText(`${path}?${query.toString()}`);
    if (this.#target !== target || this.#attempt.value !== attempt) return;
    const isAtEnd = this.#text.scrollTop + this.#text.clientHeight >= this.#text.scrollHeight - 20;
    if (this.#offset === undefined) this.#text.textContent = text === '' ? 'The log is empty.' : text;
    else if (text !== '') this.#text.textContent = `${this.#text.textContent}${text}`.slice(-TEXT_MAX);
    const next = headers.get('x-log-next-offset');
    this.#offset = next === null ? undefined : Number(next);
    if (isAtEnd) this.#text.scrollTop = this.#text.scrollHeight;
  }

  #about({ dagId, runId }: LogTarget, task: Task): void {
    const { label } = taskSign(task.state);
    const times =
      task.startedAt === null
        ? ''
        : ` · ${formatInstant(task.startedAt)}${task.finishedAt === null ? '' : ` to ${formatInstant(task.finishedAt)}`} UTC`;
    byId('log-about').textContent = `${dagId} · ${runId} · ${label}${times}`;
    if (task.attempt === this.#newest) return;
    const wasNewest = this.#attempt.value === '' || Number(this.#attempt.value) === this.#newest;
    const chosen = wasNewest ? String(task.attempt) : this.#attempt.value;
    this.#newest = task.attempt;
    const numbers = Array.from({ length: task.attempt }, (_, at) => String(at + 1));
    this.#attempt.replaceChildren(...numbers.map((number) => el('option', { value: number }, number)));
    this.#attempt.value = chosen;
    this.#attempt.disabled = numbers.length < 2;
    if (wasNewest) this.#offset = undefined;
  }
}
