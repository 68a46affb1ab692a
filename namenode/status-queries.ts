import type { ContentSummaryReplyInput } from '../proto/gen/quarry/ContentSummaryReply.ts';
import type { FsckFindingInput } from '../proto/gen/quarry/FsckFinding.ts';
import type { FsckReplyInput } from '../proto/gen/quarry/FsckReply.ts';
import type { FsckRequest } from '../proto/gen/quarry/FsckRequest.ts';
import type { PathRequest } from '../proto/gen/quarry/PathRequest.ts';
import type { StatusReplyInput } from '../proto/gen/quarry/StatusReply.ts';
import { CORRUPT, INVALIDATED, isGood } from './blocks/block-map.ts';
import { blockRecords } from './namespace/block-list.ts';
import { COUNTERS_KEY } from './namespace/keys.ts';
import { type BlockRecord, COUNTERS, type FileInode } from './namespace/records.ts';
import { visitTree } from './queries.ts';
import type { State } from './state.ts';

const FINDINGS_MAX = 1_000;

export async function getContentSummary(
  state: State,
  request: PathRequest,
): Promise<ContentSummaryReplyInput> {
  const total = { lengthBytes: 0, fileCount: 0, directoryCount: 0, spaceConsumedBytes: 0 };
  const snapshot = state.view.snapshot();
  try {
    for await (const { inode } of visitTree(state, snapshot, request)) {
      if (inode.kind === 'directory') total.directoryCount++;
      else {
        total.fileCount++;
        total.lengthBytes += inode.lengthBytes;
        total.spaceConsumedBytes += inode.lengthBytes * inode.replication;
      }
    }
    return total;
  } finally {
    await snapshot.release();
  }
}

/** Compares what files should have with what datanodes have reported. */
export async function fsck(state: State, request: FsckRequest): Promise<FsckReplyInput> {
  const totals = {
    files: 0,
    blocks: 0,
    underReplicated: 0,
    overReplicated: 0,
    corrupt: 0,
    missing: 0,
    lengthBytes: 0,
  };
  const findings: FsckFindingInput[] = [];
  const snapshot = state.view.snapshot();
  try {
    for await (const { path, inode } of visitTree(state, snapshot, {
      ...request,
      path: request.path || '/',
    })) {
      if (inode.kind === 'directory') continue;
      totals.files++;
      totals.lengthBytes += inode.lengthBytes;
      for (const block of committedBlocks(snapshot, inode)) {
        totals.blocks++;
        const health = healthOf(state, block);
        if (health.missing) totals.missing++;
        else if (health.good < block.target) totals.underReplicated++;
        if (health.good > block.target) totals.overReplicated++;
        if (health.corrupt) totals.corrupt++;
        const problem = problemOf(health, block);
        if (problem !== '' && findings.length < FINDINGS_MAX) {
          findings.push({ path, blockId: block.id, problem, live: health.good, target: block.target });
        }
      }
    }
    return { ...totals, findings };
  } finally {
    await snapshot.release();
  }
}

function committedBlocks(snapshot: Parameters<typeof blockRecords>[0], inode: FileInode): BlockRecord[] {
  return blockRecords(snapshot, inode).filter((block) => block.committed);
}

interface BlockHealth {
  readonly good: number;
  readonly corrupt: boolean;
  readonly missing: boolean;
}

function healthOf(state: State, block: BlockRecord): BlockHealth {
  const row = state.blocks.row(block.id);
  const replicas = row < 0 ? [] : state.blocks.replicas(row);
  const good = replicas.filter(isGood).length;
  const corrupt = replicas.some(({ flags }) => (flags & CORRUPT) !== 0 && (flags & INVALIDATED) === 0);
  return { good, corrupt, missing: good === 0 && block.lengthBytes > 0 };
}

function problemOf(health: BlockHealth, block: BlockRecord): string {
  if (health.missing) return health.corrupt ? 'all replicas are corrupt' : 'no replica is reported';
  if (health.corrupt) return 'a replica is corrupt';
  if (health.good < block.target) return 'fewer replicas than wanted';
  return health.good > block.target ? 'more replicas than wanted' : '';
}

export function getStatus(state: State, monoMs: number): StatusReplyInput {
  const counters = state.view.committed.get(COUNTERS, COUNTERS_KEY);
  const present = state.nodes.all.filter((node) => node.session !== 0);
  const sum = (of: (node: (typeof present)[number]) => number) =>
    present.reduce((total, node) => total + of(node), 0);
  return {
    clusterId: state.clusterId,
    safeMode: state.safeMode.on,
    safeModeReason: state.safeMode.reason,
    txid: state.durableTxid,
    fileCount: counters?.files ?? 0,
    directoryCount: counters?.directories ?? 0,
    blockCount: state.blocks.committed,
    capacityBytes: sum((node) => node.capacityBytes),
    freeBytes: sum((node) => node.freeBytes),
    usedBytes: sum((node) => node.usedBytes),
    underReplicated: state.blocks.available - state.blocks.satisfied,
    missing: state.blocks.committed - state.blocks.available,
    corrupt: state.blocks.withCorrupt,
    datanodes: state.nodes.all.map((node) => ({
      info: node.info,
      state: node.state,
      capacityBytes: node.capacityBytes,
      freeBytes: node.freeBytes,
      blockCount: node.blockCount,
      lastHeartbeatAgeMs: node.session === 0 ? 0 : Math.max(0, Math.round(monoMs - node.lastHeartbeatMonoMs)),
    })),
  };
}
