import type { FileSystem } from '../../client/fs/file-system.ts';
import { nameOf } from '../../common/path.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { FileStatus } from '../../proto/gen/quarry/FileStatus.ts';
import { wholeNumber } from '../command.ts';
import { namedAll } from './list.ts';
import type { Verb } from './verb.ts';

export const mkdir: Verb = {
  usage: 'mkdir [-p] PATH...',
  flags: ['p'],
  least: 1,
  async run(fs, args, flags) {
    for (const path of args) {
      if (!flags.has('p') && (await fs.exists(path))) throw new QuarryError('FILE_EXISTS', `${path} exists`);
      await fs.mkdir(path, { parents: flags.has('p') });
    }
    return 0;
  },
};

export const rm: Verb = {
  usage: 'rm [-r] [-R] [-f] [-skipTrash] PATH...',
  flags: ['r', 'R', 'f', 'skipTrash'],
  least: 1,
  async run(fs, args, flags) {
    const recursive = flags.has('r') || flags.has('R');
    for (const pattern of args) {
      try {
        for (const status of await namedAll(fs, [pattern])) {
          if (status.directory && !recursive) {
            throw new QuarryError(
              'IS_A_DIRECTORY',
              `${status.path} is a directory: rm -r deletes it with its content`,
            );
          }
          await fs.delete(status.path, { recursive });
        }
      } catch (thrown) {
        if (!(flags.has('f') && hasCode(thrown, 'FILE_NOT_FOUND'))) throw thrown;
      }
    }
    return 0;
  },
};

/** Where a source lands: inside an existing directory, or at the path itself. Errors: NOT_A_DIRECTORY for several sources and one file. */
export async function landing(
  fs: FileSystem,
  target: string,
  name: string,
  several: boolean,
): Promise<string> {
  const status = await statOrMissing(fs, target);
  if (status?.directory === true) return `${target.replace(/\/+$/, '')}/${name}`;
  if (several)
    throw new QuarryError('NOT_A_DIRECTORY', `${target} is not a directory, and there are several sources`);
  return target;
}

export async function statOrMissing(fs: FileSystem, path: string): Promise<FileStatus | undefined> {
  try {
    return await fs.stat(path);
  } catch (thrown) {
    if (hasCode(thrown, 'FILE_NOT_FOUND')) return undefined;
    throw thrown;
  }
}

export const mv: Verb = {
  usage: 'mv SOURCE... TARGET',
  flags: [],
  least: 2,
  async run(fs, args) {
    const target = args.at(-1)!;
    const sources = await namedAll(fs, args.slice(0, -1));
    for (const source of sources) {
      await fs.rename(source.path, await landing(fs, target, nameOf(source.path), sources.length > 1));
    }
    return 0;
  },
};

export const touch: Verb = {
  usage: 'touch PATH...   (also touchz)',
  flags: [],
  least: 1,
  async run(fs, args) {
    for (const path of args) {
      if ((await statOrMissing(fs, path)) === undefined) await fs.writeFile(path, Buffer.alloc(0));
      else await fs.setTimes(path, { modifiedMs: Date.now(), accessedMs: Date.now() });
    }
    return 0;
  },
};

export const setrep: Verb = {
  usage: 'setrep REPLICATION PATH...',
  flags: ['R'],
  least: 2,
  async run(fs, args) {
    const replication = wholeNumber('setrep', args[0]!, 1);
    const visit = async (status: FileStatus): Promise<void> => {
      if (!status.directory) {
        await fs.setReplication(status.path, replication);
        return;
      }
      for await (const entry of fs.list(status.path)) await visit(entry);
    };
    for (const status of await namedAll(fs, args.slice(1))) await visit(status);
    return 0;
  },
};

export const chmod: Verb = {
  usage: 'chmod [-R] MODE PATH...   (MODE: octal such as 755, or letters such as u+rwx,go-w)',
  flags: ['R'],
  least: 2,
  async run(fs, args, flags) {
    const visit = async (status: FileStatus): Promise<void> => {
      await fs.setPermission(status.path, newMode(args[0]!, status.mode));
      if (flags.has('R') && status.directory)
        for await (const entry of fs.list(status.path)) await visit(entry);
    };
    for (const status of await namedAll(fs, args.slice(1))) await visit(status);
    return 0;
  },
};

const WHO: Readonly<Record<string, number>> = { u: 0o700, g: 0o070, o: 0o007, a: 0o777 };
const WHAT: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111 };

/** The mode that `text` makes of `old`. Errors: INVALID_ARGUMENT. */
export function newMode(text: string, old: number): number {
  if (/^[0-7]{3,4}$/.test(text)) return Number.parseInt(text, 8);
  let mode = old;
  for (const clause of text.split(',')) {
    const match = /^([ugoa]*)([+\-=])([rwxt]*)$/.exec(clause);
    if (match === null)
      throw new QuarryError('INVALID_ARGUMENT', `chmod takes 755 or u+rwx,go-w, not ${JSON.stringify(text)}`);
    const who = (match[1] === '' ? 'a' : match[1]!)
      .split('')
      .reduce((bits, letter) => bits | WHO[letter]!, 0);
    const what = match[3]!.split('').reduce((bits, letter) => bits | (WHAT[letter] ?? 0), 0) & who;
    const sticky = match[3]!.includes('t') ? 0o1000 : 0;
    if (match[2] === '+') mode |= what | sticky;
    else if (match[2] === '-') mode &= ~(what | sticky);
    else mode = (mode & ~who) | what | sticky;
  }
  return mode;
}
