import { expect, it } from 'vitest';
import type { TriggerRule } from '../../../../workflow/core/dag-model.ts';
import type { TaskState } from '../../../../workflow/core/records.ts';
import { readiness } from '../../../../workflow/core/trigger-rule.ts';

const S: TaskState = 'success';
const F: TaskState = 'failed';
const U: TaskState = 'upstream_failed';
const K: TaskState = 'skipped';
const R: TaskState = 'running';

it.each<[TriggerRule, TaskState[], string]>([
  ['all_success', [], 'start'],
  ['all_success', [S, S], 'start'],
  ['all_success', [S, R], 'wait'],
  ['all_success', [F, R], 'upstream-failed'],
  ['all_success', [U, S], 'upstream-failed'],
  ['all_success', [S, K], 'skip'],
  ['all_done', [F, R], 'wait'],
  ['all_done', [F, K, U, S], 'start'],
  ['all_failed', [F, U], 'start'],
  ['all_failed', [F, R], 'wait'],
  ['all_failed', [F, S], 'skip'],
  ['one_failed', [R, F], 'start'],
  ['one_failed', [R, S], 'wait'],
  ['one_failed', [S, K], 'skip'],
  ['one_success', [R, S], 'start'],
  ['one_success', [R, F], 'wait'],
  ['one_success', [K, F], 'upstream-failed'],
  ['one_success', [K, K], 'skip'],
  ['none_failed', [S, K], 'start'],
  ['none_failed', [K, K], 'start'],
  ['none_failed', [R, F], 'upstream-failed'],
  ['none_failed', [R, S], 'wait'],
  ['none_failed_min_one_success', [S, K], 'start'],
  ['none_failed_min_one_success', [K, K], 'skip'],
  ['none_failed_min_one_success', [K, F], 'upstream-failed'],
  ['all_done_min_one_success', [S, F], 'start'],
  ['all_done_min_one_success', [S, R], 'wait'],
  ['all_done_min_one_success', [F, U], 'upstream-failed'],
  ['all_done_min_one_success', [S, K], 'skip'],
  ['all_skipped', [K, K], 'start'],
  ['all_skipped', [K, R], 'wait'],
  ['all_skipped', [K, U], 'skip'],
  ['one_done', [R, F], 'start'],
  ['one_done', [S, R], 'start'],
  ['one_done', [U, R], 'wait'],
  ['one_done', [U, K], 'skip'],
  ['none_skipped', [S, F], 'start'],
  ['none_skipped', [S, R], 'wait'],
  ['none_skipped', [R, K], 'skip'],
  ['always', [R, K], 'start'],
])('%s of %j: %s', (rule, upstream, expected) => {
  expect(readiness(rule, upstream)).toBe(expected);
});
