import { QuarryError } from './quarry-error.ts';

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** Every role asks this before it opens a door. Errors: INVALID_ARGUMENT. */
export function checkBindHost(host: string): void {
  if (LOOPBACK.has(host)) return;
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `bind.host=${host} would open the cluster to the network without any authentication: keep 127.0.0.1 until TLS and join tokens can be configured`,
  );
}
