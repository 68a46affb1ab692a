/** Runs one phase of a batch and adds what it took, in milliseconds, to the batch's durations. */
export async function timed<T>(
  durations: Record<string, number>,
  phase: string,
  work: () => Promise<T>,
): Promise<T> {
  const started = performance.now();
  try {
    return await work();
  } finally {
    durations[phase] = (durations[phase] ?? 0) + Math.round(performance.now() - started);
  }
}
