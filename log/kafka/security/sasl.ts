import { QuarryError } from '../../../common/quarry-error.ts';
import { type WireReader, WireWriter } from '../wire.ts';
import type { Api } from '../requests.ts';
import { parseJaas } from './jaas.ts';
import { scramClient } from './scram.ts';

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
export type Mechanism = (typeof MECHANISMS)[number];

export interface SaslLogin {
  readonly mechanism: Mechanism;
  readonly username: string;
  readonly password: string;
}

/** `sasl.mechanism` and `sasl.jaas.config`. Errors: INVALID_ARGUMENT, UNSUPPORTED for another mechanism. */
export function readSasl(settings: Readonly<Record<string, string>>): SaslLogin {
  const mechanism = settings['sasl.mechanism'] ?? '';
  if (!isMechanism(mechanism)) {
    throw new QuarryError(
      mechanism === '' ? 'INVALID_ARGUMENT' : 'UNSUPPORTED',
      `sasl.mechanism is ${mechanism === '' ? 'not given' : mechanism}: possible are ${MECHANISMS.join(', ')}`,
    );
  }
  const jaas = settings['sasl.jaas.config'];
  if (jaas === undefined) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `sasl.mechanism is ${mechanism}, but sasl.jaas.config is not given`,
    );
  }
  const { module, options } = parseJaas(jaas);
  const wanted = mechanism === 'PLAIN' ? 'PlainLoginModule' : 'ScramLoginModule';
  const { username, password } = options;
  if (module !== wanted || username === undefined || password === undefined) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `sasl.jaas.config of ${mechanism} is a ${wanted} with username and password; this one is a ${module} with ${Object.keys(options).join(', ') || 'nothing'}`,
    );
  }
  return { mechanism, username, password };
}

function isMechanism(text: string): text is Mechanism {
  return (MECHANISMS as readonly string[]).includes(text);
}

const HANDSHAKE: Api = { key: 17, version: 1 };
const AUTHENTICATE: Api = { key: 36, version: 1 };

const UNSUPPORTED_MECHANISM = 33;
const NOT_A_SASL_LISTENER = 34;

type Send = <T>(api: Api, body: Buffer, decode: (reader: WireReader) => T) => Promise<T>;

/**
 * Says who this client is, before any other request of the connection. Resolves to how long the broker believes it, in
 * milliseconds; 0: as long as the connection is there. Errors: PERMISSION_DENIED, UNSUPPORTED, INVALID_ARGUMENT.
 */
export async function authenticate(login: SaslLogin, address: string, send: Send): Promise<number> {
  const { error, offered } = await send(
    HANDSHAKE,
    new WireWriter().string(login.mechanism).done(),
    (reader) => ({
      error: reader.int16(),
      offered: reader.array(() => reader.string()),
    }),
  );
  if (error === UNSUPPORTED_MECHANISM) {
    throw new QuarryError(
      'UNSUPPORTED',
      `${address} does not offer ${login.mechanism}: set sasl.mechanism to one of ${offered.join(', ')}`,
    );
  }
  if (error === NOT_A_SASL_LISTENER) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${address} is a listener without SASL: set security.protocol to PLAINTEXT or SSL, or use its SASL listener's port`,
    );
  }
  if (error !== 0) throw new QuarryError('PERMISSION_DENIED', `${address} refused SASL with error ${error}`);
  const exchange = (token: Buffer) => send(AUTHENTICATE, new WireWriter().bytes(token).done(), readAnswer);
  const step = async (token: Buffer) => {
    const answer = await exchange(token);
    if (answer.error === 0) return answer;
    throw new QuarryError(
      'PERMISSION_DENIED',
      `${address} does not let ${JSON.stringify(login.username)} in with ${login.mechanism}: ${answer.message || `error ${answer.error}`}; check username and password in sasl.jaas.config`,
    );
  };
  if (login.mechanism === 'PLAIN') {
    return (await step(Buffer.from(`\0${login.username}\0${login.password}`))).sessionMs;
  }
  const scram = scramClient(login.mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512', login);
  const last = await step(await scram.final((await step(scram.first)).token));
  scram.verify(last.token);
  return last.sessionMs;
}

function readAnswer(reader: WireReader) {
  return {
    error: reader.int16(),
    message: reader.nullableString() ?? '',
    token: reader.bytes(),
    sessionMs: reader.int64(),
  };
}
