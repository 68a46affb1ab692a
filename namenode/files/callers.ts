import { QuarryError } from '../../common/quarry-error.ts';
import type { Caller } from '../../proto/gen/quarry/Caller.ts';
import type { User } from '../namespace/permissions.ts';
import type { CallId } from '../namespace/retry-cache.ts';
import type { State } from '../state.ts';

const CLIENT_ID_BYTES = 16;

/** On loopback the caller's user is taken at its word. Errors: INVALID_ARGUMENT for none. */
export function userOf(state: Pick<State, 'superuser'>, caller: Caller | null): User {
  if (!caller || caller.user === '') {
    throw new QuarryError('INVALID_ARGUMENT', 'a call names its user: set caller.user');
  }
  return { name: caller.user, superuser: caller.user === state.superuser };
}

/** The lease holder's name. Errors: INVALID_ARGUMENT for none. */
export function holderOf(caller: Caller | null): string {
  if (!caller || caller.clientName === '') {
    throw new QuarryError('INVALID_ARGUMENT', 'a writer names itself: set caller.client_name');
  }
  return caller.clientName;
}

/** Undefined for a call that cannot be told from its retry. Errors: INVALID_ARGUMENT for a client id of another length. */
export function callIdOf(caller: Caller | null): CallId | undefined {
  if (!caller || caller.clientId.length === 0) return undefined;
  if (caller.clientId.length !== CLIENT_ID_BYTES) {
    throw new QuarryError('INVALID_ARGUMENT', `a client id has ${CLIENT_ID_BYTES} bytes`);
  }
  return { clientId: Buffer.from(caller.clientId).toString('hex'), callId: caller.callId };
}
