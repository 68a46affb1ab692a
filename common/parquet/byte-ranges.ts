/** A half-open range of bytes in a file. */
export interface ByteRange {
  readonly startBytes: number;
  readonly endBytes: number;
}

/** Sorted, without overlaps; ranges closer than `gapBytes` become one. */
export function mergeRanges(ranges: readonly ByteRange[], gapBytes = 0): ByteRange[] {
  const merged: ByteRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.startBytes - b.startBytes)) {
    if (range.endBytes <= range.startBytes) continue;
    const last = merged.at(-1);
    if (last !== undefined && range.startBytes <= last.endBytes + gapBytes) {
      merged[merged.length - 1] = {
        startBytes: last.startBytes,
        endBytes: Math.max(last.endBytes, range.endBytes),
      };
    } else merged.push(range);
  }
  return merged;
}

/** What of `wanted` lies outside `present`; both merged. */
export function subtractRanges(wanted: readonly ByteRange[], present: readonly ByteRange[]): ByteRange[] {
  const missing: ByteRange[] = [];
  for (const range of wanted) {
    let start = range.startBytes;
    for (const held of present) {
      if (held.endBytes <= start) continue;
      if (held.startBytes >= range.endBytes) break;
      if (held.startBytes > start) missing.push({ startBytes: start, endBytes: held.startBytes });
      start = Math.max(start, held.endBytes);
    }
    if (start < range.endBytes) missing.push({ startBytes: start, endBytes: range.endBytes });
  }
  return missing;
}

export function totalBytes(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, range) => sum + range.endBytes - range.startBytes, 0);
}
