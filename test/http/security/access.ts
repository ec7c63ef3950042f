import { createHash } from 'node:crypto';
import { defaultAccess, noKeyLimits, type AccessKey, type AccessPolicy } from '../../../src/core/access.js';

/** A policy that says this, and is the default for the rest. */
export function policy(fields: Partial<AccessPolicy>): AccessPolicy {
  return { ...defaultAccess, ...fields };
}

/** An API key. */
export function apiKey(text: string, limits: Partial<AccessKey['limits']> = {}): AccessKey {
  return {
    name: 'a name',
    digest: digest(text),
    admin: false,
    limits: { ...noKeyLimits, ...limits },
  };
}

export function adminKey(text: string): AccessKey {
  return { ...apiKey(text), admin: true };
}

function digest(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}

/** Headers that carry a key as most clients do. */
export function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}
