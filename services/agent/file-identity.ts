import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';

/**
 * A file is known by its first bytes, not by its name or inode: renaming keeps them, the copy of copytruncate takes the identity
 * along, and the emptied original starts a new one with its next line. Files that begin alike are one file to the agent; lines of
 * an access log hold a time and a request id, so theirs do not.
 */
export interface FileIdentity {
  /** SHA-256 of the first `prefixBytes`, the first 16 bytes of it in hexadecimal. */
  readonly hash: string;
  readonly prefixBytes: number;
}

export const PREFIX_BYTES_MAX = 1_024;
const NEWLINE = 0x0a;

/** The first bytes of an open file, at most `PREFIX_BYTES_MAX`. */
export function readHead(fd: number): Buffer {
  const buffer = Buffer.allocUnsafe(PREFIX_BYTES_MAX);
  return buffer.subarray(0, readSync(fd, buffer, 0, PREFIX_BYTES_MAX, 0));
}

/** Undefined until the first line is complete: a file of fewer bytes could still become any file. */
export function newIdentity(head: Buffer): FileIdentity | undefined {
  if (head.length < PREFIX_BYTES_MAX && !head.includes(NEWLINE)) return undefined;
  return { hash: hashOf(head, head.length), prefixBytes: head.length };
}

export function startsAs(head: Buffer, identity: FileIdentity): boolean {
  return head.length >= identity.prefixBytes && hashOf(head, identity.prefixBytes) === identity.hash;
}

export function hashOf(head: Buffer, prefixBytes: number): string {
  return createHash('sha256').update(head.subarray(0, prefixBytes)).digest('hex').slice(0, 32);
}
