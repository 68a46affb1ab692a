import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FileSystem } from '../../client/fs/file-system.ts';
import { nameOf } from '../../common/path.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { FileStatus } from '../../proto/gen/quarry/FileStatus.ts';
import { Progress } from '../progress.ts';
import { landing, statOrMissing } from './change.ts';
import { namedAll } from './list.ts';
import type { Verb } from './verb.ts';

const TAIL_BYTES = 1024;

/** Copies a stream with progress. */
async function pump(what: string, source: Readable, target: Writable, totalBytes: number): Promise<void> {
  const progress = new Progress(what);
  let done = 0;
  source.on('data', (chunk: Buffer) => {
    done += chunk.length;
    progress.update(done, totalBytes);
  });
  try {
    await pipeline(source, target);
  } finally {
    progress.end();
  }
}

async function refuseExisting(fs: FileSystem, path: string, force: boolean): Promise<void> {
  if (!force && (await statOrMissing(fs, path)) !== undefined) {
    throw new QuarryError('FILE_EXISTS', `${path} exists: -f overwrites it`);
  }
}

/** A file appears under its name only when it is whole, as `hdfs dfs -put` does it. */
async function upload(
  fs: FileSystem,
  source: Readable,
  target: string,
  options: { force: boolean; totalBytes: number },
): Promise<void> {
  await refuseExisting(fs, target, options.force);
  const partial = `${target}._COPYING_`;
  try {
    await pump(target, source, await fs.createWriteStream(partial, { overwrite: true }), options.totalBytes);
    await fs.rename(partial, target, { overwrite: options.force });
  } catch (thrown) {
    // What failed first is what the user must know; that the partial file stays is said beside it.
    await fs
      .delete(partial, { recursive: false })
      .catch(() => console.error(`${partial} may be left behind`));
    throw thrown;
  }
}

async function putTree(fs: FileSystem, local: string, target: string, force: boolean): Promise<void> {
  const info = await stat(local).catch((cause: unknown) => {
    throw new QuarryError('FILE_NOT_FOUND', `no local file ${local}`, { cause });
  });
  if (!info.isDirectory()) {
    await upload(fs, createReadStream(local, { highWaterMark: 1 << 20 }), target, {
      force,
      totalBytes: info.size,
    });
    return;
  }
  await fs.mkdir(target, { parents: true });
  for (const name of (await readdir(local)).toSorted())
    await putTree(fs, join(local, name), `${target}/${name}`, force);
}

export const put: Verb = {
  usage: 'put [-f] [-p] LOCAL... TARGET   (LOCAL - is standard input; also copyFromLocal)',
  flags: ['f', 'p'],
  least: 2,
  async run(fs, args, flags) {
    const target = args.at(-1)!;
    const sources = args.slice(0, -1);
    for (const source of sources) {
      if (source === '-') await upload(fs, process.stdin, target, { force: flags.has('f'), totalBytes: 0 });
      else
        await putTree(
          fs,
          source,
          await landing(fs, target, basename(source), sources.length > 1),
          flags.has('f'),
        );
    }
    return 0;
  },
};

async function getTree(fs: FileSystem, status: FileStatus, local: string, force: boolean): Promise<void> {
  if (status.directory) {
    await mkdir(local, { recursive: true });
    for await (const entry of fs.list(status.path))
      await getTree(fs, entry, join(local, nameOf(entry.path)), force);
    return;
  }
  if (!force && (await isLocal(local)))
    throw new QuarryError('FILE_EXISTS', `${local} exists: -f overwrites it`);
  const partial = `${local}._COPYING_`;
  try {
    await pump(local, await fs.createReadStream(status.path), createWriteStream(partial), status.lengthBytes);
    await rename(partial, local);
  } catch (thrown) {
    await rm(partial, { force: true });
    throw thrown;
  }
}

async function isLocal(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

export const get: Verb = {
  usage: 'get [-f] [-p] SOURCE... LOCAL   (also copyToLocal)',
  flags: ['f', 'p'],
  least: 1,
  async run(fs, args, flags) {
    const local = args.length === 1 ? '.' : args.at(-1)!;
    const sources = await namedAll(fs, args.length === 1 ? args : args.slice(0, -1));
    const intoDirectory = await stat(local).then(
      (info) => info.isDirectory(),
      () => false,
    );
    if (sources.length > 1 && !intoDirectory)
      throw new QuarryError('NOT_A_DIRECTORY', `${local} is not a directory, and there are several sources`);
    for (const source of sources) {
      await getTree(fs, source, intoDirectory ? join(local, nameOf(source.path)) : local, flags.has('f'));
    }
    return 0;
  },
};

function fileOf(status: FileStatus): FileStatus {
  if (status.directory) throw new QuarryError('IS_A_DIRECTORY', `${status.path} is a directory`);
  return status;
}

export const cat: Verb = {
  usage: 'cat PATH...   (also text)',
  flags: [],
  least: 1,
  async run(fs, args) {
    for (const status of await namedAll(fs, args)) {
      const source = await fs.createReadStream(fileOf(status).path);
      await pipeline(source, process.stdout, { end: false });
    }
    return 0;
  },
};

export const tail: Verb = {
  usage: 'tail PATH   (the last kilobyte)',
  flags: [],
  least: 1,
  async run(fs, args) {
    const { path, lengthBytes } = fileOf(await fs.stat(args[0]!));
    const length = Math.min(TAIL_BYTES, lengthBytes);
    process.stdout.write(await fs.read(path, lengthBytes - length, length));
    return 0;
  },
};

async function copyTree(fs: FileSystem, status: FileStatus, target: string, force: boolean): Promise<void> {
  if (status.directory) {
    if (`${target}/`.startsWith(`${status.path}/`))
      throw new QuarryError('INVALID_ARGUMENT', `cannot copy ${status.path} into itself`);
    await fs.mkdir(target, { parents: true });
    for await (const entry of fs.list(status.path))
      await copyTree(fs, entry, `${target}/${nameOf(entry.path)}`, force);
    return;
  }
  await upload(fs, await fs.createReadStream(status.path), target, { force, totalBytes: status.lengthBytes });
}

export const cp: Verb = {
  usage: 'cp [-f] [-p] SOURCE... TARGET',
  flags: ['f', 'p'],
  least: 2,
  async run(fs, args, flags) {
    const sources = await namedAll(fs, args.slice(0, -1));
    for (const source of sources) {
      await copyTree(
        fs,
        source,
        await landing(fs, args.at(-1)!, nameOf(source.path), sources.length > 1),
        flags.has('f'),
      );
    }
    return 0;
  },
};
