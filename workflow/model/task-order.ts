import { QuarryError } from '../../common/quarry-error.ts';

interface Node {
  readonly taskId: string;
  readonly upstream: ReadonlySet<string>;
}

/** Tasks so that each comes after its upstream, otherwise as they were written. Errors: DAG_INVALID for an unknown upstream or a cycle, which is named. */
export function inOrder<T extends Node>(tasks: ReadonlyMap<string, T>): T[] {
  const ordered: T[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (task: T): void => {
    if (done.has(task.taskId)) return;
    if (path.includes(task.taskId)) {
      // The path leads upstream; a reader follows the arrows downstream.
      const cycle = [...path.slice(path.indexOf(task.taskId)), task.taskId].toReversed();
      throw new QuarryError('DAG_INVALID', `its tasks form a cycle: ${cycle.join(' -> ')}`);
    }
    path.push(task.taskId);
    for (const id of task.upstream) {
      const upstream = tasks.get(id);
      if (upstream === undefined)
        throw new QuarryError(
          'DAG_INVALID',
          `task ${task.taskId} comes after ${id}, and there is no such task`,
        );
      visit(upstream);
    }
    path.pop();
    done.add(task.taskId);
    ordered.push(task);
  };
  for (const task of tasks.values()) visit(task);
  return ordered;
}
