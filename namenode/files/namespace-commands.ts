import type { CreateReplyInput } from '../../proto/gen/quarry/CreateReply.ts';
import type { CreateRequest } from '../../proto/gen/quarry/CreateRequest.ts';
import type { DeleteRequest } from '../../proto/gen/quarry/DeleteRequest.ts';
import type { MkdirsRequest } from '../../proto/gen/quarry/MkdirsRequest.ts';
import type { PublishRequest } from '../../proto/gen/quarry/PublishRequest.ts';
import type { RenameRequest } from '../../proto/gen/quarry/RenameRequest.ts';
import { assert } from '../../common/assert.ts';
import { REPLICATION_MAX } from '../../common/limits.ts';
import { joinPath } from '../../common/path.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import {
  checkPrefixIsDirectory,
  type Entry,
  entryOf,
  link,
  notFound,
  parentEntry,
  pathOf,
  unlink,
  type Walk,
  walk,
} from '../namespace/inode-tree.ts';
import { leaseKey } from '../namespace/keys.ts';
import {
  checkAccess,
  checkSticky,
  EXECUTE,
  MODE_MAX,
  READ,
  type User,
  WRITE,
} from '../namespace/permissions.ts';
import { type DirectoryInode, type FileInode, LEASES } from '../namespace/records.ts';
import type { Transaction } from '../namespace/transaction.ts';
import type { State } from '../state.ts';
import { holderOf, userOf } from './callers.ts';
import { fileStatus } from './file-status.ts';
import { leaseHeld, recoverIfAbandoned } from './lease-recovery.ts';
import { removeEntry } from './remove.ts';

const DIRECTORY_MODE = 0o755;
const FILE_MODE = 0o644;
const BLOCK_SIZE_BYTES_MAX = 2 ** 40;

/** Answers the directory's inode id. */
export function mkdirs(state: State, tx: Transaction, request: MkdirsRequest): number {
  const user = userOf(state, request.caller);
  const found = walk(tx, request.path, user);
  if (found.target !== undefined) {
    if (found.target.inode.kind === 'directory') return found.target.inode.id;
    throw exists(found.path, 'a file');
  }
  checkPrefixIsDirectory(found);
  if (!request.createParents) parentEntry(found);
  return makeDirectories(tx, found, found.names.length, { user, mode: modeOf(request.mode, DIRECTORY_MODE) })
    .inode.id;
}

/** Makes what is missing of the first `depth` names; answers the last directory. */
function makeDirectories(
  tx: Transaction,
  found: Walk,
  depth: number,
  options: { user: User; mode: number },
): Entry {
  checkPrefixIsDirectory(found);
  const last = found.chain.at(-1);
  assert(last !== undefined, 'a walk starts at the root');
  let parent = found.chain[Math.min(depth, found.chain.length - 1)] ?? last;
  if (found.chain.length > depth) return parent;
  checkAccess(
    options.user,
    parent.inode,
    WRITE | EXECUTE,
    joinPath(found.names.slice(0, found.chain.length - 1)),
  );
  for (let at = found.chain.length - 1; at < depth; at++) {
    const inode: DirectoryInode = {
      kind: 'directory',
      id: nextInodeId(tx),
      owner: options.user.name,
      group: parent.inode.group,
      mode: options.mode,
      modifiedMs: tx.time.nowMs,
      accessedMs: 0,
      childrenCount: 0,
    };
    tx.count({ directories: tx.counters.directories + 1 });
    parent = link(tx, parent, found.names[at]!, inode);
  }
  return parent;
}

