import { QuarryError } from '../../../common/quarry-error.ts';
import { readSasl, type SaslLogin } from './sasl.ts';
import { readTls, type TlsTrust } from './tls.ts';

/** How brokers are spoken to; nothing of both: in plain text. */
export interface Security {
  readonly tls?: TlsTrust;
  readonly sasl?: SaslLogin;
}

const PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'];

/**
 * From Kafka's own settings. `tls` is what the URL says (`kafka+ssl://`). Errors: INVALID_ARGUMENT, UNSUPPORTED.
 */
export async function readSecurity(
  settings: Readonly<Record<string, string>>,
  options: { readonly tls: boolean },
): Promise<Security> {
  const hasLogin = settings['sasl.jaas.config'] !== undefined || settings['sasl.mechanism'] !== undefined;
  const implied = options.tls ? (hasLogin ? 'SASL_SSL' : 'SSL') : 'PLAINTEXT';
  const protocol = settings['security.protocol']?.toUpperCase() ?? implied;
  if (!PROTOCOLS.includes(protocol)) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `security.protocol is ${protocol}: possible are ${PROTOCOLS.join(', ')}`,
    );
  }
  if (options.tls && !protocol.endsWith('SSL')) {
    throw new QuarryError('INVALID_ARGUMENT', `kafka+ssl:// contradicts security.protocol ${protocol}`);
  }
  if (hasLogin && !protocol.startsWith('SASL')) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `sasl settings are given, but security.protocol is ${protocol}: set it to SASL_SSL or SASL_PLAINTEXT`,
    );
  }
  return {
    ...(protocol.startsWith('SASL') ? { sasl: readSasl(settings) } : {}),
    ...(protocol.endsWith('SSL') ? { tls: await readTls(settings) } : {}),
  };
}
