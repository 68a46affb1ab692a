import type { LogSource, RecordInput } from '../../log/log.ts';
import { type FileIdentity, hashOf } from './file-identity.ts';

/** How far a file has been sent. Travels in the same transaction as the lines up to `offsetBytes`. */
export interface FileOffset extends FileIdentity {
  readonly offsetBytes: number;
  /** The line at the offset is too long and is being skipped. */
  readonly skipping: boolean;
  /** Where the file was seen last, for people. */
  readonly path: string;
  readonly updatedMs: number;
}

/** What an agent of this name has committed, by file. The log is its only memory. */
export class FileOffsets {
  readonly #agent: string;
  readonly #byPrefix = new Map<number, Map<string, FileOffset>>();

  constructor(agent: string) {
    this.#agent = agent;
  }

  /** Reads every record of this agent from the compacted topic. Errors: those of LogSource.read. */
  static async load(source: LogSource, topic: string, agent: string): Promise<FileOffsets> {
    const offsets = new FileOffsets(agent);
    const latest = new Map((await source.latest(topic)).map(({ partition, offset }) => [partition, offset]));
    for (const { partition, offset: from } of await source.earliest(topic)) {
      const until = latest.get(partition) ?? from;
      for await (const { keys, values } of source.read({ topic, partition, from, until })) {
        for (const [i, key] of keys.entries()) offsets.#replay(key?.toString() ?? '', values[i] ?? null);
      }
    }
    return offsets;
  }

  /** The committed record of the file that begins with these bytes. */
  find(head: Buffer): FileOffset | undefined {
    for (const [prefixBytes, records] of this.#byPrefix) {
      const record = head.length >= prefixBytes ? records.get(hashOf(head, prefixBytes)) : undefined;
      if (record !== undefined) return record;
    }
    return undefined;
  }

  put(record: FileOffset): void {
    const records = this.#byPrefix.get(record.prefixBytes) ?? new Map<string, FileOffset>();
    this.#byPrefix.set(record.prefixBytes, records.set(record.hash, record));
  }

  all(): FileOffset[] {
    return [...this.#byPrefix.values()].flatMap((records) => [...records.values()]);
  }

  toRecord(topic: string, offset: FileOffset): RecordInput {
    return {
      topic,
      key: Buffer.from(this.#keyOf(offset)),
      value: Buffer.from(JSON.stringify(offset)),
      timestampMs: offset.updatedMs,
    };
  }

  #keyOf({ hash, prefixBytes }: FileIdentity): string {
    return `${this.#agent}/${prefixBytes}/${hash}`;
  }

  #replay(key: string, value: Buffer | null): void {
    if (value === null || !key.startsWith(`${this.#agent}/`)) return;
    this.put(JSON.parse(value.toString()) as FileOffset);
  }
}
