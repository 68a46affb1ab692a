import { LIST_PAGE_MAX } from '../common/limits.ts';
import { joinPath } from '../common/path.ts';
import { QuarryError } from '../common/quarry-error.ts';
import type { BlockLocationsReplyInput } from '../proto/gen/quarry/BlockLocationsReply.ts';
import type { BlockLocationsRequest } from '../proto/gen/quarry/BlockLocationsRequest.ts';
import type { FileInfoReplyInput } from '../proto/gen/quarry/FileInfoReply.ts';
import type { FileStatusInput } from '../proto/gen/quarry/FileStatus.ts';
import type { ListReplyInput } from '../proto/gen/quarry/ListReply.ts';
import type { ListRequest } from '../proto/gen/quarry/ListRequest.ts';
import type { LocatedBlockInput } from '../proto/gen/quarry/LocatedBlock.ts';
import type { PathRequest } from '../proto/gen/quarry/PathRequest.ts';
import { userOf } from './files/callers.ts';
import { fileStatus, locatedBlock } from './files/file-status.ts';
import { blockIds, blockRecord } from './namespace/block-list.ts';
import { decodeValue } from './namespace/codec.ts';
import { existing, existingFile, walk } from './namespace/inode-tree.ts';
import { childrenPrefix, inodeKey, keyBytes, nameInKey, rangeOf } from './namespace/keys.ts';
import type { CommittedSnapshot } from './namespace/namespace-view.ts';
import { checkAccess, EXECUTE, READ } from './namespace/permissions.ts';
import { type Inode, INODES } from './namespace/records.ts';
import type { State } from './state.ts';

/** Reads: of the committed state only, so that nobody ever sees what a power cut could take back. */
export function getFileInfo(state: State, request: PathRequest): FileInfoReplyInput {
  const found = walk(state.view.committed, request.path, userOf(state, request.caller));
  return found.target === undefined ? {} : { status: fileStatus(found.target.inode, found.path) };
}

/** Errors: FILE_NOT_FOUND, IS_A_DIRECTORY, PERMISSION_DENIED. A length of 0 asks for all from the offset on. */
export function getBlockLocations(state: State, request: BlockLocationsRequest): BlockLocationsReplyInput {
  const reader = state.view.committed;
  const user = userOf(state, request.caller);
  const { inode } = existingFile(reader, request.path, user);
  checkAccess(user, inode, READ, request.path);
  const end =
    request.lengthBytes === 0 ? Number.POSITIVE_INFINITY : request.offsetBytes + request.lengthBytes;
  const blocks: LocatedBlockInput[] = [];
  let offsetBytes = 0;
  let lastComplete = true;
  for (const id of blockIds(reader, inode)) {
    const block = blockRecord(reader, id);
    // Of an open block nobody here knows the end: it is asked for whatever lies behind its start.
    const blockEnd = block.committed ? offsetBytes + block.lengthBytes : Number.POSITIVE_INFINITY;
    if (blockEnd > request.offsetBytes && offsetBytes < end) {
      blocks.push(locatedBlock(state, block, offsetBytes, request.caller?.hostLabel ?? ''));
    }
    offsetBytes += block.lengthBytes;
    lastComplete = block.committed;
  }
  return { status: fileStatus(inode, request.path), blocks, lastBlockComplete: lastComplete };
}

/** One page of a directory in order of name bytes, or the file itself. Errors: FILE_NOT_FOUND, PERMISSION_DENIED. */
export async function list(state: State, request: ListRequest): Promise<ListReplyInput> {
  const user = userOf(state, request.caller);
  const snapshot = state.view.snapshot();
  try {
    const { inode, name } = existing(snapshot, request.path, user);
    if (inode.kind === 'file') {
      return { entries: request.startAfter === '' ? [fileStatus(inode, name)] : [], hasMore: false };
    }
    checkAccess(user, inode, READ | EXECUTE, request.path);
    const limit = Math.min(request.limit || LIST_PAGE_MAX, LIST_PAGE_MAX);
    const children = await childrenOf(snapshot, inode.id, request.startAfter, limit + 1);
    const entries: FileStatusInput[] = children
      .slice(0, limit)
      .map((child) => fileStatus(child.inode, child.name));
    return { entries, hasMore: children.length > limit };
  } finally {
    await snapshot.release();
  }
}

export interface Child {
  readonly name: string;
  readonly inode: Inode;
}

export async function childrenOf(
  snapshot: CommittedSnapshot,
  directoryId: number,
  startAfter: string,
  limit: number,
): Promise<Child[]> {
  const { gte, lt } = rangeOf(childrenPrefix(directoryId));
  const range = startAfter === '' ? { gte, lt } : { gt: keyBytes(inodeKey(directoryId, startAfter)), lt };
  return (await snapshot.entries(range, limit)).map(([key, value]) => ({
    name: nameInKey(key),
    inode: decodeValue(INODES, key, value),
  }));
}

export interface Visited {
  readonly path: string;
  readonly inode: Inode;
}

/**
 * Everything at and under a path, directories before what is in them, on one snapshot.
 * Errors: FILE_NOT_FOUND, PERMISSION_DENIED where a directory may not be read.
 */
export async function* visitTree(
  state: State,
  snapshot: CommittedSnapshot,
  request: PathRequest,
): AsyncGenerator<Visited> {
  const user = userOf(state, request.caller);
  const found = walk(snapshot, request.path, user);
  if (found.target === undefined) {
    throw new QuarryError('FILE_NOT_FOUND', `${found.path} does not exist`, {
      details: { path: found.path },
    });
  }
  const open: { names: readonly string[]; inode: Inode }[] = [
    { names: found.names, inode: found.target.inode },
  ];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    yield { path: joinPath(at.names), inode: at.inode };
    if (at.inode.kind === 'file') continue;
    checkAccess(user, at.inode, READ | EXECUTE, joinPath(at.names));
    let after = '';
    for (;;) {
      const page = await childrenOf(snapshot, at.inode.id, after, LIST_PAGE_MAX);
      for (const { name, inode } of page) {
        if (inode.kind === 'directory') open.push({ names: [...at.names, name], inode });
        else yield { path: joinPath([...at.names, name]), inode };
      }
      if (page.length < LIST_PAGE_MAX) break;
      after = page.at(-1)?.name ?? '';
    }
  }
}
