import { randomBytes, randomInt } from 'node:crypto';

/** Chance: placement, jitter, ids. Seeded in the simulator. */
export interface Random {
  /** An integer in [0, bound). */
  int(bound: number): number;
  bytes(count: number): Buffer;
}

export class SystemRandom implements Random {
  int(bound: number): number {
    return randomInt(bound);
  }

  bytes(count: number): Buffer {
    return randomBytes(count);
  }
}

/** A version 4 UUID. */
export function uuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
