import { QuarryError } from '../../common/quarry-error.ts';
import type { TaskContext, TaskOutcome, TaskRunner } from './task-runner.ts';

/** Stands in where the executor was built without the RDD layer. */
export class NoRddRunner implements TaskRunner {
  run(_context: TaskContext): Promise<TaskOutcome> {
    return Promise.reject(new QuarryError('UNSUPPORTED', 'this executor runs no RDD tasks'));
  }

  async close(): Promise<void> {}
}
