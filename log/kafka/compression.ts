import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { QuarryError } from '../../common/quarry-error.ts';
import { lz4Bound, snappyBound, zstdBound } from './decoded-bound.ts';

/** By their number in a batch's attributes. */
export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** One batch may decode to that many bytes: brokers bound the packed size alone (`max.message.bytes`), to a mebibyte unless told. */
export const DECODED_BYTES_MAX = 128 * 1024 * 1024;

interface Codec {
  compress(bytes: Buffer): Buffer | Promise<Buffer>;
  /** Errors of the format are thrown as they come. */
  decompress(bytes: Buffer): Buffer | Promise<Buffer>;
}

const OPEN: Readonly<Record<Exclude<Compression, 'none'>, () => Promise<Codec>>> = {
  gzip: openGzip,
  snappy: openSnappy,
  lz4: openLz4,
  zstd: openZstd,
};
const opened = new Map<Compression, Promise<Codec>>();

/** The packages behind the codecs are loaded by whoever meets a batch of theirs. */
function codecOf(name: Exclude<Compression, 'none'>): Promise<Codec> {
  let codec = opened.get(name);
  if (codec === undefined) {
    codec = OPEN[name]();
    opened.set(name, codec);
  }
  return codec;
}

/** The body of a batch as producers pack it. */
export async function compress(name: Compression, body: Buffer): Promise<Buffer> {
  return name === 'none' ? body : (await codecOf(name)).compress(body);
}

/** Errors: UNSUPPORTED for a number that no codec has, BAD_DATA for bytes that do not decode, LIMIT_EXCEEDED above `DECODED_BYTES_MAX`. */
export async function decompress(id: number, body: Buffer): Promise<Buffer> {
  const name = COMPRESSIONS[id];
  if (name === undefined) {
    throw new QuarryError(
      'UNSUPPORTED',
      `records compressed with codec ${id}, which no Kafka known here writes`,
    );
  }
  // Compaction may leave a batch without records.
  if (name === 'none' || body.length === 0) return body;
  const codec = await codecOf(name);
  try {
    return await codec.decompress(body);
  } catch (cause) {
    if (cause instanceof QuarryError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    if ((cause as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(name);
    throw new QuarryError(
      'BAD_DATA',
      `a record batch says it is packed with ${name}, but does not unpack: ${reason}`,
      {
        cause,
      },
    );
  }
}

function tooLarge(name: Compression): QuarryError {
  return new QuarryError(
    'LIMIT_EXCEEDED',
    `a record batch packed with ${name} unpacks to more than ${DECODED_BYTES_MAX} bytes: its producer must make smaller batches (batch.size)`,
  );
}

function bounded(name: Compression, bound: number): number {
  if (bound > DECODED_BYTES_MAX) throw tooLarge(name);
  return bound;
}

async function openGzip(): Promise<Codec> {
  const [pack, unpack] = [promisify(gzip), promisify(gunzip)];
  return {
    compress: (bytes) => pack(bytes),
    decompress: (bytes) => unpack(bytes, { maxOutputLength: DECODED_BYTES_MAX }),
  };
}

async function openLz4(): Promise<Codec> {
  const { compressFrameSync, decompressFrameSync } = await import('lz4-napi');
  return {
    compress: (bytes) => compressFrameSync(bytes),
    decompress(bytes) {
      bounded('lz4', lz4Bound(bytes));
      return decompressFrameSync(bytes);
    },
  };
}

async function openZstd(): Promise<Codec> {
  const { init, compress: pack, decompress: unpack } = await import('@bokuweb/zstd-wasm');
  await init();
  const owned = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
    Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
  return {
    compress: (bytes) => owned(pack(bytes as Buffer<ArrayBuffer>)),
    decompress: (bytes) =>
      owned(unpack(bytes as Buffer<ArrayBuffer>, { defaultHeapSize: bounded('zstd', zstdBound(bytes)) })),
  };
}

// What Java's producers write: a head of 16 bytes, then blocks of Snappy, each after its length in four bytes.
const XERIAL_HEAD = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
const XERIAL_MAGIC_BYTES = 8;
const XERIAL_BLOCK_BYTES = 32 * 1024;

async function openSnappy(): Promise<Codec> {
  const { compressSync, uncompressSync } = await import('snappy');
  const unpack = (bytes: Buffer) => uncompressSync(bytes, { asBuffer: true }) as Buffer;
  return {
    compress(bytes) {
      const parts: Buffer[] = [XERIAL_HEAD];
      for (let at = 0; at < bytes.length; at += XERIAL_BLOCK_BYTES) {
        const block = compressSync(bytes.subarray(at, at + XERIAL_BLOCK_BYTES));
        const length = Buffer.allocUnsafe(4);
        length.writeUInt32BE(block.length);
        parts.push(length, block);
      }
      return Buffer.concat(parts);
    },
    decompress(bytes) {
      const blocks = snappyBlocks(bytes);
      bounded(
        'snappy',
        blocks.reduce((sum, block) => sum + snappyBound(block), 0),
      );
      return blocks.length === 1 ? unpack(blocks[0]!) : Buffer.concat(blocks.map(unpack));
    },
  };
}

/** Producers without Java (librdkafka's, Go's) write one block and no head. */
function snappyBlocks(bytes: Buffer): Buffer[] {
  const isFramed = bytes.subarray(0, XERIAL_MAGIC_BYTES).equals(XERIAL_HEAD.subarray(0, XERIAL_MAGIC_BYTES));
  if (!isFramed) return [bytes];
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEAD.length; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) throw new RangeError('a block is cut short');
    blocks.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return blocks;
}
