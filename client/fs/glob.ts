import picomatch from 'picomatch';
import type { FileStatus } from '../../proto/gen/quarry/FileStatus.ts';
import { QuarryError } from '../../common/quarry-error.ts';

const SPECIAL = /[*?[\]{}\\]/;
const BRACED_MAX = 10_000;

export interface GlobSource {
  /** Undefined when there is none. */
  stat(path: string): Promise<FileStatus | undefined>;
  /** The entries of a directory, in name order; none when it has gone meanwhile. */
  list(path: string): AsyncIterable<FileStatus>;
}

export function isGlob(path: string): boolean {
  return SPECIAL.test(path);
}

/**
 * What a pattern names, in order of path, each once. `*`, `?`, `[a-z]`, `[^a]`, `{a,b}` match within one component, as
 * Hadoop has it; a brace may hold slashes; a backslash takes the next character as it is.
 */
export async function glob(source: GlobSource, pattern: string): Promise<FileStatus[]> {
  const found = new Map<string, FileStatus>();
  for (const path of expandSlashBraces(pattern)) {
    const components = path.split('/').filter((name) => name !== '');
    for await (const status of match(source, '', components)) found.set(status.path, status);
  }
  return [...found.values()].toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

async function* match(
  source: GlobSource,
  prefix: string,
  components: readonly string[],
): AsyncGenerator<FileStatus> {
  const special = components.findIndex(isGlob);
  if (special < 0) {
    const status = await source.stat(`${prefix}/${components.join('/')}`);
    if (status !== undefined) yield status;
    return;
  }
  const directory = [prefix, ...components.slice(0, special)].join('/');
  const matches = matcher(components[special]!);
  const rest = components.slice(special + 1);
  for await (const entry of source.list(directory === '' ? '/' : directory)) {
    if (!matches(entry.path.slice(entry.path.lastIndexOf('/') + 1))) continue;
    if (rest.length === 0) yield entry;
    else if (entry.directory) yield* match(source, entry.path, rest);
  }
}

function matcher(component: string): (name: string) => boolean {
  return picomatch(component, {
    dot: true,
    noextglob: true,
    noglobstar: true,
    nonegate: true,
    posix: true,
    strictBrackets: false,
  });
}

/** `/a/{b/c,d}/e` names two trees of different depth, so braces with a slash inside are expanded before the components are cut. */
export function expandSlashBraces(pattern: string): string[] {
  const group = slashGroup(pattern);
  if (group === undefined) return [pattern];
  const head = pattern.slice(0, group.open);
  const tail = pattern.slice(group.close + 1);
  const expanded = group.alternatives.flatMap((alternative) =>
    expandSlashBraces(`${head}${alternative}${tail}`),
  );
  if (expanded.length > BRACED_MAX) {
    throw new QuarryError(
      'LIMIT_EXCEEDED',
      `the braces of ${pattern} stand for more than ${BRACED_MAX} paths`,
    );
  }
  return expanded;
}

function slashGroup(pattern: string): { open: number; close: number; alternatives: string[] } | undefined {
  for (let open = pattern.indexOf('{'); open >= 0; open = pattern.indexOf('{', open + 1)) {
    const alternatives: string[] = [];
    let depth = 0;
    let start = open + 1;
    for (let i = open; i < pattern.length; i++) {
      const letter = pattern[i];
      if (letter === '\\') i++;
      else if (letter === '{') depth++;
      else if (letter === ',' && depth === 1) {
        alternatives.push(pattern.slice(start, i));
        start = i + 1;
      } else if (letter === '}' && --depth === 0) {
        alternatives.push(pattern.slice(start, i));
        if (alternatives.some((alternative) => alternative.includes('/'))) {
          return { open, close: i, alternatives };
        }
        break;
      }
    }
  }
  return undefined;
}
