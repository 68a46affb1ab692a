/** A double as Java prints it: `1.0`, `1.0E10`, `NaN`, `-Infinity`. */
export function javaDouble(value: number): string {
  return javaNumber(value);
}

/** A float as Java prints it: the fewest digits that give the same 32-bit value. */
export function javaFloat(value: number): string {
  if (!Number.isFinite(value)) return javaNumber(value);
  let shortest = value;
  for (let digits = 1; digits <= 9; digits++) {
    shortest = Number(value.toPrecision(digits));
    if (Math.fround(shortest) === Math.fround(value)) break;
  }
  return javaNumber(shortest);
}

function javaNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-3 && magnitude < 1e7) {
    const text = String(value);
    return text.includes('.') ? text : `${text}.0`;
  }
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
}
