import { QuarryError } from '../common/quarry-error.ts';
import { SystemClock } from '../common/seams/clock.ts';
import { splitAddress, SystemNet } from '../common/seams/system-net.ts';
import { openEmbeddedLog } from './embedded/open-embedded-log.ts';
import { openKafkaLog } from './kafka/open-kafka-log.ts';
import type { Log } from './log.ts';

export interface OpenLogOptions {
  /** Shown in the broker's logs. */
  readonly clientId?: string;
  /** How long one call may go on retrying an unreachable log. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
const KAFKA = 'kafka://';
const EMBEDDED = 'quarry-log://';

/** Opens `kafka://HOST:PORT[,HOST:PORT...]` or `quarry-log://HOST:PORT`. Errors: INVALID_ARGUMENT for another URL; an unreachable log fails the first call. */
export async function openLog(url: string, options: OpenLogOptions = {}): Promise<Log> {
  const { clientId = 'quarry', timeoutMs = TIMEOUT_MS } = options;
  const common = { url, clientId, timeoutMs, net: new SystemNet(), clock: new SystemClock() };
  if (url.startsWith(KAFKA)) return openKafkaLog({ ...common, addresses: addressesOf(url, KAFKA) });
  if (url.startsWith(EMBEDDED)) {
    const [address, ...others] = addressesOf(url, EMBEDDED);
    if (others.length === 0) return openEmbeddedLog({ ...common, address: address! });
  }
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `${JSON.stringify(url)} is no log: use kafka://HOST:PORT[,HOST:PORT...] or quarry-log://HOST:PORT`,
  );
}

function addressesOf(url: string, scheme: string): string[] {
  const addresses = url.slice(scheme.length).replace(/\/$/, '').split(',');
  for (const address of addresses) splitAddress(address);
  return addresses;
}
