import type { FileSystem } from '../../client/fs/file-system.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { FileStatus } from '../../proto/gen/quarry/FileStatus.ts';
import { print, printJson } from '../command.ts';
import { humanBytes, type Verb } from './verb.ts';

/** What a path or pattern of the command line names. Errors: FILE_NOT_FOUND when nothing. */
export async function named(fs: FileSystem, pattern: string): Promise<FileStatus[]> {
  const found = await fs.glob(pattern);
  if (found.length === 0) throw new QuarryError('FILE_NOT_FOUND', `no such file or directory: ${pattern}`);
  return found;
}

export async function namedAll(fs: FileSystem, patterns: readonly string[]): Promise<FileStatus[]> {
  return (await Promise.all(patterns.map((pattern) => named(fs, pattern)))).flat();
}

const KIND_BITS = ['r', 'w', 'x'];

function permissions(status: FileStatus): string {
  const bits = Array.from({ length: 9 }, (_, i) => ((status.mode >> (8 - i)) & 1 ? KIND_BITS[i % 3]! : '-'));
  if (status.mode & 0o1000) bits[8] = bits[8] === 'x' ? 't' : 'T';
  return (status.directory ? 'd' : '-') + bits.join('');
}

function minute(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}

function line(status: FileStatus, human: boolean): string {
  const size = human ? humanBytes(status.lengthBytes) : String(status.lengthBytes);
  const replication = status.directory ? '-' : String(status.replication);
  return [
    permissions(status),
    replication.padStart(3),
    status.owner,
    status.group,
    size.padStart(10),
    minute(status.modifiedMs),
    status.path,
  ].join(' ');
}

async function children(fs: FileSystem, directory: FileStatus): Promise<FileStatus[]> {
  const entries: FileStatus[] = [];
  for await (const entry of fs.list(directory.path)) entries.push(entry);
  return entries;
}

async function* walk(fs: FileSystem, directory: FileStatus): AsyncGenerator<FileStatus> {
  for (const entry of await children(fs, directory)) {
    yield entry;
    if (entry.directory) yield* walk(fs, entry);
  }
}

export const ls: Verb = {
  usage: 'ls [-R] [-d] [-h] [-C] [--json] [PATH...]',
  flags: ['R', 'd', 'h', 'C', 'json'],
  least: 0,
  async run(fs, args, flags) {
    const json: FileStatus[] = [];
    for (const pattern of args.length === 0 ? ['/'] : args) {
      for (const status of await named(fs, pattern)) {
        const entries: FileStatus[] = [];
        if (!status.directory || flags.has('d')) entries.push(status);
        else if (flags.has('R')) for await (const entry of walk(fs, status)) entries.push(entry);
        else entries.push(...(await children(fs, status)));
        if (flags.has('json')) {
          json.push(...entries);
          continue;
        }
        if (status.directory && !flags.has('d') && !flags.has('R') && !flags.has('C'))
          print(`Found ${entries.length} items`);
        for (const entry of entries) print(flags.has('C') ? entry.path : line(entry, flags.has('h')));
      }
    }
    if (flags.has('json')) printJson(json);
    return 0;
  },
};

export const stat: Verb = {
  usage:
    'stat [--json] [FORMAT] PATH...   (%F kind, %b bytes, %n name, %r replication, %o block size, %u owner, %g group, %a mode, %y time, %Y ms)',
  flags: ['json'],
  least: 1,
  async run(fs, args, flags) {
    const format = args[0]!.includes('%') ? args[0]! : '%y';
    const statuses = await namedAll(fs, args[0]!.includes('%') ? args.slice(1) : args);
    if (flags.has('json')) printJson(statuses);
    else
      for (const status of statuses)
        print(format.replaceAll(/%([a-zA-Z])/g, (whole, letter: string) => field(status, letter) ?? whole));
    return 0;
  },
};

