import type { Action, Json } from '../core/dag-model.ts';
import type { Outcome } from '../core/task-transitions.ts';
import type { AttemptInput } from '../run/attempt-directory.ts';
import { render } from '../template/template.ts';
import { taskOutput } from './task-output.ts';
import { waitFor } from './wait-for.ts';

/** Does what a task says. Each kind of task is loaded on use: an attempt pays for its own only. Errors: those of the task. */
export async function runAction(input: AttemptInput): Promise<Outcome> {
  const action = render(input.action, input.scope);
  if (action.kind.endsWith('-sensor')) return waitFor(input, await look(action, input));
  return { kind: 'success', output: taskOutput(await perform(action, input)) };
}

async function perform(action: Action, input: AttemptInput): Promise<Json | undefined | void> {
  switch (action.kind) {
    case 'shell':
      return (await import('./shell-task.ts')).runShell(action);
    case 'job':
      return (await import('./job-task.ts')).runJob(action);
    case 'sql':
      return (await import('./sql-task.ts')).runSql(action);
    case 'http':
      return (await import('./http-task.ts')).runHttp(action);
    case 'email':
      return (await import('./email-task.ts')).runEmail(action, input.smtpUrl);
    case 'slack':
      return (await import('./slack-task.ts')).runSlack(action);
    case 'function':
      return (await import('./function-task.ts')).runFunction(input);
    case 'path-sensor':
    case 'http-sensor':
    case 'delay-sensor':
    case 'dag-sensor':
      return undefined;
  }
}

/** How the sensor looks once. */
async function look(action: Action, input: AttemptInput): Promise<() => Promise<boolean>> {
  switch (action.kind) {
    case 'path-sensor':
      return (await import('./path-sensor.ts')).lookForPath(action);
    case 'http-sensor':
      return (await import('./http-sensor.ts')).lookAtUrl(action);
    case 'delay-sensor':
      return () => Promise.resolve(Date.now() >= input.intervalEndMs + action.delayMs);
    case 'dag-sensor':
      return (await import('./dag-sensor.ts')).lookAtDag(action, input);
    default:
      return () => Promise.resolve(true);
  }
}
