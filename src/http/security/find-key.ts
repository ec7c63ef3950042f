import { createHash, timingSafeEqual } from 'node:crypto';
import type { AccessKey } from '../../core/access.js';

/**
 * The key that a client has sent, if it is one of these. Takes as long for any of them as for none, so that time tells
 * nothing: digests of equal length are compared byte by byte, and all of them are looked at. Of equal ones the first counts.
 */
export function findKey(keys: readonly AccessKey[], sent: string | undefined): AccessKey | undefined {
  if (sent === undefined) return undefined;
  const digest = createHash('sha256').update(sent).digest();
  let found: AccessKey | undefined;
  for (const key of keys) {
    const equal = timingSafeEqual(key.digest, digest);
    found ??= equal ? key : undefined;
  }
  return found;
}
