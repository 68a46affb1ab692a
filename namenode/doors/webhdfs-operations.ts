import { type HttpAnswer, json } from '../../common/http-door.ts';
import { nameOf, normalisePath } from '../../common/path.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { Caller } from '../../proto/gen/quarry/Caller.ts';
import type { FileStatusInput } from '../../proto/gen/quarry/FileStatus.ts';
import type { CommandShell } from '../command-shell.ts';
import { getFileInfo, list } from '../queries.ts';
import { getContentSummary } from '../status-queries.ts';
import { invalid, type WebHdfsParameters } from './webhdfs-parameters.ts';

export interface WebHdfsCall {
  readonly namenode: CommandShell;
  readonly caller: Caller;
  readonly path: string;
  readonly parameters: WebHdfsParameters;
}

type Operation = (call: WebHdfsCall) => Promise<HttpAnswer>;

/** What an operation answers that has nothing to say. */
const NOTHING: HttpAnswer = { code: 200, type: 'application/octet-stream', body: '' };
const yesOrNo = (value: boolean): HttpAnswer => json({ boolean: value });

export const OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  GET: {
    GETFILESTATUS: async (call) => json({ FileStatus: statusJson(await statusOf(call), '') }),
    LISTSTATUS: async (call) => json({ FileStatuses: { FileStatus: await listing(call) } }),
    LISTSTATUS_BATCH: listBatch,
    GETCONTENTSUMMARY: contentSummary,
    GETHOMEDIRECTORY: async ({ caller }) => json({ Path: `/user/${caller.user}` }),
  },
  PUT: {
    MKDIRS: async ({ namenode, caller, path, parameters }) => {
      const request = { caller, path, mode: parameters.mode(0o755), createParents: true };
      return yesOrNo((await namenode.execute('mkdirs', request)).value === true);
    },
    RENAME: rename,
    SETREPLICATION: async ({ namenode, caller, path, parameters }) => {
      const replication = parameters.wholeNumber('replication', 3, 1);
      const { value } = await namenode.execute('setReplication', { caller, path, replication });
      return yesOrNo(value === true);
    },
    SETPERMISSION: async ({ namenode, caller, path, parameters }) => {
      await namenode.execute('setPermission', { caller, path, mode: parameters.mode(0o755) });
      return NOTHING;
    },
    SETOWNER: async ({ namenode, caller, path, parameters }) => {
      const owner = parameters.text('owner', '');
      const group = parameters.text('group', '');
      if (owner === '' && group === '') throw invalid('owner', 'and group are both empty');
      await namenode.execute('setOwner', { caller, path, owner, group });
      return NOTHING;
    },
    SETTIMES: async ({ namenode, caller, path, parameters }) => {
      const modifiedMs = parameters.wholeNumber('modificationtime', -1, -1);
      const accessedMs = parameters.wholeNumber('accesstime', -1, -1);
      await namenode.execute('setTimes', { caller, path, modifiedMs, accessedMs });
      return NOTHING;
    },
  },
  POST: {},
  DELETE: {
    DELETE: async ({ namenode, caller, path, parameters }) => {
      const request = { caller, path, recursive: parameters.flag('recursive') };
      return yesOrNo((await namenode.execute('delete', request)).value === true);
    },
  },
};

/** Undefined when there is no such path. Errors: PERMISSION_DENIED, INVALID_PATH. */
async function statusOrNone({ namenode, caller, path }: WebHdfsCall): Promise<FileStatusInput | undefined> {
  const reply = await namenode.query('getFileInfo', (state) => getFileInfo(state, { caller, path }));
  return reply.status ?? undefined;
}

/** Errors: those of `statusOrNone`, FILE_NOT_FOUND. */
async function statusOf(call: WebHdfsCall): Promise<FileStatusInput> {
  const status = await statusOrNone(call);
  if (status === undefined) {
    throw new QuarryError('FILE_NOT_FOUND', `File does not exist: ${normalisePath(call.path)}`);
  }
  return status;
}

