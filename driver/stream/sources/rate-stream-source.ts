import type { Clock } from '../../../common/seams/clock.ts';
import type { Attribute, Expression } from '../../plan/expression.ts';
import type { LogicalPlan } from '../../plan/logical-plan.ts';
import { LONG } from '../../plan/types/coercion.ts';
import type { SourceLeaf } from '../compile-query.ts';
import { countOption, durationOption } from '../stream-options.ts';
import type { SourcePartition, StreamSource } from './stream-source.ts';

interface RateOffset {
  /** Milliseconds since 1970 of the first row. */
  readonly startMs: number;
  readonly seconds: number;
}

const ROWS_ID = 1_400_000_000;

/** Rows that count up, `rowsPerSecond` of them, for trying things out. */
export class RateStreamSource implements StreamSource {
  readonly description: string;
  readonly #rowsPerSecond: number;
  readonly #rampUpSeconds: number;
  readonly #clock: Clock;

  constructor(leaf: SourceLeaf, clock: Clock) {
    this.#rowsPerSecond = countOption(leaf.options, 'rowsPerSecond') ?? 1;
    this.#clock = clock;
    this.#rampUpSeconds = Math.floor(durationOption(leaf.options, 'rampUpTime', 0) / 1_000);
    const partitions = countOption(leaf.options, 'numPartitions');
    this.description = `RateStreamV2[rowsPerSecond=${this.#rowsPerSecond}, rampUpTimeSeconds=${this.#rampUpSeconds}, numPartitions=${partitions ?? 1}]`;
  }

  async initial(): Promise<RateOffset> {
    return { startMs: this.#clock.nowMs(), seconds: 0 };
  }

  async latest({ startMs, seconds }: RateOffset): Promise<RateOffset> {
    // The clock may have been set back.
    const passed = Math.floor((this.#clock.nowMs() - startMs) / 1_000);
    return { startMs, seconds: Math.max(seconds, passed) };
  }

  end(_start: RateOffset, latest: RateOffset): RateOffset {
    return latest;
  }

  isEmpty(start: RateOffset, end: RateOffset): boolean {
    return end.seconds <= start.seconds;
  }

  async bind(leaf: SourceLeaf, start: RateOffset, end: RateOffset): Promise<LogicalPlan> {
    const [from, until] = [this.#rowsAt(start.seconds), this.#rowsAt(end.seconds)];
    const row: Attribute = {
      id: ROWS_ID + (leaf.sourceId ?? 0),
      name: 'value',
      type: LONG,
      nullable: false,
      planIds: [],
      qualifiers: [],
    };
    const rows: LogicalPlan = {
      kind: 'range',
      output: [row],
      start: BigInt(from),
      end: BigInt(until),
      step: 1n,
      partitions: undefined,
    };
    const number: Expression = { kind: 'column', id: row.id, type: LONG, nullable: false };
    // Spread evenly over the batch's seconds: while the rate rises they have not the same number of rows.
    const usPerRow = ((end.seconds - start.seconds) * 1_000_000) / Math.max(1, until - from);
    const zeroUs = end.startMs * 1_000 + start.seconds * 1_000_000 - from * usPerRow;
    return {
      kind: 'project',
      output: leaf.output,
      input: rows,
      columns: leaf.output.map((attribute) => ({
        attribute,
        value: attribute.name === 'value' ? number : timeOf(number, zeroUs, usPerRow, attribute),
      })),
    };
  }

  rows(start: RateOffset, end: RateOffset): number {
    return this.#rowsAt(end.seconds) - this.#rowsAt(start.seconds);
  }

  /** How many rows there are after so many seconds: each second of the ramp has one step more than the one before it. */
  #rowsAt(seconds: number): number {
    const step = Math.max(1, Math.floor(this.#rowsPerSecond / (this.#rampUpSeconds + 1)));
    const ramp = Math.min(seconds, this.#rampUpSeconds);
    return (step * ramp * (ramp + 1)) / 2 + (seconds - ramp) * this.#rowsPerSecond;
  }

  metrics(): Record<string, string> {
    return {};
  }

  partitions(end: RateOffset, latest: RateOffset): SourcePartition[] {
    return [{ key: '', hasRecords: latest.seconds > 0, hasUnread: latest.seconds > end.seconds }];
  }

  async committed(): Promise<void> {
    // Nothing is kept.
  }

  async close(): Promise<void> {
    // Nothing is open.
  }
}

/** The instant of a row: start + number * microseconds a row, as the kernel's timestamp of microseconds. */
function timeOf(number: Expression, startUs: number, usPerRow: number, { type }: Attribute): Expression {
  const double = { kind: 'double' } as const;
  const asDouble: Expression = { kind: 'cast', input: number, type: double, nullable: false, try: false };
  const scaled: Expression = {
    kind: 'call',
    name: '*',
    args: [asDouble, { kind: 'literal', value: usPerRow / 1_000_000, type: double, nullable: false }],
    type: double,
    nullable: false,
  };
  const seconds: Expression = {
    kind: 'call',
    name: '+',
    args: [scaled, { kind: 'literal', value: startUs / 1_000_000, type: double, nullable: false }],
    type: double,
    nullable: false,
  };
  return { kind: 'cast', input: seconds, type, nullable: false, try: false };
}