function field(status: FileStatus, letter: string): string | undefined {
  const fields: Record<string, string | number> = {
    F: status.directory ? 'directory' : 'regular file',
    b: status.lengthBytes,
    n: status.path.slice(status.path.lastIndexOf('/') + 1),
    r: status.replication,
    o: status.blockSizeBytes,
    u: status.owner,
    g: status.group,
    a: status.mode.toString(8),
    y: new Date(status.modifiedMs).toISOString().slice(0, 19).replace('T', ' '),
    Y: status.modifiedMs,
  };
  const value = fields[letter];
  return value === undefined ? undefined : String(value);
}

export const du: Verb = {
  usage: 'du [-s] [-h] [--json] PATH...',
  flags: ['s', 'h', 'json'],
  least: 1,
  async run(fs, args, flags) {
    const rows = [];
    for (const status of await namedAll(fs, args)) {
      const parts = flags.has('s') || !status.directory ? [status] : await children(fs, status);
      for (const part of parts) {
        const { lengthBytes, spaceConsumedBytes } = await fs.contentSummary(part.path);
        rows.push({ path: part.path, lengthBytes, spaceConsumedBytes });
      }
    }
    if (flags.has('json')) printJson(rows);
    const show = (bytes: number) => (flags.has('h') ? humanBytes(bytes) : String(bytes)).padEnd(12);
    if (!flags.has('json'))
      for (const row of rows) print(`${show(row.lengthBytes)} ${show(row.spaceConsumedBytes)} ${row.path}`);
    return 0;
  },
};

export const df: Verb = {
  usage: 'df [-h] [--json]',
  flags: ['h', 'json'],
  least: 0,
  async run(fs, _args, flags) {
    const { capacityBytes, usedBytes, freeBytes } = await fs.status();
    if (flags.has('json')) {
      printJson({ capacityBytes, usedBytes, freeBytes });
      return 0;
    }
    const show = (bytes: number) => (flags.has('h') ? humanBytes(bytes) : String(bytes)).padStart(16);
    print(`${'Size'.padStart(16)}${'Used'.padStart(16)}${'Available'.padStart(16)}  Use%`);
    print(
      `${show(capacityBytes)}${show(usedBytes)}${show(freeBytes)}  ${Math.floor((100 * usedBytes) / Math.max(1, capacityBytes))}%`,
    );
    return 0;
  },
};

export const count: Verb = {
  usage: 'count [-h] [--json] PATH...   (directories, files, bytes, path)',
  flags: ['h', 'json'],
  least: 1,
  async run(fs, args, flags) {
    const rows = await Promise.all(
      (await namedAll(fs, args)).map(async ({ path }) => ({ path, ...(await fs.contentSummary(path)) })),
    );
    if (flags.has('json')) printJson(rows);
    else {
      for (const { path, directoryCount, fileCount, lengthBytes } of rows) {
        const size = flags.has('h') ? humanBytes(lengthBytes) : String(lengthBytes);
        print(
          `${String(directoryCount).padStart(12)} ${String(fileCount).padStart(12)} ${size.padStart(18)} ${path}`,
        );
      }
    }
    return 0;
  },
};

export const fsck: Verb = {
  usage: 'fsck [--json] [PATH]',
  flags: ['json'],
  least: 0,
  async run(fs, args, flags) {
    const report = await fs.fsck(args[0] ?? '/');
    if (flags.has('json')) printJson(report);
    else {
      for (const finding of report.findings) {
        print(
          `${finding.path}: block ${finding.blockId} ${finding.problem} (${finding.live} of ${finding.target} replicas)`,
        );
      }
      print(
        `${report.files} files, ${report.blocks} blocks, ${report.lengthBytes} bytes: ${report.underReplicated} under-replicated, ` +
          `${report.overReplicated} over-replicated, ${report.corrupt} corrupt, ${report.missing} missing`,
      );
    }
    return report.corrupt + report.missing === 0 ? 0 : 1;
  },
};
