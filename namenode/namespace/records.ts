import type { Decoder, Encoder, Table } from './codec.ts';

/** Records are immutable: a change is a new record. Times are milliseconds since 1970. */
interface InodeBase {
  readonly id: number;
  readonly owner: string;
  readonly group: string;
  /** Permission bits, 01777 at most. */
  readonly mode: number;
  readonly modifiedMs: number;
  readonly accessedMs: number;
}

export interface DirectoryInode extends InodeBase {
  readonly kind: 'directory';
  readonly childrenCount: number;
}

export interface FileInode extends InodeBase {
  readonly kind: 'file';
  readonly replication: number;
  readonly blockSizeBytes: number;
  /** Of the committed blocks. */
  readonly lengthBytes: number;
  readonly underConstruction: boolean;
  /** Rises with each change of the bytes. */
  readonly generation: number;
  readonly blockCount: number;
  /** The first INLINE_BLOCKS ids; further ones are in segments. */
  readonly blocks: readonly number[];
}

export type Inode = DirectoryInode | FileInode;

export const INLINE_BLOCKS = 16;
export const SEGMENT_BLOCKS = 256;

const KIND_DIRECTORY = 0;
const KIND_FILE = 1;

export const INODES: Table<Inode> = {
  name: 'inode',
  encode(out, inode) {
    out.byte(inode.kind === 'directory' ? KIND_DIRECTORY : KIND_FILE);
    out.uint(inode.id);
    out.text(inode.owner);
    out.text(inode.group);
    out.uint(inode.mode);
    out.uint(inode.modifiedMs);
    out.uint(inode.accessedMs);
    if (inode.kind === 'directory') {
      out.uint(inode.childrenCount);
      return;
    }
    out.uint(inode.replication);
    out.uint(inode.blockSizeBytes);
    out.uint(inode.lengthBytes);
    out.bool(inode.underConstruction);
    out.uint(inode.generation);
    out.uint(inode.blockCount);
    out.uints(inode.blocks);
  },
  decode(from) {
    const kind = from.byte();
    const base = {
      id: from.uint(),
      owner: from.text(),
      group: from.text(),
      mode: from.uint(),
      modifiedMs: from.uint(),
      accessedMs: from.uint(),
    };
    if (kind === KIND_DIRECTORY) return { kind: 'directory', ...base, childrenCount: from.uint() };
    return { kind: 'file', ...base, ...decodeFile(from) };
  },
};

function decodeFile(from: Decoder) {
  return {
    replication: from.uint(),
    blockSizeBytes: from.uint(),
    lengthBytes: from.uint(),
    underConstruction: from.bool(),
    generation: from.uint(),
    blockCount: from.uint(),
    blocks: from.uints(),
  };
}

/** Where an inode is linked. */
export interface ParentLink {
  readonly parentId: number;
  readonly name: string;
}
export const PARENTS: Table<ParentLink> = {
  name: 'parent',
  encode(out, link) {
    out.uint(link.parentId);
    out.text(link.name);
  },
  decode: (from) => ({ parentId: from.uint(), name: from.text() }),
};

export const SEGMENTS: Table<readonly number[]> = {
  name: 'block list',
  encode: (out, blocks) => out.uints(blocks),
  decode: (from) => from.uints(),
};

export interface BlockRecord {
  readonly id: number;
  readonly inodeId: number;
  readonly stamp: number;
  /** Final once committed; before that, what the writer has fsynced. */
  readonly lengthBytes: number;
  readonly committed: boolean;
  readonly target: number;
}
export const BLOCKS: Table<BlockRecord> = {
  name: 'block',
  encode(out, block) {
    out.uint(block.id);
    out.uint(block.inodeId);
    out.uint(block.stamp);
    out.uint(block.lengthBytes);
    out.bool(block.committed);
    out.uint(block.target);
  },
  decode: (from) => ({
    id: from.uint(),
    inodeId: from.uint(),
    stamp: from.uint(),
    lengthBytes: from.uint(),
    committed: from.bool(),
    target: from.uint(),
  }),
};

