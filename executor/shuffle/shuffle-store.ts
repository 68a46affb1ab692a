import type { MapOutput } from '../../proto/gen/quarry/MapOutput.ts';
import type { MapOutputInput } from '../../proto/gen/quarry/MapOutput.ts';
import type { TaskId } from '../../proto/gen/quarry/TaskId.ts';

export interface SegmentSize {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly rowCount: number;
}

/** A shuffle file on this executor's disk, complete from byte 0 or with holes where nothing was asked for. */
export interface LocalShuffleFile {
  readonly path: string;
  release(): void;
}

/** Shuffle files of this executor, and those of others as far as tasks here read them. */
export interface ShuffleStore {
  /** A path to write a map output to. Nobody sees it before `commit`. */
  temporaryPath(id: TaskId): string;
  /**
   * Makes the finished file visible by one rename and describes it for the driver. `segments` has one entry a partition;
   * `tailOffsetBytes` is where bytes start that every reader needs (the file's length when there are none).
   */
  commit(
    id: TaskId,
    temporaryPath: string,
    layout: { readonly segments: readonly SegmentSize[]; readonly tailOffsetBytes: number; readonly rowCount: number },
  ): Promise<MapOutputInput>;
  /** Forgets an attempt that failed. */
  discard(temporaryPath: string): Promise<void>;
  /**
   * The bytes of `partitions` of an output, one Buffer a partition, read here or over TCP.
   * Errors: SHUFFLE_LOST with details { executor, stage, mapPartition }.
   */
  readSegments(source: ShuffleRead): Promise<Buffer[]>;
  /** A local file that holds at least the segments of `partitions` and the tail, at their own offsets. Errors: SHUFFLE_LOST. */
  openLocal(source: ShuffleRead): Promise<LocalShuffleFile>;
  removeJob(jobId: string): Promise<void>;
}

export interface ShuffleRead {
  readonly stage: number;
  readonly output: MapOutput;
  readonly partitions: readonly number[];
  readonly signal: AbortSignal;
  /** Counts bytes that came from another executor. */
  readonly onBytes?: (bytes: number) => void;
}
