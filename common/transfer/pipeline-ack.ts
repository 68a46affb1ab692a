import { protocolViolation, STATUS } from './protocol.ts';

export interface PipelineAck {
  readonly seqno: number;
  /** One status a node, the answering one first. After one that is not SUCCESS nothing counts. */
  readonly replies: readonly number[];
}

const MAX_REPLIES = 512;

/** With its length before it. */
export function encodePipelineAck(ack: PipelineAck): Buffer {
  // At most 10 bytes of sequence number and 2 a reply.
  const body = Buffer.allocUnsafe(13 + ack.replies.length * 2);
  let at = 2;
  body[at++] = 0x08; // field 1, varint
  at = writeVarint(body, ack.seqno < 0 ? -ack.seqno * 2 - 1 : ack.seqno * 2, at);
  for (const reply of ack.replies) {
    body[at++] = 0x10; // field 2, varint
    body[at++] = reply;
  }
  const length = at - 2;
  if (length < 128) {
    body[1] = length;
    return body.subarray(1, at);
  }
  body[0] = (length & 127) | 128;
  body[1] = length >> 7;
  return body.subarray(0, at);
}

/** A PipelineAckProto. Errors: PEER_UNREACHABLE when it is none. */
export function decodePipelineAck(bytes: Buffer): PipelineAck {
  const reader = new VarintReader(bytes);
  let seqno: number | undefined;
  const replies: number[] = [];
  const flags: number[] = [];
  while (reader.at < bytes.length) {
    const tag = reader.next();
    if (tag === 0x08) {
      const zigzag = reader.next();
      seqno = zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    } else if (tag === 0x10) replies.push(reader.next());
    else if (tag === 0x12) replies.push(...reader.packed());
    else if (tag === 0x18) reader.next();
    else if (tag === 0x20) flags.push(reader.next());
    else if (tag === 0x22) flags.push(...reader.packed());
    else throw protocolViolation(`tag ${tag} in an ack`);
  }
  if (seqno === undefined || replies.length > MAX_REPLIES) throw protocolViolation('an ack without sense');
  // Where flags are sent, their lower four bits are the status.
  return { seqno, replies: flags.length > 0 ? flags.map((flag) => flag & 15) : replies };
}

/** The index of the first node that did not succeed, -1 when all did. */
export function firstFailure(replies: readonly number[]): number {
  return replies.findIndex((reply) => reply !== STATUS.SUCCESS);
}

function writeVarint(buffer: Buffer, value: number, start: number): number {
  let at = start;
  let rest = value;
  while (rest > 127) {
    buffer[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  buffer[at++] = rest;
  return at;
}

class VarintReader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  next(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined || scale > 2 ** 63) throw protocolViolation('a number that is cut short');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  packed(): number[] {
    const end = this.next() + this.at;
    if (end > this.#bytes.length) throw protocolViolation('a list that is cut short');
    const values: number[] = [];
    while (this.at < end) values.push(this.next());
    return values;
  }
}
