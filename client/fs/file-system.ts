import { userInfo } from 'node:os';
import type { ContentSummaryReply } from '../../proto/gen/quarry/ContentSummaryReply.ts';
import type { FileStatus } from '../../proto/gen/quarry/FileStatus.ts';
import type { FsckReply } from '../../proto/gen/quarry/FsckReply.ts';
import type { LocatedBlock } from '../../proto/gen/quarry/LocatedBlock.ts';
import type { StatusReply } from '../../proto/gen/quarry/StatusReply.ts';
import { assert } from '../../common/assert.ts';
import type { Config } from '../../common/config.ts';
import { LIST_PAGE_MAX } from '../../common/limits.ts';
import { parentOf } from '../../common/path.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { type BlockClient, transferBlockClient } from './block-client.ts';
import { dfsPath } from './dfs-path.ts';
import { FileReader } from './file-reader.ts';
import { FileReadStream, FileWriteStream } from './file-streams.ts';
import { type ClosedFile, FileWriter } from './file-writer.ts';
import type { FsContext, FsSeams } from './fs-context.ts';
import { glob, isGlob } from './glob.ts';
import { LeaseRenewer } from './lease-renewer.ts';
import { type LocatedFile, locate } from './located-file.ts';
import { NamenodeClient } from './namenode-client.ts';
import { SuspectNodes } from './suspect-nodes.ts';

export interface ConnectOptions {
  /** host:port of the namenode's gRPC door. */
  readonly namenodeAddress: string;
  readonly config: Config;
  readonly seams: FsSeams;
  /** Default: the user of the operating system. */
  readonly user?: string;
  /** The node this client runs on, when it runs on one: its replicas come first, over its socket. */
  readonly hostLabel?: string;
  /** Default: DataTransferProtocol over `seams.net`. */
  readonly blocks?: BlockClient;
}

export interface CreateOptions {
  readonly overwrite?: boolean;
  /** Default: true. */
  readonly createParents?: boolean;
  /** Defaults: client.replication, client.blockSizeBytes, client.minDurable. */
  readonly replication?: number;
  readonly blockSizeBytes?: number;
  readonly minDurable?: number;
  readonly mode?: number;
}

export interface ReadRange {
  readonly offset?: number;
  readonly length?: number;
  /** A buffer that was read is overwritten after the next read: less work for callers that are done with it by then. */
  readonly reuseBuffers?: boolean;
}

export interface PublishPlan {
  /** Files or directories that disappear with their content; missing ones are ignored. */
  readonly detach?: readonly string[];
  readonly moves: readonly { readonly source: string; readonly target: string }[];
  /** A directory that is deleted in the same step. */
  readonly cleanup?: string;
}

/**
 * The file system of a cluster. Paths are `/a/b` or `hdfs://...`; statuses carry absolute paths.
 * Every call outlives a restart of the namenode: it waits up to client.rpcTimeoutMs, then fails with PEER_UNREACHABLE,
 * DEADLINE or SAFE_MODE. All calls: INVALID_PATH, PERMISSION_DENIED.
 */
export class FileSystem {
  readonly #context: FsContext;
  readonly #lease: LeaseRenewer;
  /** host:port of the namenode. */
  readonly address: string;

  private constructor(context: FsContext) {
    this.#context = context;
    this.address = context.namenode.address;
    this.#lease = new LeaseRenewer(context.namenode, context.config['namenode.leaseSoftMs'], context.seams);
  }

  /** Makes no call: whether the cluster is there shows at the first one. */
  static async connect(options: ConnectOptions): Promise<FileSystem> {
    const { config, seams } = options;
    const hostLabel = options.hostLabel ?? '';
    const namenode = new NamenodeClient({
      address: options.namenodeAddress,
      user: options.user ?? userInfo().username,
      hostLabel,
      timeoutMs: config['client.rpcTimeoutMs'],
      seams,
    });
    const suspects = new SuspectNodes(seams.clock);
    const blocks = options.blocks ?? transferBlockClient(seams);
    return new FileSystem({ namenode, blocks, suspects, config, hostLabel, seams });
  }

