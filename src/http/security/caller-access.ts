import type { AccessKey, AccessLevel, AccessPolicy } from '../../core/access.js';
import { HeddleError } from '../../core/errors.js';
import { findKey } from './find-key.js';
import { covers } from './needed-level.js';

/** Who sends a request, and what they may ask for. */
export interface CallerAccess {
  readonly level: AccessLevel;
  /** Undefined for whoever sent none that this server knows. */
  readonly key: AccessKey | undefined;
}

/**
 * The admin key opens everything, an API key what the admin key is not kept for, and who needs no key may do what any key
 * would allow.
 * @param sent the key that the client has sent; where none is needed, any will do
 */
export function accessOf({ keys }: AccessPolicy, sent: string | undefined): CallerAccess {
  const key = findKey(keys, sent);
  const hasAdminKey = keys.some(({ admin }) => admin);
  const ofAnyKey = hasAdminKey ? 'api' : 'admin';
  if (key !== undefined) return { level: key.admin ? 'admin' : ofAnyKey, key };
  return { level: keys.some(({ admin }) => !admin) ? 'none' : ofAnyKey, key };
}

/** @throws HeddleError `invalid_api_key` for who has no key that counts, `permission_denied` for who has the wrong kind */
export function checkAccess(
  { level, key }: CallerAccess,
  needed: AccessLevel,
  sent: string | undefined,
): void {
  if (covers(level, needed)) return;
  if (key !== undefined) {
    throw new HeddleError(
      'permission_denied',
      'This needs the admin key; the API key that was sent is another one.',
    );
  }
  const which = needed === 'admin' ? 'a key that may administer the server' : 'an API key';
  throw new HeddleError(
    'invalid_api_key',
    sent === undefined
      ? `This server asks for ${which}: send it as "authorization: Bearer KEY" or as "x-api-key: KEY".`
      : `The API key that was sent is none of this server's; send ${which}.`,
  );
}
