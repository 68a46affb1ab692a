import { NAME_BYTES_MAX, PATH_DEPTH_MAX, PATH_LENGTH_MAX } from './limits.ts';
import { QuarryError } from './quarry-error.ts';

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/**
 * The components of an absolute path; [] is the root. Repeated and trailing slashes are folded.
 * Errors: INVALID_PATH for a relative path, `.` or `..`, NUL, ':' , a lone surrogate, or a length over the limits.
 */
export function parsePath(path: string): readonly string[] {
  if (!path.startsWith('/')) throw invalid(path, 'a path starts with /');
  if (path.length > PATH_LENGTH_MAX) throw invalid(path, `a path has at most ${PATH_LENGTH_MAX} characters`);
  if (LONE_SURROGATE.test(path)) throw invalid(path, 'a path is well-formed Unicode');
  const names = path.split('/').filter((name) => name !== '');
  if (names.length > PATH_DEPTH_MAX) throw invalid(path, `a path has at most ${PATH_DEPTH_MAX} levels`);
  for (const name of names) {
    if (name === '.' || name === '..') throw invalid(path, `a path has no ${name}`);
    if (name.includes('\0')) throw invalid(path, 'a path has no NUL character');
    if (Buffer.byteLength(name) > NAME_BYTES_MAX)
      throw invalid(path, `a name has at most ${NAME_BYTES_MAX} bytes`);
  }
  return names;
}

export function joinPath(names: readonly string[]): string {
  return `/${names.join('/')}`;
}

export function normalisePath(path: string): string {
  return joinPath(parsePath(path));
}

export function parentOf(path: string): string {
  return joinPath(parsePath(path).slice(0, -1));
}

export function nameOf(path: string): string {
  return parsePath(path).at(-1) ?? '';
}

function invalid(path: string, rule: string): QuarryError {
  const shown = path.length > 100 ? `${path.slice(0, 100)}...` : path;
  return new QuarryError('INVALID_PATH', `invalid path ${JSON.stringify(shown)}: ${rule}`, {
    details: { path: shown },
  });
}
