import { QuarryError } from '../common/quarry-error.ts';
import { SystemClock } from '../common/seams/clock.ts';
import { splitAddress, SystemNet } from '../common/seams/system-net.ts';
import { openEmbeddedLog } from './embedded/open-embedded-log.ts';
import type { Compression } from './kafka/compression.ts';
import { readKafkaSettings } from './kafka/kafka-settings.ts';
import { openKafkaLog } from './kafka/open-kafka-log.ts';
import { readProperties } from './kafka/security/properties-file.ts';
import type { Log } from './log.ts';

export interface OpenLogOptions {
  /** Shown in the broker's logs. */
  readonly clientId?: string;
  /** How long one call may go on retrying an unreachable log. */
  readonly timeoutMs?: number;
  /** How batches for Kafka are packed; `none` unless told. Setting `compression.type` says the same. */
  readonly compression?: Compression;
  /**
   * Kafka's client settings by its own names, with or without Spark's `kafka.` before them: `security.protocol`, `sasl.*`,
   * `ssl.*`, `compression.type`, `transaction.timeout.ms`, `client.id`. The embedded log has none.
   */
  readonly settings?: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 30_000;
const KAFKA = 'kafka://';
const KAFKA_TLS = 'kafka+ssl://';
const EMBEDDED = 'quarry-log://';

/**
 * Opens `kafka://HOST:PORT[,HOST:PORT...]`, the same with `kafka+ssl:`, or `quarry-log://HOST:PORT`. Behind a `?` a URL of Kafka
 * takes Kafka's client settings; `properties=FILE` names a file of them, which is where passwords belong. What `options` say
 * comes before the URL, and the URL before its file. Errors: INVALID_ARGUMENT for another URL or setting, UNSUPPORTED; an
 * unreachable log fails the first call.
 */
export async function openLog(url: string, options: OpenLogOptions = {}): Promise<Log> {
  const { clientId = 'quarry', timeoutMs = TIMEOUT_MS } = options;
  const [plain, query] = cut(url, '?');
  const common = { url: plain, clientId, timeoutMs, net: new SystemNet(), clock: new SystemClock() };
  const scheme = [KAFKA, KAFKA_TLS].find((each) => plain.startsWith(each));
  if (scheme !== undefined) {
    const addresses = addressesOf(plain, scheme);
    const settings = { ...(await settingsOf(query)), ...packed(options), ...options.settings };
    const kafka = await readKafkaSettings(settings, { tls: scheme === KAFKA_TLS });
    return openKafkaLog({ ...common, addresses, ...kafka, clientId: kafka.clientId ?? clientId });
  }
  if (plain.startsWith(EMBEDDED) && query === '') {
    const [address, ...others] = addressesOf(plain, EMBEDDED);
    if (others.length === 0) return openEmbeddedLog({ ...common, address: address! });
  }
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `${JSON.stringify(plain)} is no log: use kafka://HOST:PORT[,HOST:PORT...], kafka+ssl://... or quarry-log://HOST:PORT`,
  );
}

function packed({ compression }: OpenLogOptions): Record<string, string> {
  return compression === undefined ? {} : { 'compression.type': compression };
}

/** A URL is seen by whoever lists processes or reads a log line. */
const SECRETS = ['sasl.jaas.config', 'ssl.key.password', 'ssl.keystore.password', 'ssl.keystore.key'];

async function settingsOf(query: string): Promise<Record<string, string>> {
  const { properties, ...told } = Object.fromEntries(new URLSearchParams(query));
  const secret = Object.keys(told).find((name) =>
    SECRETS.includes(name.toLowerCase().replace(/^kafka\./, '')),
  );
  if (secret !== undefined) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${secret} does not belong in a URL, which others can see: write it into a file, and name that with ?properties=FILE`,
    );
  }
  return properties === undefined ? told : { ...(await readProperties(properties)), ...told };
}

function addressesOf(url: string, scheme: string): string[] {
  const addresses = url.slice(scheme.length).replace(/\/$/, '').split(',');
  if (addresses.some((address) => address.includes('@'))) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `a log's URL takes no user and password: write security.protocol, sasl.mechanism and sasl.jaas.config into a file, and name that with ?properties=FILE`,
    );
  }
  for (const address of addresses) splitAddress(address);
  // [::1]:9092 is what a URL writes; a socket wants the address alone.
  return addresses.map((address) => address.replace(/^\[(.*)\]:/, '$1:'));
}

function cut(text: string, sign: string): [string, string] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
