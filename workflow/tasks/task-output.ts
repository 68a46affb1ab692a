import { QuarryError } from '../../common/quarry-error.ts';
import type { Json } from '../core/dag-model.ts';

/** Outputs live in the scheduler's store and memory: they carry counts and names, not data. */
const OUTPUT_BYTES_MAX = 64 * 1024;

/** Errors: LIMIT_EXCEEDED, INVALID_ARGUMENT for what JSON cannot hold. */
export function taskOutput(value: unknown): Json | undefined {
  if (value === undefined) return undefined;
  let text: string | undefined;
  try {
    text = JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? Number(item) : item));
  } catch (cause) {
    throw new QuarryError('INVALID_ARGUMENT', `the task's output is no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (text === undefined) return undefined;
  if (Buffer.byteLength(text) > OUTPUT_BYTES_MAX)
    throw new QuarryError(
      'LIMIT_EXCEEDED',
      `a task's output is at most ${OUTPUT_BYTES_MAX} bytes: write data to the cluster, and put its path out`,
    );
  return JSON.parse(text) as Json;
}
