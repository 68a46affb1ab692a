import { Readable, Writable } from 'node:stream';
import { callbackify } from 'node:util';
import type { FileReader } from './file-reader.ts';
import type { ClosedFile, FileWriter } from './file-writer.ts';

type Done = (error?: Error | null) => void;

/** A file as a Node stream. `finish` comes after close: the bytes are durable. Destroying it takes the unfinished file away. */
export class FileWriteStream extends Writable {
  readonly #writer: FileWriter;
  /** What close answered; set once the stream has finished. */
  closedFile: ClosedFile | undefined;

  constructor(writer: FileWriter) {
    super({ highWaterMark: 4 * 1024 * 1024, decodeStrings: true });
    this.#writer = writer;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    callbackify(() => this.#writer.write(chunk))((error) => done(error));
  }

  override _final(done: Done): void {
    callbackify(async () => {
      this.closedFile = await this.#writer.close();
    })((error) => done(error));
  }

  override _destroy(error: Error | null, done: Done): void {
    // abort does nothing to a file that was closed. The first error says more than what cleaning up after it met.
    callbackify(() => this.#writer.abort())((thrown) => done(error ?? thrown));
  }
}

/** A range of a file as a Node stream. */
export class FileReadStream extends Readable {
  readonly #reader: FileReader;

  constructor(reader: FileReader) {
    super({ highWaterMark: 4 * 1024 * 1024 });
    this.#reader = reader;
  }

  override _read(): void {
    this.#reader.read().then(
      (data) => this.push(data ?? null),
      (thrown: Error) => this.destroy(thrown),
    );
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#reader.close();
    done(error);
  }
}
