import { QuarryError } from '../../common/quarry-error.ts';
import { type Compression, COMPRESSIONS } from './compression.ts';
import { readSecurity, type Security } from './security/security.ts';

/** What of Kafka's client settings is honoured here; others that a client of Kafka knows are passed over. */
export interface KafkaSettings {
  readonly security: Security;
  /** Of what is appended (`compression.type`). */
  readonly compression: Compression;
  /** A transaction that its producer leaves open is aborted by the broker after that long (`transaction.timeout.ms`). */
  readonly transactionTimeoutMs: number;
  readonly clientId: string | undefined;
}

const TRANSACTION_TIMEOUT_MS = 60_000;
const PREFIX = 'kafka.';

/** Names are Kafka's, with Spark's `kafka.` before them or not. Errors: INVALID_ARGUMENT, UNSUPPORTED. */
export async function readKafkaSettings(
  given: Readonly<Record<string, string>>,
  options: { readonly tls: boolean },
): Promise<KafkaSettings> {
  const settings: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) settings[plainName(name)] = value.trim();
  return {
    security: await readSecurity(settings, options),
    compression: compressionOf(settings['compression.type'] ?? 'none'),
    transactionTimeoutMs: millisecondsOf('transaction.timeout.ms', settings) ?? TRANSACTION_TIMEOUT_MS,
    clientId: settings['client.id'],
  };
}

function plainName(name: string): string {
  const lower = name.toLowerCase();
  return lower.startsWith(PREFIX) ? lower.slice(PREFIX.length) : lower;
}

function compressionOf(text: string): Compression {
  const found = COMPRESSIONS.find((name) => name === text.toLowerCase());
  if (found !== undefined) return found;
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `compression.type is ${text}: possible are ${COMPRESSIONS.join(', ')}`,
  );
}

function millisecondsOf(name: string, settings: Readonly<Record<string, string>>): number | undefined {
  const text = settings[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value < 2 ** 31) return value;
  throw new QuarryError('INVALID_ARGUMENT', `${name} is ${text}, which is no number of milliseconds`);
}
