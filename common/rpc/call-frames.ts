import protobuf from 'protobufjs/minimal.js';

const { Reader, Writer } = protobuf;

/** One call of a batch, or the end of one when `cancel` is set. The messages are those of proto/quarry/calls.proto. */
export interface CallFrame {
  readonly id: number;
  readonly method: string;
  readonly request: Buffer;
  readonly cancel: boolean;
}

export interface ReplyFrame {
  readonly id: number;
  readonly response: Buffer;
  /** Not empty: the call failed. */
  readonly error: Buffer;
}

export const NO_BYTES: Buffer = Buffer.alloc(0);

const VARINT = 0;
const BYTES = 2;
const tag = (field: number, type: number) => (field << 3) | type;

/** Batches are written and read field by field: they wrap every call there is, and reflection would copy each of them twice. */
export function encodeCalls(frames: readonly CallFrame[]): Buffer {
  const out = Writer.create();
  for (const { id, method, request, cancel } of frames) {
    out.uint32(tag(1, BYTES)).fork();
    out.uint32(tag(1, VARINT)).uint32(id);
    if (cancel) out.uint32(tag(4, VARINT)).bool(true);
    else out.uint32(tag(2, BYTES)).string(method).uint32(tag(3, BYTES)).bytes(request);
    out.ldelim();
  }
  return out.finish() as Buffer;
}

export function encodeReplies(frames: readonly ReplyFrame[]): Buffer {
  const out = Writer.create();
  for (const { id, response, error } of frames) {
    out.uint32(tag(1, BYTES)).fork();
    out.uint32(tag(1, VARINT)).uint32(id);
    if (response.length > 0) out.uint32(tag(2, BYTES)).bytes(response);
    if (error.length > 0) out.uint32(tag(3, BYTES)).bytes(error);
    out.ldelim();
  }
  return out.finish() as Buffer;
}

/** Throws a RangeError for bytes that are no batch. */
export function decodeCalls(batch: Buffer): CallFrame[] {
  return framesOf(batch, (reader, end) => {
    const frame = { id: 0, method: '', request: NO_BYTES, cancel: false };
    while (reader.pos < end) {
      const at = reader.uint32();
      if (at === tag(1, VARINT)) frame.id = reader.uint32();
      else if (at === tag(2, BYTES)) frame.method = reader.string();
      else if (at === tag(3, BYTES)) frame.request = reader.bytes() as Buffer;
      else if (at === tag(4, VARINT)) frame.cancel = reader.bool();
      else reader.skipType(at & 7);
    }
    return frame;
  });
}

/** Throws a RangeError for bytes that are no batch. */
export function decodeReplies(batch: Buffer): ReplyFrame[] {
  return framesOf(batch, (reader, end) => {
    const frame = { id: 0, response: NO_BYTES, error: NO_BYTES };
    while (reader.pos < end) {
      const at = reader.uint32();
      if (at === tag(1, VARINT)) frame.id = reader.uint32();
      else if (at === tag(2, BYTES)) frame.response = reader.bytes() as Buffer;
      else if (at === tag(3, BYTES)) frame.error = reader.bytes() as Buffer;
      else reader.skipType(at & 7);
    }
    return frame;
  });
}

function framesOf<Frame>(batch: Buffer, read: (reader: protobuf.Reader, end: number) => Frame): Frame[] {
  const reader = Reader.create(batch);
  const frames: Frame[] = [];
  while (reader.pos < reader.len) {
    const at = reader.uint32();
    if (at === tag(1, BYTES)) {
      const length = reader.uint32();
      frames.push(read(reader, reader.pos + length));
    } else {
      reader.skipType(at & 7);
    }
  }
  return frames;
}
