import { QuarryError } from '../common/quarry-error.ts';

/** What a transactional producer answers after a commit whose outcome may be unknown. */
export function reopen(cause: QuarryError): QuarryError {
  return new QuarryError(
    'LOG_UNAVAILABLE',
    `an earlier commit of this transactional producer failed (${cause.message}): open it again and read what is committed`,
    { cause },
  );
}

/** What it answers after `close`. */
export function closedProducer(): QuarryError {
  return new QuarryError('LOG_UNAVAILABLE', 'this transactional producer was closed: open it again');
}