/** Answers the file's inode id. The file is open, with a lease of the caller. */
export function create(state: State, tx: Transaction, request: CreateRequest): number {
  const user = userOf(state, request.caller);
  const holder = holderOf(request.caller);
  const shape = fileShape(state, request);
  let found = walk(tx, request.path, user);
  if (request.createParents && found.chain.length < found.names.length) {
    makeDirectories(tx, found, found.names.length - 1, { user, mode: DIRECTORY_MODE });
    found = walk(tx, request.path, user);
  }
  const parent = parentEntry(found);
  if (found.target !== undefined) makeRoom(state, tx, { found, parent, user, request });
  checkAccess(user, parent.inode, WRITE | EXECUTE, joinPath(found.names.slice(0, -1)));
  const inode: FileInode = {
    kind: 'file',
    id: nextInodeId(tx),
    owner: user.name,
    group: parent.inode.group,
    mode: modeOf(request.mode, FILE_MODE),
    modifiedMs: tx.time.nowMs,
    accessedMs: tx.time.nowMs,
    ...shape,
    lengthBytes: 0,
    underConstruction: true,
    generation: 0,
    blockCount: 0,
    blocks: [],
  };
  link(tx, parent, found.names.at(-1)!, inode);
  tx.put(LEASES, leaseKey(inode.id), { inodeId: inode.id, holder });
  tx.count({ files: tx.counters.files + 1 });
  tx.afterward(() => state.leases.grant(inode.id, holder, tx.time.monoMs));
  return inode.id;
}

/** Something has the name already. Errors: IS_A_DIRECTORY, LEASE_HELD, FILE_EXISTS, PERMISSION_DENIED. */
function makeRoom(
  state: State,
  tx: Transaction,
  { found, parent, user, request }: { found: Walk; parent: Entry; user: User; request: CreateRequest },
): void {
  const old = found.target;
  assert(old !== undefined, 'there is something to make room for');
  if (old.inode.kind === 'directory') {
    throw new QuarryError('IS_A_DIRECTORY', `${found.path} is a directory`, {
      details: { path: found.path },
    });
  }
  const holder = state.leases.holderOf(old.inode.id);
  if (holder !== undefined) {
    const abandoned =
      state.leases.ageMs(old.inode.id, tx.time.monoMs) >= state.config['namenode.leaseSoftMs'];
    const own = holder === holderOf(request.caller);
    if (!abandoned && !(own && request.overwrite)) throw leaseHeld(found.path, holder);
    if (!request.overwrite) recoverIfAbandoned(state, tx, old.inode.id);
  }
  if (!request.overwrite) throw exists(found.path, 'a file');
  checkAccess(user, old.inode, WRITE, found.path);
  checkSticky(user, parent.inode, old.inode, found.path);
  removeEntry(state, tx, parent, old);
}

export function createReply(tx: Transaction, inodeId: number): CreateReplyInput {
  const entry = entryOf(tx, inodeId);
  if (entry === undefined) throw notFound(`the file that this call created (inode ${inodeId})`);
  return { status: fileStatus(entry.inode, pathOf(tx, inodeId) ?? entry.name) };
}

/** Moves one entry in O(1), whatever is under it. Answers 1. */
export function rename(state: State, tx: Transaction, request: RenameRequest): number {
  const user = userOf(state, request.caller);
  move(state, tx, { source: request.source, target: request.target, overwrite: request.overwrite, user });
  return 1;
}

interface Move {
  readonly source: string;
  readonly target: string;
  readonly overwrite: boolean;
  readonly user: User;
}

function move(state: State, tx: Transaction, { source, target, overwrite, user }: Move): void {
  const from = walk(tx, source, user);
  const fromParent = parentEntry(from);
  const entry = from.target;
  if (entry === undefined) throw notFound(from.path);
  checkAccess(user, fromParent.inode, WRITE | EXECUTE, joinPath(from.names.slice(0, -1)));
  checkSticky(user, fromParent.inode, entry.inode, from.path);
  const to = walk(tx, target, user);
  const toParent = parentEntry(to);
  if (to.target?.inode.id === entry.inode.id) throw exists(to.path, 'the source itself');
  if (to.chain.some((above) => above.inode.id === entry.inode.id)) {
    throw new QuarryError('INVALID_ARGUMENT', `${from.path} cannot be moved into itself (${to.path})`);
  }
  checkAccess(user, toParent.inode, WRITE | EXECUTE, joinPath(to.names.slice(0, -1)));
  if (to.target !== undefined) {
    if (!overwrite) throw exists(to.path, to.target.inode.kind === 'file' ? 'a file' : 'a directory');
    checkReplaceable(to.path, entry, to.target);
    checkSticky(user, toParent.inode, to.target.inode, to.path);
    removeEntry(state, tx, toParent, to.target);
  }
  unlink(tx, fromParent, entry);
  link(tx, toParent, to.names.at(-1)!, entry.inode);
}

