import { join } from 'node:path';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../../common/package-root.ts';
import {
  decodeCalls,
  decodeReplies,
  encodeCalls,
  encodeReplies,
  NO_BYTES,
} from '../../../../common/rpc/call-frames.ts';

const types = protobuf.loadSync(join(packageRoot, 'proto/quarry/calls.proto'));
const callBatch = types.lookupType('quarry.CallBatch');
const replyBatch = types.lookupType('quarry.ReplyBatch');
const options = { defaults: true, bytes: Buffer };

describe('call frames', () => {
  it('are what the .proto says, either way', () => {
    const calls = [
      { id: 1, method: '/quarry.NamenodeService/Create', request: Buffer.from('ask'), cancel: false },
      { id: 70_000, method: '/quarry.NamenodeService/Délete', request: NO_BYTES, cancel: false },
      { id: 3, method: '', request: NO_BYTES, cancel: true },
    ];
    expect(callBatch.toObject(callBatch.decode(encodeCalls(calls)), options)).toEqual({ calls });
    expect(decodeCalls(callBatch.encode({ calls }).finish() as Buffer)).toEqual(calls);

    const replies = [
      { id: 1, response: Buffer.alloc(300, 7), error: NO_BYTES },
      { id: 2, response: NO_BYTES, error: Buffer.from('{}') },
      { id: 3, response: NO_BYTES, error: NO_BYTES },
    ];
    expect(replyBatch.toObject(replyBatch.decode(encodeReplies(replies)), options)).toEqual({ replies });
    expect(decodeReplies(replyBatch.encode({ replies }).finish() as Buffer)).toEqual(replies);
  });

  it('pass over fields of a newer peer', () => {
    const known = { id: 5, method: 'm', request: Buffer.from('r'), cancel: false };
    const frame = encodeCalls([known]).subarray(2);
    const newer = Buffer.concat([frame, Buffer.from([0x7a, 2, 1, 2])]);
    const batch = Buffer.concat([Buffer.from([0x0a, newer.length]), newer, Buffer.from([0x78, 9])]);
    expect(decodeCalls(batch)).toEqual([known]);
  });

  it('refuse bytes that end early', () => {
    const whole = encodeCalls([{ id: 5, method: 'm', request: Buffer.alloc(20), cancel: false }]);
    expect(() => decodeCalls(whole.subarray(0, 10))).toThrow(RangeError);
  });
});
