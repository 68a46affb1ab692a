import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { Net } from '../../common/seams/net.ts';
import { FramedConnection } from '../framed-connection.ts';
import type { Api } from './requests.ts';
import { authenticate } from './security/sasl.ts';
import type { Security } from './security/security.ts';
import { certificateError, connectTls } from './security/tls.ts';
import { WireReader, WireWriter } from './wire.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 30_000;
/** Of the time for which a broker believes who a client is: it closes connections that are older. */
const SESSION_SHARE = 0.8;

export interface ConnectionOptions {
  readonly net: Net;
  readonly clientId: string;
  readonly security: Security;
}

/** One connection to one broker. */
export class KafkaConnection {
  readonly #address: string;
  readonly #frames: FramedConnection;
  readonly #options: ConnectionOptions;
  #correlation = 0;
  #underWay = 0;
  #answered = false;
  #endsAtMs = Number.POSITIVE_INFINITY;

  private constructor(address: string, frames: FramedConnection, options: ConnectionOptions) {
    this.#address = address;
    this.#frames = frames;
    this.#options = options;
  }

  /** Errors: PEER_UNREACHABLE, DEADLINE; PERMISSION_DENIED, UNSUPPORTED, INVALID_ARGUMENT when broker and security settings do not go together. */
  static async open(address: string, options: ConnectionOptions): Promise<KafkaConnection> {
    const { net, security } = options;
    const stream =
      security.tls === undefined
        ? await net.connect(address, { timeoutMs: CONNECT_TIMEOUT_MS })
        : await connectTls(address, security.tls, CONNECT_TIMEOUT_MS);
    const frames = new FramedConnection(address, stream, (cause) => explained(address, cause));
    const connection = new KafkaConnection(address, frames, options);
    if (security.sasl !== undefined) await connection.#authenticate();
    return connection;
  }

  /** False as well when the login is about to end: whoever has requests under way still gets their answers. */
  get isOpen(): boolean {
    return this.#frames.isOpen && performance.now() < this.#endsAtMs;
  }

  /** Errors: PEER_UNREACHABLE, DEADLINE, those of `open` that a broker tells later. */
  async send<T>(
    api: Api,
    body: Buffer | readonly Buffer[],
    decode: (reader: WireReader) => T,
    timeoutMs = ANSWER_TIMEOUT_MS,
  ): Promise<T> {
    const correlation = this.#correlation;
    this.#correlation = (correlation + 1) & 0x7fffffff;
    const head = new WireWriter()
      .int16(api.key)
      .int16(api.version)
      .int32(correlation)
      .string(this.#options.clientId);
    if (api.flexible === true) head.noTags();
    const reader = new WireReader(
      await this.#request([head.done(), ...(Buffer.isBuffer(body) ? [body] : body)], timeoutMs),
    );
    if (reader.int32() !== correlation) {
      this.close();
      throw new QuarryError('PEER_UNREACHABLE', `${this.#address} answers another request than the one sent`);
    }
    if (api.flexible === true) reader.skipTags();
    return decode(reader);
  }

  close(): void {
    this.#frames.close();
  }

  async #request(parts: readonly Buffer[], timeoutMs: number): Promise<Buffer> {
    this.#underWay++;
    try {
      const answer = await this.#frames.request(parts, timeoutMs);
      this.#answered = true;
      return answer;
    } catch (thrown) {
      throw this.#answered ? thrown : this.#unanswered(thrown);
    } finally {
      this.#underWay--;
      // Its successor is in use already.
      if (this.#underWay === 0 && performance.now() >= this.#endsAtMs) this.close();
    }
  }

  /** A broker says nothing to a client that it wants a login from. */
  #unanswered(thrown: unknown): unknown {
    const { tls, sasl } = this.#options.security;
    if (!hasCode(thrown, 'PEER_UNREACHABLE') || sasl !== undefined) return thrown;
    const protocol = tls === undefined ? 'PLAINTEXT' : 'SSL';
    return new QuarryError(
      'PEER_UNREACHABLE',
      `${thrown.message}, before any answer; a listener that wants SASL or TLS does that, and security.protocol is ${protocol}`,
      { cause: thrown },
    );
  }

  async #authenticate(): Promise<void> {
    try {
      const sessionMs = await authenticate(this.#options.security.sasl!, this.#address, (api, body, decode) =>
        this.send(api, body, decode),
      );
      if (sessionMs > 0) this.#endsAtMs = performance.now() + sessionMs * SESSION_SHARE;
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }
}

const TLS_ALERT = 0x1503;
const HTTP = 0x48545450;

/** What a stream's failure means, when it is known to be no passing one. */
function explained(address: string, cause: Error): QuarryError | undefined {
  const { lengthBytes } = cause as { lengthBytes?: number };
  if (lengthBytes === undefined) return certificateError(address, cause);
  // What stands in the place of the length are the first bytes of another protocol.
  if (lengthBytes >> 16 === TLS_ALERT) {
    return new QuarryError(
      'INVALID_ARGUMENT',
      `${address} speaks TLS: set security.protocol to SSL or SASL_SSL, or use the port of its plain listener`,
    );
  }
  if (lengthBytes === HTTP) {
    return new QuarryError('INVALID_ARGUMENT', `${address} is no Kafka broker: it speaks HTTP`);
  }
  return undefined;
}
