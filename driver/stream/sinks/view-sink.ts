import { rowsOfArrow } from '../../../common/compute/arrow-rows.ts';
import { QuarryError } from '../../../common/quarry-error.ts';
import type { KeyValueView, ViewBatch, ViewEntry } from '../../../sinks/key-value-view.ts';
import { openView } from '../../../sinks/open-view.ts';
import type { Attribute } from '../../plan/expression.ts';
import { optionOf } from '../../plan/log-options.ts';
import { renderCast } from '../../plan/render/render-cast.ts';
import { columnName } from '../../plan/render/render-expression.ts';
import { DOUBLE, isNumeric, STRING } from '../../plan/types/coercion.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { requiredOption } from '../stream-options.ts';
import { type SentColumn, sentOutput } from './result-output.ts';
import type { BatchRows, SinkBatch, SinkOutput, StreamSink } from './stream-sink.ts';

export interface ViewSinkOptions {
  readonly format: string;
  readonly options: Readonly<Record<string, string>>;
  readonly columns: readonly Attribute[];
  readonly checkpoint: Checkpoint;
}

/**
 * A view of keys, fields and values: Redis or the embedded one. The entries of a batch are kept in the checkpoint before the batch
 * is committed, so that a store that lost its last writes (it says 'gap') gets them again, in order.
 */
export class ViewSink implements StreamSink {
  readonly description: string;
  readonly #view: KeyValueView;
  readonly #name: string;
  readonly #ttlSeconds: number;
  readonly #columns: readonly SentColumn[];
  readonly #checkpoint: Checkpoint;

  private constructor(view: KeyValueView, name: string, options: ViewSinkOptions) {
    this.#view = view;
    this.#name = name;
    this.#checkpoint = options.checkpoint;
    this.#ttlSeconds = secondsOption(options.options);
    this.#columns = sentColumns(options);
    this.description = `${options.format === 'redis' ? 'Redis' : 'QuarryView'}[${name}]`;
  }

  /** Errors: INVALID_ARGUMENT, ANALYSIS for a column that is not there. */
  static async open(options: ViewSinkOptions): Promise<ViewSink> {
    const url = requiredOption(options.options, 'url', options.format);
    const name = requiredOption(options.options, 'view', options.format);
    return new ViewSink(await openView(url), name, options);
  }

