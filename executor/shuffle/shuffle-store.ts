import type { MapOutput } from '../../proto/gen/quarry/MapOutput.ts';
import type { MapOutputInput } from '../../proto/gen/quarry/MapOutput.ts';
import type { TaskId } from '../../proto/gen/quarry/TaskId.ts';

/** The bytes of one partition in a shuffle file. */
export interface ShuffleSegment {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly rowCount: number;
  /** Of these bytes as they were made: every reader compares. */
  readonly crc32c?: number;
}

export interface ShuffleLayout {
  /** One entry a partition. */
  readonly segments: readonly ShuffleSegment[];
  /** Where bytes start that every reader needs; the file's length when there are none. */
  readonly tailOffsetBytes: number;
  /** Of the bytes from there on; not given when there are none. */
  readonly tailCrc32c?: number;
  readonly rowCount: number;
}

export interface ShuffleRead {
  readonly stage: number;
  readonly output: MapOutput;
  /** Which partitions; all of them when empty. */
  readonly partitions: readonly number[];
  readonly signal: AbortSignal;
  /** Told how many bytes were read, here or from another executor. */
  readonly onBytes?: (bytes: number) => void;
}

/** A file of this host that holds what was asked for at its own offsets; the rest may be holes. */
export interface LocalShuffleFile {
  readonly path: string;
  release(): void;
}

/** Shuffle files of this executor, and those of others as far as tasks here read them. */
export interface ShuffleStore {
  /** A path to write a map output to. Nobody sees it before `commit`. */
  temporaryPath(id: TaskId): Promise<string>;
  /** Makes the finished file visible by one rename and describes it for the driver. */
  commit(id: TaskId, temporaryPath: string, layout: ShuffleLayout): Promise<MapOutputInput>;
  /** Forgets an attempt that failed. */
  discard(temporaryPath: string): Promise<void>;
  /**
   * The bytes of each wanted partition's segment, in the order of `partitions`, checked against the segment's checksum.
   * Errors: SHUFFLE_LOST with details { executor, stage, mapPartition, attempt }; also for a file that was cut or changed.
   */
  readSegments(read: ShuffleRead): Promise<Buffer[]>;
  /** The file's wanted bytes match their checksums. Errors: SHUFFLE_LOST as above. */
  openLocal(read: ShuffleRead): Promise<LocalShuffleFile>;
  removeJob(jobId: string): Promise<void>;
}
