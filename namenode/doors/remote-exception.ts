import type { HttpAnswer } from '../../common/http-door.ts';
import type { ErrorCode } from '../../common/error-codes.ts';
import { QuarryError } from '../../common/quarry-error.ts';

interface JavaException {
  readonly status: number;
  readonly className: string;
}

const IO_EXCEPTION: JavaException = { status: 403, className: 'java.io.IOException' };

/** Clients of Hadoop tell errors apart by the name of the Java class; what is not listed is an IOException to them. */
const EXCEPTIONS: Partial<Record<ErrorCode, JavaException>> = {
  FILE_NOT_FOUND: { status: 404, className: 'java.io.FileNotFoundException' },
  PERMISSION_DENIED: { status: 403, className: 'org.apache.hadoop.security.AccessControlException' },
  INVALID_ARGUMENT: { status: 400, className: 'java.lang.IllegalArgumentException' },
  INVALID_PATH: { status: 400, className: 'org.apache.hadoop.fs.InvalidPathException' },
  UNSUPPORTED: { status: 400, className: 'java.lang.UnsupportedOperationException' },
  FILE_EXISTS: { status: 403, className: 'org.apache.hadoop.fs.FileAlreadyExistsException' },
  NOT_A_DIRECTORY: { status: 403, className: 'org.apache.hadoop.fs.ParentNotDirectoryException' },
  DIRECTORY_NOT_EMPTY: { status: 403, className: 'org.apache.hadoop.fs.PathIsNotEmptyDirectoryException' },
  LEASE_HELD: { status: 403, className: 'org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException' },
  SAFE_MODE: { status: 403, className: 'org.apache.hadoop.hdfs.server.namenode.SafeModeException' },
  INTERNAL: { status: 500, className: 'java.lang.RuntimeException' },
};

/** An error in the form that WebHDFS' clients rebuild it from. */
export function remoteException(thrown: unknown): HttpAnswer {
  const { code, message } = QuarryError.from(thrown);
  const { status, className } = EXCEPTIONS[code] ?? IO_EXCEPTION;
  const exception = className.slice(className.lastIndexOf('.') + 1);
  return {
    code: status,
    type: 'application/json',
    body: JSON.stringify({ RemoteException: { exception, javaClassName: className, message } }),
  };
}
