import { QuarryError } from '../../common/quarry-error.ts';
import type { Inode } from './records.ts';

export const READ = 4;
export const WRITE = 2;
export const EXECUTE = 1;
const STICKY = 0o1000;
export const MODE_MAX = 0o1777;
export const SUPERGROUP = 'supergroup';

/** Who asks. The superuser is the user who started the namenode; a user's one group has the user's name. */
export interface User {
  readonly name: string;
  readonly superuser: boolean;
}

export function mayAccess(user: User, inode: Inode, access: number): boolean {
  if (user.superuser) return true;
  const shift = user.name === inode.owner ? 6 : user.name === inode.group ? 3 : 0;
  return ((inode.mode >> shift) & access) === access;
}

/** Errors: PERMISSION_DENIED. */
export function checkAccess(user: User, inode: Inode, access: number, path: string): void {
  if (mayAccess(user, inode, access)) return;
  throw denied(user, inode, `${named(access)} ${path}`);
}

/** Renaming or deleting an entry of a sticky directory is for the owner of either. Errors: PERMISSION_DENIED. */
export function checkSticky(user: User, directory: Inode, entry: Inode, path: string): void {
  if (user.superuser || (directory.mode & STICKY) === 0) return;
  if (user.name === entry.owner || user.name === directory.owner) return;
  throw denied(user, entry, `remove ${path} from a sticky directory`);
}

/** Errors: PERMISSION_DENIED. */
export function checkOwner(user: User, inode: Inode, path: string): void {
  if (!user.superuser && user.name !== inode.owner)
    throw denied(user, inode, `change the permissions of ${path}`);
}

/** Errors: PERMISSION_DENIED. */
export function checkSuperuser(user: User, what: string): void {
  if (!user.superuser) {
    throw new QuarryError('PERMISSION_DENIED', `only the user who started the namenode may ${what}`);
  }
}

function denied(user: User, inode: Inode, what: string): QuarryError {
  const mode = inode.mode.toString(8).padStart(4, '0');
  return new QuarryError(
    'PERMISSION_DENIED',
    `${user.name} may not ${what}: it belongs to ${inode.owner}:${inode.group} with mode ${mode}`,
  );
}

function named(access: number): string {
  if (access & WRITE) return 'write';
  return access & READ ? 'read' : 'enter';
}
