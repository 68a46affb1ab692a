import { QuarryError, type WireError } from '../../common/quarry-error.ts';
import type { TopicSpec } from '../log.ts';

/**
 * What goes over a connection to the embedded log, one frame a message: version 1, length of the head (32 bits), the head in
 * JSON, then the batches that the head names with their lengths. Answers come in the order of the requests.
 */
export const PROTOCOL_VERSION = 1;

/** A request: a commit of the largest size, with its head. */
export const REQUEST_BYTES_MAX = 80 * 1024 * 1024;

/** One batch of the bytes behind the head. */
export interface Part {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: number;
}

export interface TopicDescription {
  readonly topic: string;
  /** In the checksum of each batch. */
  readonly id: number;
  /** By partition: the first offset kept, and the one after the last readable record. */
  readonly partitions: readonly { readonly earliest: number; readonly latest: number }[];
}

export type LogRequest =
  | { readonly op: 'topics' }
  | { readonly op: 'describe'; readonly topic: string }
  | { readonly op: 'offsetsAtTime'; readonly topic: string; readonly timestampMs: number }
  | { readonly op: 'create'; readonly topic: string; readonly spec: TopicSpec }
  | {
      readonly op: 'append';
      readonly producer: string;
      readonly sequence: number;
      readonly parts: readonly Part[];
    }
  | { readonly op: 'open'; readonly id: string }
  | {
      readonly op: 'commit';
      readonly id: string;
      readonly epoch: number;
      readonly sequence: number;
      readonly parts: readonly Part[];
    }
  | {
      readonly op: 'fetch';
      readonly topic: string;
      readonly partition: number;
      readonly offset: number;
      readonly maxBytes: number;
      readonly maxWaitMs: number;
    };

/** What each request is answered with. */
export interface LogAnswers {
  readonly topics: { readonly topics: readonly string[] };
  readonly describe: TopicDescription;
  readonly offsetsAtTime: { readonly offsets: readonly number[] };
  readonly create: { readonly created: boolean };
  readonly append: object;
  readonly open: { readonly epoch: number };
  readonly commit: object;
  /** The batches' lengths; the first one may begin before the offset asked for. `nextOffset` is past every gap that follows. */
  readonly fetch: {
    readonly topicId: number;
    readonly nextOffset: number;
    readonly batches: readonly number[];
  };
}

export interface Message<Head> {
  readonly head: Head;
  readonly body: Buffer;
}

export function encodeMessage(head: object, batches: readonly Buffer[] = []): Buffer[] {
  const json = Buffer.from(JSON.stringify(head));
  const prefix = Buffer.allocUnsafe(5);
  prefix[0] = PROTOCOL_VERSION;
  prefix.writeUInt32BE(json.length, 1);
  return [prefix, json, ...batches];
}

/** Errors: UNSUPPORTED for another version, INVALID_ARGUMENT for bytes that are no message. */
export function decodeMessage<Head>(frame: Buffer): Message<Head> {
  if (frame[0] !== PROTOCOL_VERSION) {
    throw new QuarryError(
      'UNSUPPORTED',
      `the peer speaks version ${frame[0]} of the log's protocol, this is version ${PROTOCOL_VERSION}`,
    );
  }
  const end = 5 + (frame.length >= 5 ? frame.readUInt32BE(1) : 0);
  if (frame.length < 5 || end > frame.length)
    throw new QuarryError('INVALID_ARGUMENT', 'a message of the log is cut short');
  try {
    return { head: JSON.parse(frame.toString('utf8', 5, end)) as Head, body: frame.subarray(end) };
  } catch (cause) {
    throw new QuarryError('INVALID_ARGUMENT', 'a message of the log has a head that is no JSON', { cause });
  }
}

/** The answer's head, or the error that the log answered with. */
export function answerOf<Head extends object>(frame: Buffer): Message<Head> {
  const { head, body } = decodeMessage<Head | { readonly error: WireError }>(frame);
  if ('error' in head) throw QuarryError.fromWire(head.error);
  return { head, body };
}

/** Slices of `body`. Errors: INVALID_ARGUMENT when the lengths are not those of the bytes. */
export function slices(body: Buffer, lengths: readonly number[]): Buffer[] {
  let at = 0;
  const cut = lengths.map((length) => {
    const from = at;
    at += length;
    return body.subarray(from, at);
  });
  if (at !== body.length)
    throw new QuarryError('INVALID_ARGUMENT', 'a message of the log names other lengths than it has');
  return cut;
}
