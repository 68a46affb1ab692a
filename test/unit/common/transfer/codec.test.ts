import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../../common/checksum.ts';
import { packageRoot } from '../../../../common/package-root.ts';
import { SystemClock } from '../../../../common/seams/clock.ts';
import {
  combineChecksums,
  computeChecksums,
  verifyChecksums,
} from '../../../../common/transfer/chunk-checksums.ts';
import { blockOpResponse, opWriteBlock } from '../../../../common/transfer/messages.ts';
import { decodePacketHeader, encodePacketHead, readPacket } from '../../../../common/transfer/packet.ts';
import {
  decodePipelineAck,
  encodePipelineAck,
  firstFailure,
} from '../../../../common/transfer/pipeline-ack.ts';
import { Wire } from '../../../../common/transfer/wire.ts';

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => join(packageRoot, 'proto', 'hadoop', target);
root.loadSync('datatransfer.proto', { keepCase: true });
const packetHeader = root.lookupType('hadoop.hdfs.PacketHeaderProto');
const pipelineAck = root.lookupType('hadoop.hdfs.PipelineAckProto');
const plain = (type: protobuf.Type, bytes: Uint8Array) =>
  type.toObject(type.decode(bytes), { longs: Number, defaults: true, arrays: true });

const anyHeader = fc.record({
  offsetInBlock: fc.maxSafeNat(),
  seqno: fc.oneof(fc.constant(-1), fc.maxSafeNat()),
  last: fc.boolean(),
  dataLength: fc.nat(2 ** 31 - 1 - 4096),
  sync: fc.boolean(),
});

describe('the packet header', () => {
  it('is a PacketHeaderProto', () => {
    fc.assert(
      fc.property(anyHeader, (header) => {
        const head = encodePacketHead(header, 0);
        expect(head.readInt32BE(0)).toBe(4 + header.dataLength);
        const bytes = head.subarray(6);
        expect(head.readInt16BE(4)).toBe(bytes.length);
        expect(plain(packetHeader, bytes)).toEqual({
          offsetInBlock: header.offsetInBlock,
          seqno: header.seqno,
          lastPacketInBlock: header.last,
          dataLen: header.dataLength,
          syncBlock: header.sync,
        });
        expect(decodePacketHeader(bytes)).toEqual(header);
      }),
    );
  });

  it('is refused when it is anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodePacketHeader(Buffer.from(bytes));
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'PEER_UNREACHABLE' });
        }
      }),
    );
    expect(() => decodePacketHeader(Buffer.alloc(0))).toThrow('required');
  });
});

describe('the pipeline ack', () => {
  it('is a PipelineAckProto', () => {
    const ack = fc.record({
      seqno: fc.oneof(fc.constant(-1), fc.maxSafeNat()),
      replies: fc.array(fc.nat(13), { maxLength: 200 }),
    });
    fc.assert(
      fc.property(ack, ({ seqno, replies }) => {
        const bytes = encodePipelineAck({ seqno, replies });
        const reader = protobuf.Reader.create(bytes);
        const length = reader.uint32();
        expect(length).toBe(bytes.length - reader.pos);
        const body = bytes.subarray(reader.pos);
        expect(plain(pipelineAck, body)).toMatchObject({ seqno, reply: replies });
        expect(decodePipelineAck(body)).toEqual({ seqno, replies });
      }),
    );
  });

  it('is understood as Hadoop sends it, with times and flags', () => {
    const message = pipelineAck.fromObject({
      seqno: 300,
      reply: [0, 0],
      downstreamAckTimeNanos: 123_456_789_012,
      flag: [0, 1],
    });
    const ack = decodePipelineAck(Buffer.from(pipelineAck.encode(message).finish()));
    expect(ack).toEqual({ seqno: 300, replies: [0, 1] });
    expect(firstFailure(ack.replies)).toBe(1);
  });

  it('is refused when it is anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodePipelineAck(Buffer.from(bytes));
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'PEER_UNREACHABLE' });
        }
      }),
    );
  });
});

