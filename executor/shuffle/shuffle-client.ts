import type { Duplex } from 'node:stream';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Net } from '../../common/seams/net.ts';
import { encodeFrame, FrameReader, type ShuffleAnswer, type ShuffleRequest } from './shuffle-frame.ts';

const CONNECT_TIMEOUT_MS = 2_000;
/** An executor that sends nothing for that long is as good as gone. */
const SILENCE_MS = 10_000;
const IDLE_CONNECTIONS_MAX = 4;

interface Connection {
  readonly stream: Duplex;
  readonly reader: FrameReader;
}

/** Reads ranges of other executors' shuffle files, on connections that are kept for the next request. */
export class ShuffleClient {
  readonly #net: Net;
  readonly #idle = new Map<string, Connection[]>();

  constructor(net: Net) {
    this.#net = net;
  }

  /** The bytes of the ranges one after another, in pieces. Errors: PEER_UNREACHABLE, DEADLINE, BLOCK_NOT_FOUND, INTERRUPTED. */
  async read(
    address: string,
    request: ShuffleRequest,
    signal: AbortSignal,
    take: (piece: Buffer) => Promise<void> | void,
  ): Promise<void> {
    const kept = this.#idle.get(address)?.pop();
    const connection = kept ?? (await this.#connect(address));
    const abort = () => connection.stream.destroy();
    signal.addEventListener('abort', abort, { once: true });
    const watchdog = setTimeout(abort, SILENCE_MS);
    try {
      connection.stream.write(encodeFrame(request));
      const answer = await connection.reader.frame<ShuffleAnswer>();
      if (answer === undefined) throw new QuarryError('PEER_UNREACHABLE', `${address} closed the connection`);
      if (!answer.ok) {
        this.#keep(address, connection);
        throw new QuarryError('BLOCK_NOT_FOUND', answer.message ?? 'the shuffle file is not there');
      }
      await connection.reader.pieces(answer.lengthBytes, async (piece) => {
        watchdog.refresh();
        await take(piece);
      });
      this.#keep(address, connection);
    } catch (thrown) {
      if (!(thrown instanceof QuarryError && thrown.code === 'BLOCK_NOT_FOUND')) connection.stream.destroy();
      if (signal.aborted) throw new QuarryError('INTERRUPTED', 'the task was cancelled');
      if (thrown instanceof QuarryError) throw thrown;
      throw new QuarryError(
        'PEER_UNREACHABLE',
        `reading a shuffle file from ${address} failed: ${String(thrown)}`,
        {
          cause: thrown,
        },
      );
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener('abort', abort);
    }
  }

  close(): void {
    for (const connections of this.#idle.values()) for (const { stream } of connections) stream.destroy();
    this.#idle.clear();
  }

  async #connect(address: string): Promise<Connection> {
    const stream = await this.#net.connect(address, { timeoutMs: CONNECT_TIMEOUT_MS });
    const connection = { stream, reader: new FrameReader(stream) };
    // An error of an idle connection ends it; one in use fails its reader as well.
    stream.on('error', () => stream.destroy());
    stream.on('close', () => {
      const idle = this.#idle.get(address);
      const at = idle?.indexOf(connection) ?? -1;
      if (at >= 0) idle?.splice(at, 1);
    });
    return connection;
  }

  #keep(address: string, connection: Connection): void {
    if (connection.stream.destroyed) return;
    const idle = this.#idle.get(address) ?? [];
    this.#idle.set(address, idle);
    if (idle.length < IDLE_CONNECTIONS_MAX) idle.push(connection);
    else connection.stream.destroy();
  }
}
