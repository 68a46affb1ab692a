import type { ApiRequest, HttpAnswer, HttpApi } from '../../common/http-door.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { CommandShell } from '../command-shell.ts';
import { remoteException } from './remote-exception.ts';
import { OPERATIONS } from './webhdfs-operations.ts';
import { WebHdfsParameters } from './webhdfs-parameters.ts';

const PREFIX = '/webhdfs/v1';

/** What Hadoop has and this door has not: bytes go over the data port, and the rest is not kept here. */
const DATA_OPERATIONS = new Set(['OPEN', 'CREATE', 'APPEND']);
const OTHER_OPERATIONS = new Set(
  `CONCAT TRUNCATE GETFILECHECKSUM GETFILEBLOCKLOCATIONS GET_BLOCK_LOCATIONS GETQUOTAUSAGE GETACLSTATUS GETXATTRS LISTXATTRS
  CHECKACCESS GETTRASHROOT GETTRASHROOTS GETSERVERDEFAULTS GETSTATUS GETLINKTARGET GETFILELINKSTATUS GETSTORAGEPOLICY
  GETALLSTORAGEPOLICY GETDELEGATIONTOKEN RENEWDELEGATIONTOKEN CANCELDELEGATIONTOKEN CREATESYMLINK SETXATTR REMOVEXATTR
  MODIFYACLENTRIES REMOVEACLENTRIES REMOVEDEFAULTACL REMOVEACL SETACL SETSTORAGEPOLICY UNSETSTORAGEPOLICY
  SATISFYSTORAGEPOLICY SETQUOTA SETQUOTABYSTORAGETYPE ALLOWSNAPSHOT DISALLOWSNAPSHOT CREATESNAPSHOT RENAMESNAPSHOT
  DELETESNAPSHOT GETSNAPSHOTDIFF GETSNAPSHOTDIFFLISTING GETSNAPSHOTTABLEDIRECTORYLIST GETSNAPSHOTLIST GETECPOLICY
  SETECPOLICY UNSETECPOLICY ENABLEECPOLICY DISABLEECPOLICY GETECPOLICIES GETECCODECS`.split(/\s+/),
);

/**
 * WebHDFS over the namenode's HTTP port: the same core as behind gRPC. `user.name` is the user; as at every door on loopback it is taken at
 * its word. Errors leave as RemoteExceptions, with Hadoop's class names and HTTP codes.
 */
export function webHdfs(namenode: CommandShell): HttpApi {
  return {
    prefix: `${PREFIX}/`,
    async answer(request: ApiRequest): Promise<HttpAnswer> {
      try {
        return await operate(namenode, request);
      } catch (thrown) {
        const error = QuarryError.from(thrown);
        if (error.code === 'INTERNAL') namenode.state.log.error({ err: thrown }, 'webhdfs.failed');
        return remoteException(error);
      }
    },
  };
}

function operate(namenode: CommandShell, { method, path, query }: ApiRequest): Promise<HttpAnswer> {
  const parameters = new WebHdfsParameters(query);
  const name = parameters.text('op', '').toUpperCase();
  const operation = OPERATIONS[method]?.[name];
  if (operation === undefined) throw refusal(method, name);
  const user = parameters.user();
  const caller = { clientId: Buffer.alloc(0), callId: 0, user, clientName: 'webhdfs', hostLabel: '' };
  return operation({ namenode, caller, path: decodedPath(path), parameters });
}

function refusal(method: string, name: string): QuarryError {
  if (DATA_OPERATIONS.has(name)) {
    return new QuarryError(
      'UNSUPPORTED',
      `${name} is not served over WebHDFS: read and write files with quarry fs, the SDK or a job`,
    );
  }
  if (OTHER_OPERATIONS.has(name)) return new QuarryError('UNSUPPORTED', `${name} is not supported`);
  return new QuarryError(
    'INVALID_ARGUMENT',
    `Invalid value for webhdfs parameter "op": ${name} is not a valid ${method} operation.`,
  );
}

/** Errors: INVALID_ARGUMENT. */
function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path.slice(PREFIX.length));
  } catch (cause) {
    throw new QuarryError('INVALID_ARGUMENT', `${path} is not percent-encoded UTF-8`, { cause });
  }
}
