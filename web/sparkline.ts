/** The path of a line through `values` from left to right, 0 at the bottom; '' for fewer than two. */
export function sparkline(values: readonly number[], width: number, height: number): string {
  if (values.length < 2) return '';
  const most = Math.max(1e-9, ...values);
  const step = width / (values.length - 1);
  return values
    .map((value, at) => {
      const y = 1 + (height - 2) * (1 - Math.max(0, value) / most);
      return `${at === 0 ? 'M' : 'L'}${(at * step).toFixed(1)} ${y.toFixed(1)}`;
    })
    .join('');
}