  /** Stops renewing leases: files still being written are left to lease recovery. The connections belong to the seams and stay. */
  async close(): Promise<void> {
    this.#lease.stop();
  }

  get config(): Config {
    return this.#context.config;
  }

  /** Errors: FILE_EXISTS, IS_A_DIRECTORY, LEASE_HELD (another client writes it), FILE_NOT_FOUND (no parent, createParents false), INVALID_ARGUMENT. */
  async create(path: string, options: CreateOptions = {}): Promise<FileWriter> {
    const { config, namenode } = this.#context;
    const absolute = this.#path(path);
    const { status } = await namenode.call('Create', {
      path: absolute,
      overwrite: options.overwrite ?? false,
      createParents: options.createParents ?? true,
      replication: options.replication ?? config['client.replication'],
      blockSizeBytes: options.blockSizeBytes ?? config['client.blockSizeBytes'],
      mode: options.mode ?? 0o644,
    });
    assert(status !== null, 'a created file has a status');
    const { inodeId, blockSizeBytes, replication } = status;
    const minDurable = options.minDurable ?? config['client.minDurable'];
    return new FileWriter(
      this.#context,
      { path: absolute, inodeId, replication, blockSizeBytes, minDurable },
      this.#lease,
    );
  }

  /** Errors: FILE_NOT_FOUND, IS_A_DIRECTORY. */
  async open(path: string, range: ReadRange = {}): Promise<FileReader> {
    const { offset, length } = checkRange(range);
    const file = await locate(this.#context, this.#path(path), offset, length);
    return this.openLocated(file, range);
  }

  /** Where the bytes of a range are, to open parts of it later by `openLocated` without asking again. Errors: as `open`. */
  async locate(path: string, range: ReadRange = {}): Promise<LocatedFile> {
    const { offset, length } = checkRange(range);
    return locate(this.#context, this.#path(path), offset, length);
  }

  openLocated(file: LocatedFile, range: ReadRange = {}): FileReader {
    const { offset, length, reuseBuffers } = checkRange(range);
    return new FileReader(this.#context, file, {
      offsetBytes: offset,
      endBytes: offset + length,
      reuseBuffers,
    });
  }

  /** Errors: as `create`, from the stream also as FileWriter.write. */
  async createWriteStream(path: string, options: CreateOptions = {}): Promise<FileWriteStream> {
    return new FileWriteStream(await this.create(path, options));
  }

  async createReadStream(path: string, range: ReadRange = {}): Promise<FileReadStream> {
    return new FileReadStream(await this.open(path, { ...range, reuseBuffers: false }));
  }

  /** Shorter than `length` only at the file's end. */
  async read(path: string, offset: number, length: number): Promise<Buffer> {
    return gather(await this.open(path, { offset, length, reuseBuffers: true }));
  }

  /** One version of the file, whole: what is replaced while it is read is read anew. Errors: as `open` and FileReader.read. */
  async readFile(path: string): Promise<Buffer> {
    for (;;) {
      const file = await this.locate(path);
      try {
        return await gather(this.openLocated(file, { reuseBuffers: true }));
      } catch (thrown) {
        if (!hasCode(thrown, 'BLOCK_UNAVAILABLE')) throw thrown;
        // Its blocks go with the old version; who asked by name means the new one.
        if ((await this.stat(path)).inodeId === file.status.inodeId) throw thrown;
      }
    }
  }

  /** The file is taken away again when it could not be written whole. */
  async writeFile(
    path: string,
    content: Uint8Array | string,
    options: CreateOptions = {},
  ): Promise<ClosedFile> {
    const writer = await this.create(path, options);
    try {
      await writer.write(typeof content === 'string' ? Buffer.from(content) : content);
      return await writer.close();
    } catch (thrown) {
      await this.#abandon(writer);
      throw thrown;
    }
  }

  /** Errors: FILE_EXISTS when a file is in the way, FILE_NOT_FOUND for a missing parent without `parents`. */
  async mkdir(path: string, options: { parents?: boolean; mode?: number } = {}): Promise<void> {
    await this.#context.namenode.call('Mkdirs', {
      path: this.#path(path),
      mode: options.mode ?? 0o755,
      createParents: options.parents ?? true,
    });
  }

  /** The entries of a directory in name order, page by page; of a file, itself. Errors: FILE_NOT_FOUND. */
  async *list(path: string): AsyncGenerator<FileStatus, void> {
    const absolute = this.#path(path);
    for (let startAfter = ''; ; ) {
      const request = { path: absolute, startAfter, limit: LIST_PAGE_MAX };
      const { entries, hasMore } = await this.#context.namenode.call('List', request);
      for (const entry of entries) yield { ...entry, path: childPath(absolute, entry.path) };
      const last = entries.at(-1);
      if (!hasMore || last === undefined) return;
      startAfter = last.path;
    }
  }

  /** Errors: FILE_NOT_FOUND. */
  async stat(path: string): Promise<FileStatus> {
    const absolute = this.#path(path);
    const { status } = await this.#context.namenode.call('GetFileInfo', { path: absolute });
    if (status === null) throw notFound(absolute);
    return { ...status, path: absolute };
  }

  async exists(path: string): Promise<boolean> {
    return (await this.#statIfThere(path)) !== undefined;
  }

  /** What a pattern names (`*`, `?`, `[..]`, `{a,b}`); a plain path names itself. Empty when nothing. */
  async glob(pattern: string): Promise<FileStatus[]> {
    if (!isGlob(pattern)) {
      const status = await this.#statIfThere(pattern);
      return status === undefined ? [] : [status];
    }
    const source = {
      stat: (path: string) => this.#statIfThere(path),
      list: (path: string) => this.#listIfThere(path),
    };
    return glob(source, this.#path(pattern));
  }

  /** Errors: FILE_NOT_FOUND, FILE_EXISTS without `overwrite`, DIRECTORY_NOT_EMPTY, INVALID_ARGUMENT (into itself). */
  async rename(source: string, target: string, options: { overwrite?: boolean } = {}): Promise<void> {
    const { value } = await this.#context.namenode.call('Rename', {
      source: this.#path(source),
      target: this.#path(target),
      overwrite: options.overwrite ?? false,
    });
    if (!value) throw notFound(source);
  }

  /** False when there was nothing. Errors: DIRECTORY_NOT_EMPTY without `recursive`. */
  async delete(path: string, options: { recursive?: boolean } = {}): Promise<boolean> {
    const request = { path: this.#path(path), recursive: options.recursive ?? false };
    return (await this.#context.namenode.call('Delete', request)).value;
  }

  /** A job's commit: everything happens in one step or nothing. Answers the number of files moved. Errors: FILE_EXISTS for a target that is there, FILE_NOT_FOUND. */
  async publish(plan: PublishPlan): Promise<number> {
    const { moved } = await this.#context.namenode.call('Publish', {
      detach: (plan.detach ?? []).map((path) => this.#path(path)),
      moves: plan.moves.map(({ source, target }) => ({
        source: this.#path(source),
        target: this.#path(target),
      })),
      cleanup: plan.cleanup === undefined ? '' : this.#path(plan.cleanup),
    });
    return moved;
  }

  /** Errors: FILE_NOT_FOUND, IS_A_DIRECTORY, INVALID_ARGUMENT. */
  async setReplication(path: string, replication: number): Promise<void> {
    await this.#context.namenode.call('SetReplication', { path: this.#path(path), replication });
  }

  /** `mode`: permission bits, 0o1777 at most. Errors: FILE_NOT_FOUND. */
  async setPermission(path: string, mode: number): Promise<void> {
    await this.#context.namenode.call('SetPermission', { path: this.#path(path), mode });
  }

  /** What is left out stays. Errors: FILE_NOT_FOUND. */
  async setOwner(path: string, owner: { owner?: string; group?: string }): Promise<void> {
    const request = { path: this.#path(path), owner: owner.owner ?? '', group: owner.group ?? '' };
    await this.#context.namenode.call('SetOwner', request);
  }

  /** Milliseconds since 1970; what is left out stays. Errors: FILE_NOT_FOUND. */
  async setTimes(path: string, times: { modifiedMs?: number; accessedMs?: number }): Promise<void> {
    await this.#context.namenode.call('SetTimes', {
      path: this.#path(path),
      modifiedMs: times.modifiedMs ?? -1,
      accessedMs: times.accessedMs ?? -1,
    });
  }

  /** Errors: FILE_NOT_FOUND, IS_A_DIRECTORY. */
  async blockLocations(path: string, range: ReadRange = {}): Promise<readonly LocatedBlock[]> {
    return (await this.locate(path, range)).blocks;
  }

  async contentSummary(path: string): Promise<ContentSummaryReply> {
    return this.#context.namenode.call('GetContentSummary', { path: this.#path(path) });
  }

  async fsck(path = '/'): Promise<FsckReply> {
    return this.#context.namenode.call('Fsck', { path: this.#path(path) });
  }

  async status(): Promise<StatusReply> {
    return this.#context.namenode.call('GetStatus', {});
  }

  /** Asks the namenode to close a file that its writer has left. True when it is closed now. Errors: FILE_NOT_FOUND, LEASE_HELD. */
  async recoverLease(path: string): Promise<boolean> {
    return (await this.#context.namenode.call('RecoverLease', { path: this.#path(path) })).value;
  }

  #path(path: string): string {
    return dfsPath(path, this.address, this.#context.config);
  }

  async #statIfThere(path: string): Promise<FileStatus | undefined> {
    try {
      return await this.stat(path);
    } catch (thrown) {
      if (hasCode(thrown, 'FILE_NOT_FOUND', 'NOT_A_DIRECTORY')) return undefined;
      throw thrown;
    }
  }

  async *#listIfThere(path: string): AsyncGenerator<FileStatus, void> {
    try {
      for await (const entry of this.list(path)) if (entry.path !== path) yield entry;
    } catch (thrown) {
      if (!hasCode(thrown, 'FILE_NOT_FOUND', 'NOT_A_DIRECTORY')) throw thrown;
    }
  }

  async #abandon(writer: FileWriter): Promise<void> {
    try {
      await writer.abort();
    } catch (thrown) {
      // The caller gets the error that made it abort; the leftover is closed by the lease's hard limit.
      this.#context.seams.log.warn({ path: writer.path, err: QuarryError.from(thrown) }, 'file.not-aborted');
    }
  }
}

async function gather(reader: FileReader): Promise<Buffer> {
  const whole = Buffer.allocUnsafe(reader.lengthBytes);
  let at = 0;
  for await (const data of reader) at += data.copy(whole, at);
  return whole.subarray(0, at);
}

function checkRange(range: ReadRange): Required<ReadRange> {
  const { offset = 0, length = Number.MAX_SAFE_INTEGER, reuseBuffers = false } = range;
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new QuarryError('INVALID_ARGUMENT', 'offset and length of a range are whole numbers of at least 0');
  }
  return { offset, length: Math.min(length, Number.MAX_SAFE_INTEGER - offset), reuseBuffers };
}

/** The namenode names entries by their name alone; a listed file is its own only entry. */
function childPath(directory: string, name: string): string {
  if (name === '') return directory;
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

function notFound(path: string): QuarryError {
  return new QuarryError('FILE_NOT_FOUND', `no such file or directory: ${path}`, {
    details: { path, parent: path.startsWith('/') ? parentOf(path) : '' },
  });
}
