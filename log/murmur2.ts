/** Kafka's 32-bit murmur2 (seed 0x9747b28c) as an unsigned number. */
export function murmur2(bytes: Buffer): number {
  const m = 0x5bd1e995;
  let h = 0x9747b28c ^ bytes.length;
  const whole = bytes.length & ~3;
  for (let at = 0; at < whole; at += 4) {
    let k = Math.imul(bytes.readInt32LE(at), m);
    k = Math.imul(k ^ (k >>> 24), m);
    h = Math.imul(h, m) ^ k;
  }
  const left = bytes.length - whole;
  if (left >= 3) h ^= bytes[whole + 2]! << 16;
  if (left >= 2) h ^= bytes[whole + 1]! << 8;
  if (left >= 1) h = Math.imul(h ^ bytes[whole]!, m);
  h = Math.imul(h ^ (h >>> 13), m);
  return (h ^ (h >>> 15)) >>> 0;
}

/** The partition of a key, as Kafka's own clients choose it. */
export function partitionOfKey(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}
