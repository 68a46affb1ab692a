import type { Duplex } from 'node:stream';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { QuarryError } from '../../../common/quarry-error.ts';
import { splitAddress } from '../../../common/seams/system-net.ts';
import { readSetting, readSettingBytes } from './properties-file.ts';

export interface TlsTrust {
  readonly context: SecureContext;
  /** False: any host may show a trusted certificate (`ssl.endpoint.identification.algorithm` is empty). */
  readonly checksHost: boolean;
}

type Settings = Readonly<Record<string, string>>;

/** Kafka's `ssl.*` settings, and librdkafka's names of files. Errors: INVALID_ARGUMENT, UNSUPPORTED for a JKS store. */
export async function readTls(settings: Settings): Promise<TlsTrust> {
  const ca = settings['ssl.truststore.certificates'] ?? (await trusted(settings));
  const own = await identity(settings);
  const passphrase = settings['ssl.key.password'] ?? settings['ssl.keystore.password'];
  try {
    const context = createSecureContext({
      ...own,
      ...(ca === undefined ? {} : { ca }),
      ...(passphrase === undefined ? {} : { passphrase }),
      minVersion: 'TLSv1.2',
    });
    return { context, checksHost: settings['ssl.endpoint.identification.algorithm'] !== '' };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `the ssl.truststore, ssl.keystore or ssl.key.password settings do not fit together: ${reason}`,
      { cause },
    );
  }
}

/** Nothing: the certificate authorities that Node trusts. */
async function trusted(settings: Settings): Promise<string | undefined> {
  for (const name of ['ssl.truststore.location', 'ssl.ca.location']) {
    const path = settings[name];
    if (path === undefined) continue;
    const pem = await readSetting(name, path);
    checkPem(name, pem, settings['ssl.truststore.type']);
    return pem;
  }
  return undefined;
}

async function identity(settings: Settings): Promise<{ cert?: string; key?: string; pfx?: Buffer }> {
  const file = async (name: string) =>
    settings[name] === undefined ? undefined : readSetting(name, settings[name]);
  const cert = settings['ssl.keystore.certificate.chain'] ?? (await file('ssl.certificate.location'));
  const key = settings['ssl.keystore.key'] ?? (await file('ssl.key.location'));
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert !== undefined || key !== undefined) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      'a client certificate is ssl.keystore.certificate.chain and ssl.keystore.key together',
    );
  }
  const path = settings['ssl.keystore.location'];
  if (path === undefined) return {};
  if (settings['ssl.keystore.type']?.toUpperCase() === 'PKCS12') {
    return { pfx: await readSettingBytes('ssl.keystore.location', path) };
  }
  const pem = await readSetting('ssl.keystore.location', path);
  checkPem('ssl.keystore.location', pem, settings['ssl.keystore.type']);
  return { cert: pem, key: pem };
}

function checkPem(name: string, text: string, type = 'PEM'): void {
  if (type.toUpperCase() === 'PEM' && text.includes('-----BEGIN ')) return;
  const form = type.toUpperCase() === 'PEM' ? 'is no PEM file' : `is of type ${type}`;
  throw new QuarryError(
    'UNSUPPORTED',
    `${name} ${form}: export the store with keytool -importkeystore -deststoretype PKCS12, turn that into PEM with openssl pkcs12, and set the type to PEM`,
  );
}

/** Errors: PERMISSION_DENIED when either side does not trust the other's certificate; PEER_UNREACHABLE, DEADLINE. */
export function connectTls(address: string, trust: TlsTrust, timeoutMs: number): Promise<Duplex> {
  const { host, port } = splitAddress(address);
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host,
      port,
      secureContext: trust.context,
      ...(trust.checksHost ? {} : { checkServerIdentity: () => undefined }),
    });
    socket.setNoDelay(true);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new QuarryError('DEADLINE', `no TLS connection to ${address} within ${timeoutMs} ms`));
    }, timeoutMs);
    const failed = (cause: Error) => {
      clearTimeout(timer);
      reject(
        certificateError(address, cause) ??
          new QuarryError(
            'PEER_UNREACHABLE',
            `cannot connect to ${address} over TLS: ${cause.message}${notTls(cause)}`,
            { cause },
          ),
      );
    };
    socket.once('error', failed);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      socket.off('error', failed);
      resolve(socket);
    });
  });
}

const UNTRUSTED =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_CERT_|INVALID_CA|HOSTNAME_MISMATCH|PATH_LENGTH)/;
const REFUSED = /ALERT_.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)/;

/** The error of a certificate that is not trusted, here or there; nothing when `cause` is another. TLS 1.3 tells the client after the handshake. */
export function certificateError(address: string, cause: Error): QuarryError | undefined {
  const { code = '', reason = cause.message } = cause as { code?: string; reason?: string };
  if (UNTRUSTED.test(code)) {
    return new QuarryError(
      'PERMISSION_DENIED',
      `the certificate of ${address} is not trusted: ${reason} (${code}); ssl.truststore.location names the PEM file of its authority`,
      { cause },
    );
  }
  if (REFUSED.test(code)) {
    return new QuarryError(
      'PERMISSION_DENIED',
      `${address} refused this client's certificate, or that it has none: ${reason}; see ssl.keystore.location`,
      { cause },
    );
  }
  return undefined;
}

function notTls(cause: Error): string {
  const { code = '' } = cause as { code?: string };
  return code === 'ECONNRESET' || code.includes('WRONG_VERSION') || code === 'EPROTO'
    ? ' (a listener without TLS does that: check the port and security.protocol)'
    : '';
}
