import { FILE_DELTA, FILE_SNAPSHOT, OBSERVE_STATE, OBSERVE_WATERMARK } from '../stages/stage-steps.ts';
import type { StateEntry } from './checkpoint/checkpoint-codec.ts';

/** What a task of a batch answers: StepSummary of the proto as JSON. */
interface TaskAnswer {
  readonly observed?: readonly {
    readonly name: string;
    readonly rows: readonly { readonly cells: readonly string[] }[];
  }[];
  readonly states?: readonly {
    readonly name: string;
    readonly path: string;
    readonly inodeId: number;
    readonly generation: number;
    readonly lengthBytes: number;
    readonly rowCount: number;
  }[];
}

/** What one range of a watermarked source had in a batch. Times are in microseconds. */
export interface ObservedTime {
  readonly watermark: number;
  readonly range: string;
  readonly highestUs: number | undefined;
  readonly lateRows: number;
  readonly rows: number;
  readonly minUs: number | undefined;
  readonly avgUs: number | undefined;
  readonly maxUs: number | undefined;
}

export interface ObservedState {
  readonly operator: number;
  readonly updated: number;
  readonly total: number;
  readonly kept: number;
}

/** What the tasks of a batch have told. */
export interface BatchReport {
  readonly times: readonly ObservedTime[];
  readonly states: readonly ObservedState[];
  readonly files: readonly {
    readonly operator: number;
    readonly partition: number;
    readonly entry: StateEntry;
  }[];
  /** Records read of each range of a log. */
  readonly logRows: ReadonlyMap<string, number>;
}

/** Gathers the answers of all stages, by stage and partition. */
export function batchReport(answers: readonly (readonly unknown[])[], batchId: number): BatchReport {
  const times: ObservedTime[] = [];
  const states: ObservedState[] = [];
  const files: { operator: number; partition: number; entry: StateEntry }[] = [];
  const logRows = new Map<string, number>();
  for (const stage of answers) {
    for (const [partition, answer] of stage.entries()) {
      const { observed = [], states: written = [] } = (answer ?? {}) as TaskAnswer;
      for (const { name, rows } of observed) {
        for (const { cells } of rows) {
          if (name.startsWith(OBSERVE_WATERMARK))
            times.push(timeOf(Number(name.slice(OBSERVE_WATERMARK.length)), cells));
          else if (name.startsWith(OBSERVE_STATE))
            states.push(stateOf(Number(name.slice(OBSERVE_STATE.length)), cells));
          else if (name === 'log-rows')
            logRows.set(cells[0] ?? '', (logRows.get(cells[0] ?? '') ?? 0) + Number(cells[1]));
        }
      }
      for (const { name, path, inodeId, generation, lengthBytes, rowCount } of written) {
        const snapshot = name.startsWith(FILE_SNAPSHOT);
        const operator = Number(name.slice((snapshot ? FILE_SNAPSHOT : FILE_DELTA).length));
        const entry = { batchId, snapshot, path, inodeId, generation, lengthBytes, rowCount };
        files.push({ operator, partition, entry });
      }
    }
  }
  return { times, states, files, logRows };
}

function timeOf(watermark: number, cells: readonly string[]): ObservedTime {
  const [range = '', highest, late, rows, min, avg, max] = cells;
  return {
    watermark,
    range,
    highestUs: numberOf(highest),
    lateRows: numberOf(late) ?? 0,
    rows: numberOf(rows) ?? 0,
    minUs: numberOf(min),
    avgUs: numberOf(avg),
    maxUs: numberOf(max),
  };
}

function stateOf(operator: number, [updated, total, kept]: readonly string[]): ObservedState {
  return {
    operator,
    updated: numberOf(updated) ?? 0,
    total: numberOf(total) ?? 0,
    kept: numberOf(kept) ?? 0,
  };
}

/** Cells are text; a null is empty. */
function numberOf(cell: string | undefined): number | undefined {
  return cell === undefined || cell === '' ? undefined : Number(cell);
}
