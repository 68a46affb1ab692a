// The public API of workflows: what `import { ... } from 'quarry/workflow'` sees.
export type { CronSchedule, Json, JsonObject, Semantics, TriggerRule, Waiting } from './core/dag-model.ts';
export {
  type ActionSpec,
  type CallbackSpec,
  dagSensor,
  delaySensor,
  email,
  type EmailOptions,
  http,
  type HttpOptions,
  httpSensor,
  job,
  pathSensor,
  pyspark,
  shell,
  slack,
  sql,
  type TaskContext,
  type TaskFunction,
  type WaitOptions,
} from './model/actions.ts';
export {
  cron,
  type Dag,
  dag,
  type DagBuilder,
  type DagOptions,
  type TaskGroup,
  type TaskHandle,
  type TaskOptions,
} from './model/dag.ts';
