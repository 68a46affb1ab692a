import { QuarryError } from '../../common/quarry-error.ts';
import type { _spark_connect_Expression_WindowInput as WindowInput } from '../../proto/gen/spark/connect/Expression.ts';
import { type ColumnOrName, columnOf, literalColumn, sortOrderOf } from './column.ts';

type FrameInput = NonNullable<WindowInput['frameSpec']>;
type BoundaryInput = NonNullable<FrameInput['lower']>;

/** Which rows a window function sees for each row: partition, order, frame. Immutable. */
export class WindowSpec {
  readonly #partitionBy: readonly ColumnOrName[];
  readonly #orderBy: readonly ColumnOrName[];
  readonly #frame: FrameInput | undefined;

  constructor(
    partitionBy: readonly ColumnOrName[],
    orderBy: readonly ColumnOrName[],
    frame: FrameInput | undefined,
  ) {
    this.#partitionBy = partitionBy;
    this.#orderBy = orderBy;
    this.#frame = frame;
  }

  partitionBy(...columns: readonly ColumnOrName[]): WindowSpec {
    return new WindowSpec(columns, this.#orderBy, this.#frame);
  }
  orderBy(...columns: readonly ColumnOrName[]): WindowSpec {
    return new WindowSpec(this.#partitionBy, columns, this.#frame);
  }
  /** Rows counted from the current one: `rowsBetween(-2, Window.currentRow)`. */
  rowsBetween(start: number, end: number): WindowSpec {
    return this.#withFrame('FRAME_TYPE_ROW', start, end);
  }
  /** Rows whose order value is that far from the current row's. */
  rangeBetween(start: number, end: number): WindowSpec {
    return this.#withFrame('FRAME_TYPE_RANGE', start, end);
  }

  /** The message of `Column.over`, without the function. */
  message(): Omit<WindowInput, 'windowFunction'> {
    return {
      partitionSpec: this.#partitionBy.map((column) => columnOf(column).expression),
      orderSpec: this.#orderBy.map(sortOrderOf),
      ...(this.#frame === undefined ? {} : { frameSpec: this.#frame }),
    };
  }

  #withFrame(frameType: 'FRAME_TYPE_ROW' | 'FRAME_TYPE_RANGE', start: number, end: number): WindowSpec {
    if (!(start <= end)) {
      throw new QuarryError('INVALID_ARGUMENT', `a window frame cannot start at ${start} and end at ${end}`);
    }
    return new WindowSpec(this.#partitionBy, this.#orderBy, {
      frameType,
      lower: boundary(start),
      upper: boundary(end),
    });
  }
}

function boundary(offset: number): BoundaryInput {
  if (offset === 0) return { currentRow: true };
  return Number.isFinite(offset) ? { value: literalColumn(offset).expression } : { unbounded: true };
}

/** Where window specifications start. @example row_number().over(Window.partitionBy('store').orderBy(desc('sales'))) */
export const Window = {
  unboundedPreceding: Number.NEGATIVE_INFINITY,
  unboundedFollowing: Number.POSITIVE_INFINITY,
  currentRow: 0,
  partitionBy: (...columns: readonly ColumnOrName[]) => new WindowSpec(columns, [], undefined),
  orderBy: (...columns: readonly ColumnOrName[]) => new WindowSpec([], columns, undefined),
} as const;