async function page(call: WebHdfsCall, startAfter: string): Promise<{ entries: object[]; hasMore: boolean }> {
  const { namenode, caller, path } = call;
  const reply = await namenode.query('list', (state) => list(state, { caller, path, startAfter, limit: 0 }));
  const entries = (reply.entries ?? []).map((entry) => statusJson(entry, entry.path ?? ''));
  return { entries, hasMore: reply.hasMore === true };
}

/** All entries of a directory; of a file itself, without a name. */
async function listing(call: WebHdfsCall): Promise<object[]> {
  const status = await statusOf(call);
  if (status.directory !== true) return [statusJson(status, '')];
  const all: object[] = [];
  for (let after = ''; ; ) {
    const { entries, hasMore } = await page(call, after);
    all.push(...entries);
    if (!hasMore) return all;
    after = (entries.at(-1) as { pathSuffix: string }).pathSuffix;
  }
}

async function listBatch(call: WebHdfsCall): Promise<HttpAnswer> {
  const status = await statusOf(call);
  const startAfter = call.parameters.text('startafter', '');
  const { entries, hasMore } =
    status.directory === true
      ? await page(call, startAfter)
      : { entries: [statusJson(status, '')], hasMore: false };
  // Clients only ask whether something remains; how much would take reading it.
  const remainingEntries = hasMore ? 1 : 0;
  return json({
    DirectoryListing: { partialListing: { FileStatuses: { FileStatus: entries } }, remainingEntries },
  });
}

async function contentSummary({ namenode, caller, path }: WebHdfsCall): Promise<HttpAnswer> {
  const summary = await namenode.query('getContentSummary', (state) =>
    getContentSummary(state, { caller, path }),
  );
  const counts = {
    directoryCount: Number(summary.directoryCount),
    fileCount: Number(summary.fileCount),
    length: Number(summary.lengthBytes),
    spaceConsumed: Number(summary.spaceConsumedBytes),
  };
  const snapshots = {
    snapshotDirectoryCount: 0,
    snapshotFileCount: 0,
    snapshotLength: 0,
    snapshotSpaceConsumed: 0,
  };
  return json({
    ContentSummary: { ...counts, ...snapshots, ecPolicy: '', quota: -1, spaceQuota: -1, typeQuota: {} },
  });
}

/** Why Hadoop's older rename answers false where the newer one throws. */
const NOT_RENAMED = ['FILE_NOT_FOUND', 'FILE_EXISTS', 'NOT_A_DIRECTORY', 'INVALID_ARGUMENT'] as const;

/** With `renameoptions` it throws, without it moves into a directory that exists and answers false for what cannot be. */
async function rename(call: WebHdfsCall): Promise<HttpAnswer> {
  const { namenode, caller, path, parameters } = call;
  const destination = normalisePath(parameters.required('destination'));
  const options = parameters.text('renameoptions', '').toUpperCase();
  if (options !== '') {
    if (options !== 'NONE' && options !== 'OVERWRITE') throw invalid('renameoptions', 'is NONE or OVERWRITE');
    const overwrite = options === 'OVERWRITE';
    await namenode.execute('rename', { caller, source: path, target: destination, overwrite });
    return NOTHING;
  }
  const there = await statusOrNone({ ...call, path: destination });
  const target =
    there?.directory === true ? `${destination === '/' ? '' : destination}/${nameOf(path)}` : destination;
  try {
    await namenode.execute('rename', { caller, source: path, target, overwrite: false });
    return yesOrNo(true);
  } catch (thrown) {
    if (NOT_RENAMED.some((code) => hasCode(thrown, code))) return yesOrNo(false);
    throw thrown;
  }
}

function statusJson(status: FileStatusInput, pathSuffix: string): object {
  return {
    accessTime: Number(status.accessedMs),
    blockSize: Number(status.blockSizeBytes),
    childrenNum: Number(status.childrenCount),
    fileId: Number(status.inodeId),
    group: status.group,
    length: Number(status.lengthBytes),
    modificationTime: Number(status.modifiedMs),
    owner: status.owner,
    pathSuffix,
    permission: Number(status.mode).toString(8),
    replication: Number(status.replication),
    storagePolicy: 0,
    type: status.directory === true ? 'DIRECTORY' : 'FILE',
  };
}
