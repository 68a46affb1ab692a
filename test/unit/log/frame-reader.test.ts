import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { FrameReader, writeFrame } from '../../../log/frame-reader.ts';

function framed(payloads: readonly Buffer[]): Buffer {
  const stream = new PassThrough();
  for (const payload of payloads) writeFrame(stream, [payload.subarray(0, 1), payload.subarray(1)]);
  return stream.read() as Buffer;
}

describe('frame reader', () => {
  it('finds the frames however the bytes are cut', () => {
    const payloads = [Buffer.from('hello'), Buffer.from('x'), Buffer.alloc(1_000, 'y')];
    const bytes = framed(payloads);
    for (const step of [1, 3, 4, 7, 600, bytes.length]) {
      const frames: Buffer[] = [];
      const reader = new FrameReader(10_000, (frame) => frames.push(frame));
      for (let at = 0; at < bytes.length; at += step) reader.push(Buffer.from(bytes.subarray(at, at + step)));
      expect(frames).toEqual(payloads);
    }
  });

  it('refuses a length above the bound before it makes room for it', () => {
    const reader = new FrameReader(10, () => undefined);
    expect(() => reader.push(Buffer.from([0x7f, 0xff, 0xff, 0xff]))).toThrow(RangeError);
    expect(() => new FrameReader(10, () => undefined).push(Buffer.from([255, 255, 255, 255]))).toThrow(
      RangeError,
    );
  });
});