export interface LeaseRecord {
  readonly inodeId: number;
  readonly holder: string;
}
export const LEASES: Table<LeaseRecord> = {
  name: 'lease',
  encode(out, lease) {
    out.uint(lease.inodeId);
    out.text(lease.holder);
  },
  decode: (from) => ({ inodeId: from.uint(), holder: from.text() }),
};

/** A detached inode whose content is still to be reaped. */
export const DETACHED: Table<Inode> = { ...INODES, name: 'detached inode' };

/** A block that no file has any more, and the nodes that have not said yet that they deleted it. */
export interface DeletionRecord {
  readonly blockId: number;
  readonly stamp: number;
  readonly nodeIds: readonly string[];
}
export const DELETIONS: Table<DeletionRecord> = {
  name: 'deletion',
  encode(out, deletion) {
    out.uint(deletion.blockId);
    out.uint(deletion.stamp);
    out.uint(deletion.nodeIds.length);
    for (const id of deletion.nodeIds) out.text(id);
  },
  decode: (from) => ({
    blockId: from.uint(),
    stamp: from.uint(),
    nodeIds: Array.from({ length: from.uint() }, () => from.text()),
  }),
};

export interface RetryRecord {
  readonly op: string;
  readonly argumentHash: number;
  /** An inode id, a count or a boolean: what the answer is rebuilt from. */
  readonly result: number;
}
export const RETRIES: Table<RetryRecord> = {
  name: 'retry',
  encode(out, retry) {
    out.text(retry.op);
    out.uint(retry.argumentHash);
    out.uint(retry.result);
  },
  decode: (from) => ({ op: from.text(), argumentHash: from.uint(), result: from.uint() }),
};

/** A datanode that has registered once: safe mode waits for it. */
export interface KnownNode {
  readonly id: string;
  readonly uuid: string;
  readonly hostLabel: string;
  readonly rack: string;
}
export const KNOWN_NODES: Table<KnownNode> = {
  name: 'datanode',
  encode(out: Encoder, node) {
    out.text(node.id);
    out.text(node.uuid);
    out.text(node.hostLabel);
    out.text(node.rack);
  },
  decode: (from) => ({ id: from.text(), uuid: from.text(), hostLabel: from.text(), rack: from.text() }),
};

/** High-water marks and totals; changes with every batch. */
export interface Counters {
  readonly txid: number;
  /** One more at each start: names this incarnation of the namenode. */
  readonly epoch: number;
  readonly nextInodeId: number;
  readonly nextBlockId: number;
  readonly nextStamp: number;
  readonly files: number;
  readonly directories: number;
}
export const FIRST_BLOCK_ID = 1_073_741_825; // 2^30 + 1, as Hadoop
export const FIRST_STAMP = 1_001;
export const COUNTERS: Table<Counters> = {
  name: 'counters',
  encode(out, counters) {
    out.uint(counters.txid);
    out.uint(counters.epoch);
    out.uint(counters.nextInodeId);
    out.uint(counters.nextBlockId);
    out.uint(counters.nextStamp);
    out.uint(counters.files);
    out.uint(counters.directories);
  },
  decode: (from) => ({
    txid: from.uint(),
    epoch: from.uint(),
    nextInodeId: from.uint(),
    nextBlockId: from.uint(),
    nextStamp: from.uint(),
    files: from.uint(),
    directories: from.uint(),
  }),
};

/** One durable batch: `previousHash` chains it to the one before, so that a hole cannot hide. */
export interface TransactionRecord {
  readonly epoch: number;
  readonly edits: number;
  readonly previousHash: Buffer;
  readonly hash: Buffer;
}
export const TRANSACTIONS: Table<TransactionRecord> = {
  name: 'transaction',
  encode(out, record) {
    out.uint(record.epoch);
    out.uint(record.edits);
    out.bytes(record.previousHash);
    out.bytes(record.hash);
  },
  decode: (from) => ({
    epoch: from.uint(),
    edits: from.uint(),
    previousHash: from.bytes(),
    hash: from.bytes(),
  }),
};
