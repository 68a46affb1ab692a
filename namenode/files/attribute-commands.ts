import { REPLICATION_MAX } from '../../common/limits.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { SetOwnerRequest } from '../../proto/gen/quarry/SetOwnerRequest.ts';
import type { SetPermissionRequest } from '../../proto/gen/quarry/SetPermissionRequest.ts';
import type { SetReplicationRequest } from '../../proto/gen/quarry/SetReplicationRequest.ts';
import type { SetTimesRequest } from '../../proto/gen/quarry/SetTimesRequest.ts';
import { reviewBlock } from '../blocks/review.ts';
import { blockRecords } from '../namespace/block-list.ts';
import { existing, existingFile } from '../namespace/inode-tree.ts';
import { blockKey } from '../namespace/keys.ts';
import { checkAccess, checkOwner, checkSuperuser, MODE_MAX, WRITE } from '../namespace/permissions.ts';
import { BLOCKS, INODES } from '../namespace/records.ts';
import type { Transaction } from '../namespace/transaction.ts';
import type { State } from '../state.ts';
import { userOf } from './callers.ts';

const OWNER_BYTES_MAX = 255;

/** Copies are made or trimmed later, by the replication queue. */
export function setReplication(state: State, tx: Transaction, request: SetReplicationRequest): number {
  const user = userOf(state, request.caller);
  if (request.replication < 1 || request.replication > REPLICATION_MAX) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `replication is 1 to ${REPLICATION_MAX}, not ${request.replication}`,
    );
  }
  const entry = existingFile(tx, request.path, user);
  checkAccess(user, entry.inode, WRITE, request.path);
  if (entry.inode.replication === request.replication) return 1;
  tx.put(INODES, entry.key, { ...entry.inode, replication: request.replication });
  for (const block of blockRecords(tx, entry.inode)) {
    const changed = { ...block, target: request.replication };
    tx.put(BLOCKS, blockKey(block.id), changed);
    tx.afterward(() => {
      state.blocks.put(changed);
      reviewBlock(state, block.id, tx.time.monoMs);
    });
  }
  return 1;
}

export function setPermission(state: State, tx: Transaction, request: SetPermissionRequest): number {
  const user = userOf(state, request.caller);
  const entry = existing(tx, request.path, user);
  checkOwner(user, entry.inode, request.path);
  if (request.mode > MODE_MAX) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `mode ${request.mode.toString(8)} has more than the bits ${MODE_MAX.toString(8)}`,
    );
  }
  tx.put(INODES, entry.key, { ...entry.inode, mode: request.mode });
  return 1;
}

/** '' leaves the owner or the group as it is. Only the superuser gives files away; an owner may hand over to a group of its own. */
export function setOwner(state: State, tx: Transaction, request: SetOwnerRequest): number {
  const user = userOf(state, request.caller);
  const entry = existing(tx, request.path, user);
  for (const name of [request.owner, request.group]) {
    if (Buffer.byteLength(name) > OWNER_BYTES_MAX) {
      throw new QuarryError('INVALID_ARGUMENT', `a user or group name has at most ${OWNER_BYTES_MAX} bytes`);
    }
  }
  const owner = request.owner || entry.inode.owner;
  const group = request.group || entry.inode.group;
  if (owner !== entry.inode.owner) checkSuperuser(user, `give ${request.path} to ${owner}`);
  else checkOwner(user, entry.inode, request.path);
  if (group !== entry.inode.group && group !== user.name)
    checkSuperuser(user, `give ${request.path} to group ${group}`);
  tx.put(INODES, entry.key, { ...entry.inode, owner, group });
  return 1;
}

/** -1 leaves a time as it is. */
export function setTimes(state: State, tx: Transaction, request: SetTimesRequest): number {
  const user = userOf(state, request.caller);
  const entry = existing(tx, request.path, user);
  checkAccess(user, entry.inode, WRITE, request.path);
  for (const timeMs of [request.modifiedMs, request.accessedMs]) {
    if (!Number.isSafeInteger(timeMs) || timeMs < -1) {
      throw new QuarryError('INVALID_ARGUMENT', `a time is in milliseconds since 1970, or -1, not ${timeMs}`);
    }
  }
  const chosen = (timeMs: number, before: number) => (timeMs === -1 ? before : timeMs);
  tx.put(INODES, entry.key, {
    ...entry.inode,
    modifiedMs: chosen(request.modifiedMs, entry.inode.modifiedMs),
    accessedMs: chosen(request.accessedMs, entry.inode.accessedMs),
  });
  return 1;
}
