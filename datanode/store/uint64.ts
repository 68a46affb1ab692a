const HIGH = 2 ** 32;

/** Eight bytes, big-endian, so that keys sort as their numbers. Ids and offsets stay below 2^53. */
export function writeUint64(into: Buffer, value: number, at: number): void {
  into.writeUInt32BE(Math.floor(value / HIGH), at);
  into.writeUInt32BE(value % HIGH, at + 4);
}

export function readUint64(from: Buffer, at: number): number {
  return from.readUInt32BE(at) * HIGH + from.readUInt32BE(at + 4);
}
