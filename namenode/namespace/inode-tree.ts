import { DIRECTORY_ENTRIES_MAX } from '../../common/limits.ts';
import { assert } from '../../common/assert.ts';
import { joinPath, parsePath } from '../../common/path.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { inodeKey, parentKey, ROOT_ID, ROOT_KEY } from './keys.ts';
import { checkAccess, EXECUTE, mayAccess, type User } from './permissions.ts';
import { type DirectoryInode, type FileInode, type Inode, INODES, PARENTS } from './records.ts';
import type { Reader, Transaction } from './transaction.ts';

/** An inode and where it is linked. */
export interface Entry {
  readonly key: string;
  readonly parentId: number;
  readonly name: string;
  readonly inode: Inode;
}

/** What exists of a path. */
export interface Walk {
  readonly path: string;
  readonly names: readonly string[];
  /** From the root to the last component that exists. */
  readonly chain: readonly Entry[];
  /** The entry of the whole path. */
  readonly target: Entry | undefined;
}

/** Follows a path, checking the right to enter on every directory on it. Errors: INVALID_PATH, PERMISSION_DENIED. */
export function walk(reader: Reader, path: string, user: User): Walk {
  const names = parsePath(path);
  const root = reader.get(INODES, ROOT_KEY);
  assert(root !== undefined, 'an open namespace has a root');
  let entry: Entry = { key: ROOT_KEY, parentId: 0, name: '', inode: root };
  const chain = [entry];
  for (const name of names) {
    if (entry.inode.kind !== 'directory') break;
    // The path to here is joined for those alone who are turned away.
    if (!mayAccess(user, entry.inode, EXECUTE)) {
      checkAccess(user, entry.inode, EXECUTE, joinPath(names.slice(0, chain.length - 1)));
    }
    const key = inodeKey(entry.inode.id, name);
    const inode = reader.get(INODES, key);
    if (inode === undefined) break;
    entry = { key, parentId: entry.inode.id, name, inode };
    chain.push(entry);
  }
  return {
    path: joinPath(names),
    names,
    chain,
    target: chain.length === names.length + 1 ? chain.at(-1) : undefined,
  };
}

/** Errors: those of `walk`, FILE_NOT_FOUND. */
export function existing(reader: Reader, path: string, user: User): Entry {
  const found = walk(reader, path, user);
  if (found.target === undefined) throw notFound(found.path);
  return found.target;
}

/** Errors: those of `existing`, IS_A_DIRECTORY. */
export function existingFile(reader: Reader, path: string, user: User): Entry & { inode: FileInode } {
  const entry = existing(reader, path, user);
  if (entry.inode.kind === 'directory') {
    throw new QuarryError('IS_A_DIRECTORY', `${path} is a directory`, { details: { path } });
  }
  return { ...entry, inode: entry.inode };
}

/** The directory that holds, or would hold, the last name of the path. Errors: FILE_NOT_FOUND, NOT_A_DIRECTORY; INVALID_ARGUMENT for the root. */
export function parentEntry(found: Walk): Entry & { inode: DirectoryInode } {
  if (found.names.length === 0)
    throw new QuarryError('INVALID_ARGUMENT', 'this cannot be done to the root /');
  const parent = found.chain[found.names.length - 1];
  if (parent === undefined) {
    checkPrefixIsDirectory(found);
    throw notFound(joinPath(found.names.slice(0, -1)));
  }
  checkPrefixIsDirectory(found);
  assert(parent.inode.kind === 'directory', 'a checked prefix is a directory');
  return { ...parent, inode: parent.inode };
}

/** Errors: NOT_A_DIRECTORY when a file stands where the path needs a directory. */
export function checkPrefixIsDirectory(found: Walk): void {
  const last = found.chain.at(-1);
  if (found.target === undefined && last?.inode.kind === 'file') {
    const path = joinPath(found.names.slice(0, found.chain.length - 1));
    throw new QuarryError('NOT_A_DIRECTORY', `${path} is a file, not a directory`, { details: { path } });
  }
}

export function notFound(path: string): QuarryError {
  return new QuarryError('FILE_NOT_FOUND', `${path} does not exist`, { details: { path } });
}

/** Links an inode; the directory's record is read anew, so one command may link many. Errors: LIMIT_EXCEEDED. */
export function link(tx: Transaction, parent: Pick<Entry, 'key'>, name: string, inode: Inode): Entry {
  const directory = tx.get(INODES, parent.key);
  assert(directory?.kind === 'directory', 'inodes are linked in directories');
  if (directory.childrenCount >= DIRECTORY_ENTRIES_MAX) {
    throw new QuarryError('LIMIT_EXCEEDED', `a directory has at most ${DIRECTORY_ENTRIES_MAX} entries`);
  }
  const key = inodeKey(directory.id, name);
  tx.put(INODES, parent.key, {
    ...directory,
    childrenCount: directory.childrenCount + 1,
    modifiedMs: tx.time.nowMs,
  });
  tx.put(INODES, key, inode);
  tx.put(PARENTS, parentKey(inode.id), { parentId: directory.id, name });
  return { key, parentId: directory.id, name, inode };
}

export function unlink(tx: Transaction, parent: Pick<Entry, 'key'>, entry: Entry): void {
  const directory = tx.get(INODES, parent.key);
  assert(directory?.kind === 'directory', 'inodes are linked in directories');
  tx.put(INODES, parent.key, {
    ...directory,
    childrenCount: directory.childrenCount - 1,
    modifiedMs: tx.time.nowMs,
  });
  tx.delete(INODES, entry.key);
}

/** The entry of an inode id, or undefined when there is no such inode or only in a detached subtree that was reaped. */
export function entryOf(reader: Reader, inodeId: number): Entry | undefined {
  if (inodeId === ROOT_ID) {
    const inode = reader.get(INODES, ROOT_KEY);
    return inode && { key: ROOT_KEY, parentId: 0, name: '', inode };
  }
  const parent = reader.get(PARENTS, parentKey(inodeId));
  if (parent === undefined) return undefined;
  const key = inodeKey(parent.parentId, parent.name);
  const inode = reader.get(INODES, key);
  return inode?.id === inodeId ? { key, parentId: parent.parentId, name: parent.name, inode } : undefined;
}

/** The path of an inode, undefined when it is not reachable from the root. */
export function pathOf(reader: Reader, inodeId: number): string | undefined {
  const names: string[] = [];
  for (let id = inodeId; id !== ROOT_ID; ) {
    const parent = reader.get(PARENTS, parentKey(id));
    if (parent === undefined) return undefined;
    names.push(parent.name);
    id = parent.parentId;
  }
  return joinPath(names.toReversed());
}
