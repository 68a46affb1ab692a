/** One batch of a streaming query for a view. Values are absolute (the count of a window), never increments. */
export interface ViewBatch {
  /** The view: the prefix of all its keys. */
  readonly view: string;
  /** Rises with every start of the query; a lower one than the view's is refused. */
  readonly epoch: number;
  /** Counts from 0 without gaps. */
  readonly batchId: number;
  readonly entries: readonly ViewEntry[];
  /** Entries are forgotten that long after their last write; 0 for never. */
  readonly ttlSeconds: number;
}

/** view -> key -> field -> value: the key is a window's start (`2026-11-22T10:01:00Z`), the field a product. */
export interface ViewEntry {
  readonly key: string;
  readonly field: string;
  readonly value: number | string;
}

export interface ViewMarker {
  readonly epoch: number;
  readonly batchId: number;
}

/**
 * A key-value view that takes each batch exactly once: Redis, or the embedded one of `services/views`.
 * One commit is atomic together with its marker.
 */
export interface KeyValueView {
  /**
   * 'skipped' when the view's marker is at or past the batch. 'gap' when the marker is older than the batch before (the store has
   * lost its last writes): nothing is written, and the caller commits its kept batches from `marker.batchId + 1` (0 without a
   * marker) again. Errors: FENCED when the view has seen a higher epoch, VIEW_UNAVAILABLE.
   */
  commit(batch: ViewBatch): Promise<ViewOutcome>;
  marker(view: string): Promise<ViewMarker | undefined>;
  /** Values by key and field; a key without entries is absent. */
  read(view: string, keys: readonly string[]): Promise<Map<string, Map<string, string>>>;
  /** Keys with `from` <= key < `until`, in order. */
  keys(view: string, from: string, until: string): Promise<string[]>;
  /** Every view that has been written, by name. */
  views(): Promise<string[]>;
  /** Forgets a view with its marker: the start of a replay. */
  drop(view: string): Promise<void>;
  close(): Promise<void>;
}

export type ViewOutcome =
  | { readonly kind: 'written' }
  | { readonly kind: 'skipped'; readonly marker: ViewMarker }
  | { readonly kind: 'gap'; readonly marker: ViewMarker | undefined };
