/**
 * The partition of a key's text, the same in every process and release: FNV-1a over its UTF-16 units, its bits then mixed
 * (Murmur3's finalizer), because the low bits of FNV alone depend on the last characters too much.
 */
export function partitionOf(keyText: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < keyText.length; at++) {
    hash = Math.imul(hash ^ keyText.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % partitions;
}
