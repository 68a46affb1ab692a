import { QuarryError } from '../../common/quarry-error.ts';

/** What a failed write or sync of a database means: NO_SPACE, which passes, or DISK_FAILED. */
export function storageFailure(thrown: unknown): QuarryError {
  if (thrown instanceof QuarryError) return thrown;
  const text = messages(thrown).join(': ');
  if (/no space left|ENOSPC|EDQUOT|quota exceeded/i.test(text)) {
    return new QuarryError('NO_SPACE', 'this datanode has no space left: free some, or write to another', {
      cause: thrown,
    });
  }
  return new QuarryError('DISK_FAILED', `the disk of this datanode has failed: ${text}`, { cause: thrown });
}

function messages(thrown: unknown): string[] {
  if (!(thrown instanceof Error)) return [String(thrown)];
  return thrown.cause === undefined ? [thrown.message] : [thrown.message, ...messages(thrown.cause)];
}
