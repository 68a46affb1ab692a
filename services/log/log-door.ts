import type { Duplex } from 'node:stream';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Listener, Net } from '../../common/seams/net.ts';
import {
  decodeMessage,
  encodeMessage,
  type LogRequest,
  type Part,
  REQUEST_BYTES_MAX,
  slices,
} from '../../log/embedded/protocol.ts';
import { FrameReader, readFrames, writeFrame } from '../../log/frame-reader.ts';
import { FETCH_BYTES } from '../../log/limits.ts';
import type { ArrivedBatch } from './commands.ts';
import type { LogService } from './log-service.ts';

/** Requests of one connection that wait their turn before its socket is read no further. */
const QUEUE_MAX = 4;
/** Bytes that wait for the disk, of all connections, before no socket is read further. */
const PENDING_BYTES_MAX = 64 * 1024 * 1024;

/** Serves the log's protocol: one request of a connection after the other. */
export function serveLog(net: Net, address: string, service: LogService): Promise<Listener> {
  return net.listen(address, (stream) => new Served(stream, service));
}

class Served {
  readonly #stream: Duplex;
  readonly #service: LogService;
  readonly #gone = new AbortController();
  readonly #queue: Buffer[] = [];
  #serving = false;

  constructor(stream: Duplex, service: LogService) {
    this.#stream = stream;
    this.#service = service;
    stream.on('error', () => this.#gone.abort());
    stream.on('close', () => this.#gone.abort());
    stream.on('end', () => stream.destroy());
    readFrames(stream, new FrameReader(REQUEST_BYTES_MAX, (frame) => this.#arrived(frame)));
  }

  #arrived(frame: Buffer): void {
    this.#queue.push(frame);
    if (this.#queue.length >= QUEUE_MAX || this.#service.pendingBytes > PENDING_BYTES_MAX)
      this.#stream.pause();
    if (!this.#serving) void this.#serve();
  }

  async #serve(): Promise<void> {
    this.#serving = true;
    for (
      let frame = this.#queue.shift();
      frame !== undefined && !this.#gone.signal.aborted;
      frame = this.#queue.shift()
    ) {
      const answer = await this.#answer(frame);
      if (this.#stream.destroyed) break;
      // A reader that does not take its answer gets no next one made.
      if (!writeFrame(this.#stream, answer)) await this.#drained();
      if (this.#queue.length < QUEUE_MAX) this.#stream.resume();
    }
    this.#serving = false;
  }

  async #answer(frame: Buffer): Promise<Buffer[]> {
    try {
      const { head, body } = decodeMessage<LogRequest>(frame);
      return await this.#execute(head, body);
    } catch (thrown) {
      return encodeMessage({ error: QuarryError.from(thrown).toWire() });
    }
  }

  async #execute(request: LogRequest, body: Buffer): Promise<Buffer[]> {
    const service = this.#service;
    switch (request.op) {
      case 'topics':
        return encodeMessage({ topics: [...service.state.topics.keys()] });
      case 'describe':
        return encodeMessage(service.describe(request.topic));
      case 'offsetsAtTime':
        return encodeMessage(await service.offsetsAtTime(request.topic, request.timestampMs));
      case 'create':
        return encodeMessage(await service.run({ kind: 'create', topic: request.topic, spec: request.spec }));
      case 'append': {
        const { producer, sequence, parts } = request;
        return encodeMessage(
          await service.run({ kind: 'append', producer, sequence, batches: arrived(parts, body) }),
        );
      }
      case 'open':
        return encodeMessage(await service.run({ kind: 'open', id: request.id }));
      case 'commit': {
        const { id, epoch, sequence, parts } = request;
        return encodeMessage(
          await service.run({ kind: 'commit', id, epoch, sequence, batches: arrived(parts, body) }),
        );
      }
      case 'fetch': {
        const maxBytes = Math.min(request.maxBytes, 4 * FETCH_BYTES);
        const { topicId, nextOffset, batches } = await service.fetch(
          { ...request, maxBytes },
          this.#gone.signal,
        );
        return encodeMessage({ topicId, nextOffset, batches: batches.map(({ length }) => length) }, batches);
      }
      default:
        throw new QuarryError(
          'UNSUPPORTED',
          `this log knows no request ${JSON.stringify((request as { op?: unknown }).op)}`,
        );
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#stream.off('drain', done);
        this.#gone.signal.removeEventListener('abort', done);
        resolve();
      };
      this.#stream.once('drain', done);
      this.#gone.signal.addEventListener('abort', done, { once: true });
      if (this.#gone.signal.aborted) done();
    });
  }
}

function arrived(parts: readonly Part[], body: Buffer): ArrivedBatch[] {
  const batches = slices(
    body,
    parts.map(({ bytes }) => bytes),
  );
  return parts.map(({ topic, partition }, index) => ({ topic, partition, bytes: batches[index]! }));
}