describe('checksums', () => {
  const cutUp = fc.tuple(
    fc.uint8Array({ minLength: 0, maxLength: 5_000 }),
    fc.array(fc.nat(5_000), { maxLength: 8 }),
  );
  const partsOf = (bytes: Buffer, cuts: readonly number[]) => {
    const at = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
    return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
  };

  it('are the CRC32C of each 512 bytes, however the bytes come', () => {
    fc.assert(
      fc.property(cutUp, ([array, cuts]) => {
        const bytes = Buffer.from(array);
        const parts = partsOf(bytes, cuts);
        const checksums = computeChecksums(parts, bytes.length);
        for (let at = 0; at < bytes.length; at += 512) {
          expect(checksums.readUInt32BE((at / 512) * 4)).toBe(crc32c(bytes.subarray(at, at + 512)));
        }
        expect(checksums.length).toBe(Math.ceil(bytes.length / 512) * 4);
        expect(verifyChecksums(parts, bytes.length, checksums)).toBe(true);
      }),
    );
  });

  it('combine to that of the whole', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.nat(8), (array, chunks) => {
        const bytes = Buffer.from(array);
        expect(combineChecksums(computeChecksums([bytes], bytes.length), bytes.length)).toBe(crc32c(bytes));
        const first = bytes.subarray(0, chunks * 512);
        const rest = bytes.subarray(first.length);
        const soFar = combineChecksums(computeChecksums([first], first.length), first.length);
        expect(combineChecksums(computeChecksums([rest], rest.length), rest.length, soFar)).toBe(
          crc32c(bytes),
        );
      }),
    );
  });

  it('do not match after any flipped bit, of data or checksum', () => {
    fc.assert(
      fc.property(cutUp, fc.nat(), fc.nat(7), fc.boolean(), ([array, cuts], place, bit, inData) => {
        const bytes = Buffer.from(array);
        fc.pre(bytes.length > 0);
        const checksums = computeChecksums([bytes], bytes.length);
        const hit = inData ? bytes : checksums;
        const at = place % hit.length;
        hit[at] = hit[at]! ^ (1 << bit);
        expect(verifyChecksums(partsOf(bytes, cuts), bytes.length, checksums)).toBe(false);
      }),
    );
    expect(verifyChecksums([Buffer.alloc(3)], 3, Buffer.alloc(8))).toBe(false);
  });
});

describe('messages', () => {
  it('have defaults for what is unset and are refused without what is required', () => {
    const answer = blockOpResponse.decode(Buffer.from([0x08, 0]));
    expect(answer).toEqual({
      status: 0,
      firstBadLink: '',
      message: '',
      checksumResponse: null,
      readOpChecksumInfo: null,
    });
    expect(() => blockOpResponse.decode(Buffer.alloc(0))).toThrow('status');
    expect(() => opWriteBlock.decode(Buffer.from([0x0a, 0xff]))).toThrow('OpWriteBlockProto');
  });
});

describe('the wire', () => {
  const wireOf = () => {
    const stream = new PassThrough();
    return { stream, wire: new Wire(stream, new SystemClock()) };
  };

  it('reads a packet that comes byte by byte', async () => {
    const { stream, wire } = wireOf();
    const data = Buffer.alloc(1_000, 'x');
    const checksums = computeChecksums([data], data.length);
    const header = { offsetInBlock: 512, seqno: 3, last: false, dataLength: 1_000, sync: true };
    const all = Buffer.concat([encodePacketHead(header, checksums.length), checksums, data]);
    const reading = readPacket(wire, true, 1_000);
    for (const byte of all) stream.write(Buffer.from([byte]));
    const packet = await reading;
    expect(packet).toMatchObject(header);
    expect(packet!.data.equals(data)).toBe(true);
    expect(packet!.checksums.equals(checksums)).toBe(true);
    stream.end();
    expect(await readPacket(wire, true, 1_000)).toBeUndefined();
  });

  it.each([
    ['a length beyond all packets', [0x7f, 0xff, 0xff, 0xff, 0, 25]],
    ['a negative length', [0xff, 0xff, 0xff, 0xff, 0, 25]],
    ['a header beyond all headers', [0, 0, 0, 4, 0x7f, 0xff]],
  ])('ends at %s', async (_name, bytes) => {
    const { stream, wire } = wireOf();
    stream.write(Buffer.from(bytes));
    await expect(readPacket(wire, true, 1_000)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  });

  it('ends at a message that is longer than any', async () => {
    const { stream, wire } = wireOf();
    stream.write(Buffer.from([0xff, 0xff, 0x7f]));
    await expect(wire.readDelimited(1_000)).rejects.toThrow('2097151 bytes');
    const second = wireOf();
    second.stream.write(Buffer.alloc(12, 0xff));
    await expect(second.wire.readDelimited(1_000)).rejects.toThrow('five bytes');
  });

  it('tells silence from an end', async () => {
    const { stream, wire } = wireOf();
    stream.write('ab');
    await expect(wire.fill(3, 20)).rejects.toMatchObject({ code: 'DEADLINE' });
    const waiting = wire.fill(3, 1_000);
    stream.end();
    await expect(waiting).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    expect(wire.take(2).toString()).toBe('ab');
    expect(await wire.more(1, 1_000)).toBe(false);
  });
});
