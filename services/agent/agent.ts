import type { Logger } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Log, RecordInput, TopicSpec, TransactionalProducer } from '../../log/log.ts';
import { pause } from '../pause.ts';
import { deadLetter, type EventFields, toRecord } from './event-parser.ts';
import { newIdentity, readHead, startsAs } from './file-identity.ts';
import { type FileOffset, FileOffsets } from './offset-table.ts';
import { type LineChunk, readLines } from './line-reader.ts';
import { closeAll, openWatched, type WatchedFile } from './watched-files.ts';

export interface AgentOptions extends EventFields {
  /** Names the agent's records in the log: a second one of the same name takes over from the first. */
  readonly name: string;
  readonly globs: readonly string[];
  /** Compacted: how far each file has been sent. */
  readonly offsetsTopic: string;
  /** Of the topic, when it has to be made. */
  readonly partitions: number;
  readonly pollMs: number;
  readonly lineBytesMax: number;
}

/** One transaction: enough lines to be cheap, few enough to hold in memory twice. */
const CHUNK_BYTES = 1024 * 1024;
const RETRY_MS_MAX = 5_000;
const GATHER_MS = 50;
/** A last line without newline that nobody continues for so long, in a file that another has followed, is complete. */
const ABANDONED_LINE_MS = 10_000;

export interface AgentStatus {
  readonly lines: number;
  readonly deadLetters: number;
  readonly transactions: number;
  /** Bytes that are in the files and not in the log. */
  readonly behindBytes: number;
  readonly files: readonly {
    readonly path: string;
    readonly offsetBytes: number;
    readonly sizeBytes: number;
  }[];
  readonly problem: string | undefined;
}

interface Committed {
  readonly producer: TransactionalProducer;
  readonly offsets: FileOffsets;
}

