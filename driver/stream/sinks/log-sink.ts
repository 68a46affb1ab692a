import { rowsOfArrow } from '../../../common/compute/arrow-rows.ts';
import { hasCode, QuarryError } from '../../../common/quarry-error.ts';
import type { Log, RecordInput, TransactionalProducer } from '../../../log/log.ts';
import { openLog } from '../../../log/open-log.ts';
import type { Attribute } from '../../plan/expression.ts';
import { logSettings, logUrl, optionOf } from '../../plan/log-options.ts';
import type { QueryBatch } from '../../schedule/query-runner.ts';
import { columnName } from '../../plan/render/render-expression.ts';
import { INTEGER, LONG } from '../../plan/types/coercion.ts';
import { asItIs, asText, type SentColumn, sentOutput } from './result-output.ts';
import type { BatchRows, SinkBatch, SinkOutput, StreamSink } from './stream-sink.ts';

export interface LogSinkOptions {
  readonly format: string;
  readonly options: Readonly<Record<string, string>>;
  readonly columns: readonly Attribute[];
  readonly queryId: string;
  readonly nowMs: () => number;
}

/** One record a query, the newest counts: which batch of it the log has. */
const MARKERS = '__quarry_stream_batches';

/** Records of a topic. A batch's records and its number go out in one transaction, so that a batch that is run again is known. */
export class LogStreamSink implements StreamSink {
  readonly description: string;
  readonly #log: Log;
  readonly #options: LogSinkOptions;
  readonly #topic: string | undefined;
  readonly #columns: ReadonlyMap<string, SentColumn>;
  #producer: TransactionalProducer | undefined;
  #lastBatchId = -1;

  private constructor(log: Log, options: LogSinkOptions) {
    this.#log = log;
    this.#options = options;
    this.#topic = optionOf(options.options, 'topic');
    this.#columns = recordColumns(options.columns);
    if (this.#topic === undefined && !this.#columns.has('topic')) {
      throw new QuarryError(
        'ANALYSIS',
        "topic option required when no 'topic' attribute is present. Use the topic option for setting a topic.",
      );
    }
    this.description = `KafkaSink[${this.#topic ?? 'column topic'}]`;
  }

  /** Errors: INVALID_ARGUMENT, ANALYSIS for rows that are no records. */
  static async open(options: LogSinkOptions): Promise<LogStreamSink> {
    const url = logUrl(options.format, options.options);
    const settings = logSettings(options.options);
    return new LogStreamSink(await openLog(url, { clientId: 'quarry-driver', settings }), options);
  }

  async output(): Promise<SinkOutput> {
    return sentOutput([...this.#columns.values()], `topic ${this.#topic ?? ''}`);
  }

  async add({ batchId }: SinkBatch, { batches, rowCount }: BatchRows): Promise<number> {
    const producer = await this.#opened();
    if (batchId <= this.#lastBatchId) return -1;
    const marker: RecordInput = {
      topic: MARKERS,
      partition: 0,
      key: Buffer.from(this.#options.queryId),
      value: Buffer.from(JSON.stringify({ batchId })),
      timestampMs: this.#options.nowMs(),
    };
    try {
      await producer.commit([...batches.flatMap((batch) => this.#records(batch)), marker]);
    } catch (thrown) {
      // Whether it is in the log is read from there when the batch is tried again.
      if (!hasCode(thrown, 'LIMIT_EXCEEDED', 'TOPIC_NOT_FOUND')) await this.#forget();
      throw thrown;
    }
    this.#lastBatchId = batchId;
    return rowCount;
  }

  async close(): Promise<void> {
    await this.#producer?.close();
    await this.#log.close();
  }

  /** Opening fences what earlier runs had begun; only then is the newest marker final. */
  async #opened(): Promise<TransactionalProducer> {
    if (this.#producer !== undefined) return this.#producer;
    await this.#log.sink.createTopic(MARKERS, { partitions: 1, compacted: true });
    const producer = await this.#log.sink.transactional(`quarry-stream-${this.#options.queryId}`);
    this.#lastBatchId = await this.#newestMarker();
    this.#producer = producer;
    return producer;
  }

  async #newestMarker(): Promise<number> {
    const { source } = this.#log;
    const [from] = await source.earliest(MARKERS);
    const [until] = await source.latest(MARKERS);
    let newest = -1;
    const range = { topic: MARKERS, partition: 0, from: from?.offset ?? 0, until: until?.offset ?? 0 };
    for await (const { keys, values } of source.read(range)) {
      for (const [index, key] of keys.entries()) {
        if (key?.toString() !== this.#options.queryId) continue;
        newest = (JSON.parse(values[index]?.toString() ?? '{}') as { batchId?: number }).batchId ?? newest;
      }
    }
    return newest;
  }

  async #forget(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    try {
      await producer?.close();
    } catch (thrown) {
      // The transaction's own error is what the caller gets; the broker aborts what is left of it.
      if (!(thrown instanceof QuarryError)) throw thrown;
    }
  }

  #records({ arrowIpc }: QueryBatch): RecordInput[] {
    const names = [...this.#columns.keys()];
    return rowsOfArrow(arrowIpc).map((row) => {
      const cells = new Map(Object.values(row).map((cell, index) => [names[index], cell]));
      const partition = cells.get('partition');
      const topic = cells.get('topic') ?? this.#topic;
      if (typeof topic !== 'string') throw new QuarryError('BAD_DATA', 'a row for the log has no topic');
      return {
        topic,
        key: bytesOf(cells.get('key')),
        value: bytesOf(cells.get('value')),
        timestampMs: Number(cells.get('timestamp') ?? this.#options.nowMs()),
        ...(typeof partition === 'number' ? { partition } : {}),
      };
    });
  }
}

function recordColumns(columns: readonly Attribute[]): Map<string, SentColumn> {
  const found = new Map<string, SentColumn>();
  for (const attribute of columns) {
    const name = attribute.name.toLowerCase();
    const { kind } = attribute.type;
    if (name === 'key' || name === 'value') {
      if (kind !== 'string' && kind !== 'binary') {
        throw new QuarryError(
          'ANALYSIS',
          `the column ${name} of a log's rows is STRING or BINARY, not ${kind}: cast it`,
        );
      }
      found.set(name, asItIs(attribute));
    } else if (name === 'topic') found.set(name, asText(attribute));
    else if (name === 'partition') {
      found.set(name, { attribute, type: INTEGER, sql: `CAST(${columnName(attribute.id)} AS INTEGER)` });
    } else if (name === 'timestamp' && kind === 'timestamp') {
      found.set(name, { attribute, type: LONG, sql: `epoch_ms(${columnName(attribute.id)})` });
    }
  }
  if (!found.has('value')) throw new QuarryError('ANALYSIS', "Required attribute 'value' not found");
  return found;
}

function bytesOf(cell: unknown): Buffer | null {
  if (cell === null || cell === undefined) return null;
  return cell instanceof Uint8Array ? Buffer.from(cell) : Buffer.from(cell as string);
}