  async output(): Promise<SinkOutput> {
    return sentOutput(this.#columns, `view ${this.#name}`);
  }

  async add({ batchId, epoch }: SinkBatch, { batches, rowCount }: BatchRows): Promise<number> {
    const entries = batches.flatMap(({ arrowIpc }) => entriesOf(arrowIpc, this.#columns));
    const kept = Buffer.from(JSON.stringify(entries));
    // Both at once: the batch is committed after both. Both have ended before it may be tried again.
    const settled = await Promise.allSettled([
      this.#checkpoint.writeOutput(batchId, kept),
      this.#commit(batchId, epoch, entries),
    ]);
    for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason;
    return rowCount;
  }

  async close(): Promise<void> {
    await this.#view.close();
  }

  async #commit(batchId: number, epoch: number, entries: readonly ViewEntry[]): Promise<void> {
    const outcome = await this.#view.commit(this.#batch(batchId, epoch, entries));
    if (outcome.kind !== 'gap') return;
    for (let missing = (outcome.marker?.batchId ?? -1) + 1; missing < batchId; missing++) {
      const kept = await this.#checkpoint.readOutput(missing);
      if (kept === undefined) {
        throw new QuarryError(
          'BAD_DATA',
          `the view ${this.#name} has lost batch ${missing} and what the query had written is no longer kept: drop the view and start the query with a new checkpoint, which makes it again from the log`,
        );
      }
      const replayed = JSON.parse(kept.toString()) as ViewEntry[];
      const again = await this.#view.commit(this.#batch(missing, epoch, replayed));
      if (again.kind === 'gap')
        throw new QuarryError('VIEW_UNAVAILABLE', `the view ${this.#name} loses writes as they are made`);
    }
    const last = await this.#view.commit(this.#batch(batchId, epoch, entries));
    if (last.kind === 'gap')
      throw new QuarryError('VIEW_UNAVAILABLE', `the view ${this.#name} loses writes as they are made`);
  }

  #batch(batchId: number, epoch: number, entries: readonly ViewEntry[]): ViewBatch {
    return { view: this.#name, epoch, batchId, entries, ttlSeconds: this.#ttlSeconds };
  }
}

/** The key columns, then the field, then the value. */
function sentColumns({ format, options, columns }: ViewSinkOptions): SentColumn[] {
  const named = (name: string): Attribute => {
    const found = columns.find((each) => each.name.toLowerCase() === name.trim().toLowerCase());
    if (found !== undefined) return found;
    throw new QuarryError(
      'ANALYSIS',
      `the sink ${format} names the column ${name}, which is not among ${columns.map((each) => each.name).join(', ')}`,
    );
  };
  const keys = requiredOption(options, 'keyColumns', format)
    .split(',')
    .map((name) => keyColumn(named(name)));
  const field = keyColumn(named(requiredOption(options, 'fieldColumn', format)));
  const value = named(requiredOption(options, 'valueColumn', format));
  return [...keys, field, valueColumn(value)];
}

/** Text; an instant in UTC to the second or as fine as it is; a window goes by its start. */
function keyColumn(attribute: Attribute): SentColumn {
  const name = columnName(attribute.id);
  const { type } = attribute;
  if (type.kind === 'timestamp') return { attribute, type: STRING, sql: instant(name) };
  if (type.kind === 'struct' && type.fields[0]?.name === 'start') {
    return { attribute, type: STRING, sql: instant(`${name}."start"`) };
  }
  return { attribute, type: STRING, sql: renderCast(name, type, STRING, false) };
}

function instant(sql: string): string {
  const time = `(CAST(${sql} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')`;
  return `CASE WHEN epoch_us(${time}) % 1000000 = 0 THEN strftime(${time}, '%Y-%m-%dT%H:%M:%SZ') ELSE strftime(${time}, '%Y-%m-%dT%H:%M:%S.%fZ') END`;
}

/** Counts and measures as numbers where a double holds them exactly enough, anything else as text. */
function valueColumn(attribute: Attribute): SentColumn {
  const name = columnName(attribute.id);
  const { type } = attribute;
  const exact = type.kind === 'long' || type.kind === 'decimal' || !isNumeric(type);
  if (type.kind === 'timestamp') return { attribute, type: STRING, sql: instant(name) };
  return exact
    ? { attribute, type: STRING, sql: renderCast(name, type, STRING, false) }
    : { attribute, type: DOUBLE, sql: renderCast(name, type, DOUBLE, false) };
}

function entriesOf(arrowIpc: Buffer, columns: readonly SentColumn[]): ViewEntry[] {
  const entries: ViewEntry[] = [];
  const value = columns.at(-1)!;
  const isCount = value.attribute.type.kind === 'long';
  for (const row of rowsOfArrow(arrowIpc)) {
    const cells = Object.values(row);
    const last = cells.at(-1);
    if (last === null || last === undefined) continue;
    const keys = cells.slice(0, -2).map(textOf);
    const number = isCount ? Number(last) : last;
    entries.push({
      key: keys.join('|'),
      field: textOf(cells.at(-2)),
      value: typeof number === 'number' && (!isCount || Number.isSafeInteger(number)) ? number : textOf(last),
    });
  }
  return entries;
}

function textOf(cell: unknown): string {
  return cell === null || cell === undefined ? '' : String(cell as string | number | bigint | boolean);
}

function secondsOption(options: Readonly<Record<string, string>>): number {
  const text = optionOf(options, 'ttlSeconds') ?? '0';
  const seconds = Number(text);
  if (Number.isSafeInteger(seconds) && seconds >= 0) return seconds;
  throw new QuarryError('INVALID_ARGUMENT', `option ttlSeconds: ${text} is no number of seconds`);
}