/**
 * Follows log files into the log. Lines and the offset behind them are one transaction and the agent resumes from what the log
 * holds, so no line is lost and none comes twice, whenever the agent or the log is killed. It waits where the log is slow and
 * holds one chunk at a time.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #log: Log;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  #committed: Committed | undefined;
  readonly #partials = new Map<string, { bytes: number; sinceMs: number }>();
  #status: AgentStatus = {
    lines: 0,
    deadLetters: 0,
    transactions: 0,
    behindBytes: 0,
    files: [],
    problem: undefined,
  };

  constructor(options: AgentOptions, log: Log, logger: Logger) {
    this.#options = options;
    this.#log = log;
    this.#logger = logger;
  }

  get status(): AgentStatus {
    return this.#status;
  }

  /** Until `stop`. Errors: FENCED by another agent of this name, and whatever waiting does not mend. */
  async run(): Promise<void> {
    let waitMs = 100;
    while (!this.#stopped.signal.aborted) {
      try {
        const isIdle = !(await this.#pass());
        waitMs = 100;
        // Lines of a moment go out together: a transaction costs the log much the same for one line as for a thousand.
        await pause(
          isIdle ? this.#options.pollMs : Math.min(GATHER_MS, this.#options.pollMs),
          this.#stopped.signal,
        );
      } catch (thrown) {
        const error = QuarryError.from(thrown);
        if (error.reaction !== 'retry') throw error;
        // Whether the last transaction is committed is not known: the log tells when it is there again.
        this.#logger.warn({ err: error }, 'agent.log-unavailable');
        this.#status = { ...this.#status, problem: error.message };
        await this.#close();
        await pause(waitMs, this.#stopped.signal);
        waitMs = Math.min(waitMs * 2, RETRY_MS_MAX);
      }
    }
    await this.#close();
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Sends what the files hold now; false when there was nothing. */
  async #pass(): Promise<boolean> {
    const { offsets } = (this.#committed ??= await this.#resume());
    const watched = await openWatched(this.#options.globs);
    const seen: AgentStatus['files'][number][] = [];
    let sent = false;
    try {
      for (const [i, file] of watched.entries()) {
        const known = this.#recordOf(file, offsets);
        if (known === undefined) continue;
        const isFollowed = watched.slice(i + 1).some((later) => sameSeries(file.path, later.path));
        const end = await this.#drain(file, known, isFollowed);
        sent ||= end.offsetBytes > known.offsetBytes;
        seen.push({ path: file.path, offsetBytes: end.offsetBytes, sizeBytes: file.sizeBytes });
        if (this.#stopped.signal.aborted) break;
      }
    } finally {
      closeAll(watched);
    }
    const behindBytes = seen.reduce((sum, file) => sum + Math.max(0, file.sizeBytes - file.offsetBytes), 0);
    this.#status = { ...this.#status, files: seen, behindBytes, problem: undefined };
    return sent;
  }

  /** The producer first: it ends what an earlier agent had begun, so that what is read then is final. */
  async #resume(): Promise<Committed> {
    const { name, topic, deadLetterTopic, offsetsTopic, partitions } = this.#options;
    await this.#ensureTopic(topic, { partitions });
    await this.#ensureTopic(deadLetterTopic, { partitions: 1 });
    await this.#ensureTopic(offsetsTopic, { partitions: 1, compacted: true });
    const producer = await this.#log.sink.transactional(`quarry-agent-${name}`);
    try {
      const offsets = await FileOffsets.load(this.#log.source, offsetsTopic, name);
      this.#logger.info({ files: offsets.all().length }, 'agent.resumed');
      return { producer, offsets };
    } catch (thrown) {
      await producer.close();
      throw thrown;
    }
  }

  /** A topic that is there is used as it is: whoever made it, or gave it more partitions since, had a reason. */
  async #ensureTopic(topic: string, spec: TopicSpec): Promise<void> {
    if (!(await this.#log.source.topics()).includes(topic)) await this.#log.sink.createTopic(topic, spec);
  }

  #recordOf(file: WatchedFile, offsets: FileOffsets): FileOffset | undefined {
    const head = readHead(file.fd);
    const known = offsets.find(head);
    if (known !== undefined) return known;
    const identity = newIdentity(head);
    return (
      identity && { ...identity, offsetBytes: 0, skipping: false, path: file.path, updatedMs: Date.now() }
    );
  }

  async #drain(file: WatchedFile, start: FileOffset, isFollowed: boolean): Promise<FileOffset> {
    let at = start;
    while (!this.#stopped.signal.aborted) {
      const { lineBytesMax } = this.#options;
      const chunk = readLines(file.fd, at, {
        chunkBytes: Math.max(CHUNK_BYTES, 2 * lineBytesMax),
        lineBytesMax,
      });
      // Emptied and written anew while it was read: the bytes may be of both files.
      if (!startsAs(readHead(file.fd), at)) break;
      const abandoned = isFollowed ? this.#abandonedLine(at, chunk) : undefined;
      const nextOffsetBytes = chunk.nextOffsetBytes + (abandoned?.length ?? 0);
      if (nextOffsetBytes === at.offsetBytes) break;
      const next = {
        ...at,
        offsetBytes: nextOffsetBytes,
        skipping: chunk.skipping,
        path: file.path,
        updatedMs: Date.now(),
      };
      await this.#send(
        abandoned === undefined ? chunk : { ...chunk, lines: [...chunk.lines, abandoned] },
        next,
      );
      at = next;
    }
    return at;
  }

  #abandonedLine(at: FileOffset, { partial }: LineChunk): Buffer | undefined {
    const before = this.#partials.get(at.hash);
    if (partial.length === 0 || before?.bytes !== partial.length) {
      if (partial.length === 0) this.#partials.delete(at.hash);
      else this.#partials.set(at.hash, { bytes: partial.length, sinceMs: performance.now() });
      return undefined;
    }
    return performance.now() - before.sinceMs >= ABANDONED_LINE_MS ? partial : undefined;
  }

  async #send({ lines, tooLong }: LineChunk, next: FileOffset): Promise<void> {
    const { producer, offsets } = this.#committed!;
    const { deadLetterTopic, lineBytesMax, offsetsTopic } = this.#options;
    const origin = { path: next.path, nowMs: next.updatedMs };
    const reason = `longer than ${lineBytesMax} bytes`;
    const records: RecordInput[] = lines.map((line) =>
      line.length > lineBytesMax
        ? deadLetter(line.subarray(0, 1_024), reason, this.#options, origin)
        : toRecord(line, this.#options, origin),
    );
    if (tooLong !== undefined) records.push(deadLetter(tooLong, reason, this.#options, origin));
    await producer.commit([...records, offsets.toRecord(offsetsTopic, next)]);
    offsets.put(next);
    const dead = records.filter(({ topic }) => topic === deadLetterTopic).length;
    this.#status = {
      ...this.#status,
      lines: this.#status.lines + records.length - dead,
      deadLetters: this.#status.deadLetters + dead,
      transactions: this.#status.transactions + 1,
    };
  }

  async #close(): Promise<void> {
    const open = this.#committed;
    this.#committed = undefined;
    try {
      await open?.producer.close();
    } catch (thrown) {
      // The next producer of this name fences it in any case.
      this.#logger.warn({ err: QuarryError.from(thrown) }, 'agent.producer-not-closed');
    }
  }
}

/** `access.log` follows `access.log.1`: one name is the other with something appended. */
function sameSeries(older: string, newer: string): boolean {
  const stem = (path: string) => path.replace(/[.-]\d+$/, '');
  return stem(older) === stem(newer);
}
