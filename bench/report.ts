/** `metric median min max unit`, the one form every figure here is printed in. */
export function report(metric: string, values: readonly number[], unit: string): void {
  const sorted = [...values].toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  const show = (value: number) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(3));
  console.log(
    `${metric} ${show(median)} min=${show(sorted[0]!)} max=${show(sorted.at(-1)!)} n=${sorted.length} ${unit}`,
  );
}

export async function timedMs(run: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await run();
  return performance.now() - startedMs;
}
