// Every bound on input. Values follow HDFS where it has one (research: storage, section 5).
export const PATH_LENGTH_MAX = 8_000; // characters
export const PATH_DEPTH_MAX = 1_000;
export const NAME_BYTES_MAX = 255; // UTF-8
export const DIRECTORY_ENTRIES_MAX = 1_048_576;
export const BLOCKS_PER_FILE_MAX = 10_000;
export const REPLICATION_MAX = 512;
export const LIST_PAGE_MAX = 1_000;
export const STREAMS_PER_DATANODE_MAX = 256;
export const PACKET_BYTES_MAX = 16 * 1024 * 1024; // Hadoop's own bound on a packet
