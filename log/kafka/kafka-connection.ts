import { QuarryError } from '../../common/quarry-error.ts';
import type { Net } from '../../common/seams/net.ts';
import { FramedConnection } from '../framed-connection.ts';
import type { Api } from './requests.ts';
import { WireReader, WireWriter } from './wire.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 30_000;

/** One connection to one broker. */
export class KafkaConnection {
  readonly #frames: FramedConnection;
  readonly #clientId: string;
  #correlation = 0;

  private constructor(frames: FramedConnection, clientId: string) {
    this.#frames = frames;
    this.#clientId = clientId;
  }

  /** Errors: PEER_UNREACHABLE, DEADLINE. */
  static async open(net: Net, address: string, clientId: string): Promise<KafkaConnection> {
    return new KafkaConnection(await FramedConnection.open(net, address, CONNECT_TIMEOUT_MS), clientId);
  }

  get isOpen(): boolean {
    return this.#frames.isOpen;
  }

  /** Errors: PEER_UNREACHABLE, DEADLINE. */
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
      .string(this.#clientId)
      .done();
    const reader = new WireReader(
      await this.#frames.request(Buffer.isBuffer(body) ? [head, body] : [head, ...body], timeoutMs),
    );
    if (reader.int32() !== correlation) {
      this.close();
      throw new QuarryError(
        'PEER_UNREACHABLE',
        `${this.#frames.address} answers another request than the one sent`,
      );
    }
    return decode(reader);
  }

  close(): void {
    this.#frames.close();
  }
}
