import { open } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Listener, Net } from '../../common/seams/net.ts';
import { encodeFrame, FrameReader, type ShuffleAnswer, type ShuffleRequest } from './shuffle-frame.ts';

const PIECE_BYTES = 1024 * 1024;

/** Serves ranges of this executor's shuffle files over TCP. */
export class ShuffleServer {
  readonly #directory: string;
  readonly #log: Logger;

  constructor(directory: string, log: Logger) {
    this.#directory = directory;
    this.#log = log;
  }

  listen(net: Net, address: string): Promise<Listener> {
    return net.listen(address, (stream) => {
      // A reader that goes away takes its connection with it; there is nobody to tell.
      stream.on('error', () => stream.destroy());
      this.#serve(stream).catch((thrown: unknown) => {
        this.#log.debug({ err: QuarryError.from(thrown) }, 'shuffle.connection-ended');
        stream.destroy();
      });
    });
  }

  async #serve(stream: Duplex): Promise<void> {
    const reader = new FrameReader(stream);
    for (;;) {
      const request = await reader.frame<ShuffleRequest>();
      if (request === undefined) break;
      await this.#answer(stream, request);
    }
    stream.end();
  }

  async #answer(stream: Duplex, request: ShuffleRequest): Promise<void> {
    const path = this.#path(request.file);
    const file = path === undefined ? undefined : await open(path, 'r').catch(() => undefined);
    if (file === undefined) {
      await write(
        stream,
        encodeFrame({ ok: false, message: `no shuffle file ${request.file}`, lengthBytes: 0 }),
      );
      return;
    }
    try {
      const { size } = await file.stat();
      if (request.ranges.some(([offset, length]) => offset < 0 || length < 0 || offset + length > size)) {
        await write(
          stream,
          encodeFrame({ ok: false, message: `${request.file} is shorter`, lengthBytes: 0 }),
        );
        return;
      }
      const lengthBytes = request.ranges.reduce((sum, [, length]) => sum + length, 0);
      const answer: ShuffleAnswer = { ok: true, lengthBytes };
      await write(stream, encodeFrame(answer));
      for (const [offset, length] of request.ranges) {
        for (let at = 0; at < length; at += PIECE_BYTES) {
          const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, length - at));
          const { bytesRead } = await file.read(piece, 0, piece.length, offset + at);
          if (bytesRead !== piece.length)
            throw new QuarryError('DISK_FAILED', `${request.file} was cut short`);
          await write(stream, piece);
        }
      }
    } finally {
      await file.close();
    }
  }

  #path(file: string): string | undefined {
    const path = normalize(file);
    return path.startsWith('..') || path.startsWith('/') ? undefined : join(this.#directory, path);
  }
}

function write(stream: Duplex, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (thrown?: Error | null) =>
      reject(thrown ?? new QuarryError('PEER_UNREACHABLE', 'the reader closed the connection'));
    if (stream.destroyed) {
      failed();
      return;
    }
    stream.write(bytes, (thrown) => (thrown ? failed(thrown) : resolve()));
  });
}
