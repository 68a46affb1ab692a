import { QuarryError } from '../../common/quarry-error.ts';

/** Redis answers these when it is there but cannot serve yet, or not any more. */
const NOT_NOW = /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|READONLY|MISCONF|NOREPLICAS|OOM)\b/;
const REFUSED = /^(NOAUTH|WRONGPASS|NOPERM)\b|invalid password|without any password/i;

/** What ioredis throws, as one of ours. `address` has no password. */
export function redisError(thrown: unknown, address: string): QuarryError {
  if (thrown instanceof QuarryError) return thrown;
  const { name, message } = thrown as Error;
  const options = { cause: thrown, details: { address } };
  if (name === 'ReplyError' && REFUSED.test(message)) {
    return new QuarryError(
      'PERMISSION_DENIED',
      `Redis at ${address} refuses this user: ${message}. Put user and password into the URL: redis://USER:PASSWORD@HOST:PORT`,
      options,
    );
  }
  if (name === 'ReplyError' && !NOT_NOW.test(message)) {
    const isTaken = message.includes('WRONGTYPE');
    return new QuarryError(
      isTaken ? 'INVALID_ARGUMENT' : 'INTERNAL',
      isTaken
        ? `a key of the view holds something else in Redis at ${address}: use another view name`
        : `Redis at ${address}: ${message}`,
      options,
    );
  }
  // The library's own words about its retries tell nobody anything.
  const why = name === 'MaxRetriesPerRequestError' ? 'there is no connection' : message;
  return new QuarryError('VIEW_UNAVAILABLE', `Redis at ${address} does not answer: ${why}`, options);
}
