import type { MessageTypeDefinition } from '@grpc/proto-loader';
import type { ForeachBatchCall, ForeachBatchCallInput } from '../../proto/gen/quarry/ForeachBatchCall.ts';
import type { ForeachBatchDone, ForeachBatchDoneInput } from '../../proto/gen/quarry/ForeachBatchDone.ts';
import type { ForeachBatchStart, ForeachBatchStartInput } from '../../proto/gen/quarry/ForeachBatchStart.ts';
import { Protocol } from '../rpc/protocol.ts';

interface Messages {
  readonly ForeachBatchStart: [ForeachBatchStartInput, ForeachBatchStart];
  readonly ForeachBatchDone: [ForeachBatchDoneInput, ForeachBatchDone];
  readonly ForeachBatchCall: [ForeachBatchCallInput, ForeachBatchCall];
}

/** A message of proto/quarry/stream.proto as google.protobuf.Any carries it. */
export interface ForeachMessage<Name extends keyof Messages> {
  readonly typeUrl: string;
  encode(message: Messages[Name][0]): { type_url: string; value: Buffer };
  decode(bytes: Buffer): Messages[Name][1];
}

let loaded: Protocol | undefined;

function messageOf<Name extends keyof Messages>(name: Name): ForeachMessage<Name> {
  type Codec = Pick<MessageTypeDefinition<Messages[Name][0], Messages[Name][1]>, 'serialize' | 'deserialize'>;
  let made: Codec | undefined;
  const codec = (): Codec => {
    loaded ??= Protocol.load('quarry/stream');
    made ??= loaded.message(`quarry.${name}`) as unknown as Codec;
    return made;
  };
  const typeUrl = `type.googleapis.com/quarry.${name}`;
  return {
    typeUrl,
    encode: (message) => ({ type_url: typeUrl, value: codec().serialize(message) }),
    decode: (bytes) => codec().deserialize(bytes),
  };
}

export const foreachBatchStart = messageOf('ForeachBatchStart');
export const foreachBatchDone = messageOf('ForeachBatchDone');
export const foreachBatchCall = messageOf('ForeachBatchCall');
