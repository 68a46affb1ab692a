/** Bytes of one record's key and value. Kafka's own default is 1 MiB for the batch around it; the rest is for headers. */
export const RECORD_BYTES_MAX = 1_000_000;
/** Records of one partition are sent in batches of about that many bytes. */
export const BATCH_BYTES = 900_000;
/** One transaction of the embedded log. */
export const COMMIT_BYTES_MAX = 64 * 1024 * 1024;
/** Bytes asked for in one fetch: the size of the batches that a reader gets. */
export const FETCH_BYTES = 4 * 1024 * 1024;
export const PARTITIONS_MAX = 10_000;