function checkReplaceable(path: string, entry: Entry, target: Entry): void {
  if (entry.inode.kind === 'file' && target.inode.kind === 'directory') {
    throw new QuarryError('IS_A_DIRECTORY', `${path} is a directory: a file cannot replace it`);
  }
  if (entry.inode.kind === 'directory' && target.inode.kind === 'file') {
    throw new QuarryError('NOT_A_DIRECTORY', `${path} is a file: a directory cannot replace it`);
  }
  if (target.inode.kind === 'directory' && target.inode.childrenCount > 0) {
    throw new QuarryError(
      'DIRECTORY_NOT_EMPTY',
      `${path} is not empty: only an empty directory can be replaced`,
    );
  }
}

/** Answers 1 when something was deleted, 0 when there was nothing. */
export function remove(state: State, tx: Transaction, request: DeleteRequest): number {
  const user = userOf(state, request.caller);
  return removePath(state, tx, { path: request.path, recursive: request.recursive, user }) ? 1 : 0;
}

function removePath(
  state: State,
  tx: Transaction,
  { path, recursive, user }: { path: string; recursive: boolean; user: User },
): boolean {
  const found = walk(tx, path, user);
  if (found.names.length === 0) throw new QuarryError('INVALID_ARGUMENT', 'the root / cannot be deleted');
  const entry = found.target;
  if (entry === undefined) return false;
  const parent = parentEntry(found);
  checkAccess(user, parent.inode, WRITE | EXECUTE, joinPath(found.names.slice(0, -1)));
  checkSticky(user, parent.inode, entry.inode, found.path);
  if (entry.inode.kind === 'directory' && entry.inode.childrenCount > 0) {
    if (!recursive) {
      throw new QuarryError('DIRECTORY_NOT_EMPTY', `${found.path} is not empty: delete it recursively`, {
        details: { path: found.path },
      });
    }
    checkAccess(user, entry.inode, READ | WRITE | EXECUTE, found.path);
  }
  removeEntry(state, tx, parent, entry);
  return true;
}

/** A job's commit, all or nothing. Answers the number of moved entries. */
export function publish(state: State, tx: Transaction, request: PublishRequest): number {
  const user = userOf(state, request.caller);
  for (const path of request.detach) removePath(state, tx, { path, recursive: true, user });
  for (const { source, target } of request.moves) {
    const to = walk(tx, target, user);
    makeDirectories(tx, to, Math.max(0, to.names.length - 1), { user, mode: DIRECTORY_MODE });
    move(state, tx, { source, target, overwrite: false, user });
  }
  if (request.cleanup !== '') removePath(state, tx, { path: request.cleanup, recursive: true, user });
  return request.moves.length;
}

function fileShape(state: State, request: CreateRequest) {
  const replication = request.replication || state.config['namenode.replicationDefault'];
  if (replication > REPLICATION_MAX) {
    throw new QuarryError('INVALID_ARGUMENT', `replication is 1 to ${REPLICATION_MAX}, not ${replication}`);
  }
  const blockSizeBytes = request.blockSizeBytes || state.config['client.blockSizeBytes'];
  const least = state.config['namenode.minBlockSizeBytes'];
  if (blockSizeBytes < least || blockSizeBytes > BLOCK_SIZE_BYTES_MAX) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `a block size of ${blockSizeBytes} bytes is not between ${least} (namenode.minBlockSizeBytes) and ${BLOCK_SIZE_BYTES_MAX}`,
    );
  }
  return { replication, blockSizeBytes };
}

/** Errors: INVALID_ARGUMENT. 0 stands for the default. */
export function modeOf(mode: number, whenUnset: number): number {
  if (mode > MODE_MAX) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `mode ${mode.toString(8)} has more than the bits ${MODE_MAX.toString(8)}`,
    );
  }
  return mode === 0 ? whenUnset : mode;
}

function nextInodeId(tx: Transaction): number {
  const id = tx.counters.nextInodeId;
  tx.count({ nextInodeId: id + 1 });
  return id;
}

function exists(path: string, what: string): QuarryError {
  return new QuarryError('FILE_EXISTS', `${path} exists already: it is ${what}`, { details: { path } });
}
