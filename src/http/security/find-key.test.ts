import crypto, { createHash } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { noKeyLimits, type AccessKey } from '../../core/access.js';
import { findKey } from './find-key.js';

vi.mock('node:crypto', { spy: true });
afterEach(() => vi.clearAllMocks());

const named = (name: string, text = `key-of-${name}`): AccessKey => ({
  name,
  digest: createHash('sha256').update(text).digest(),
  admin: false,
  limits: noKeyLimits,
});

const keys = ['a', 'b', 'c'].map((name) => named(name));

describe('a key that was sent', () => {
  it('is found wherever it stands, and no other is', () => {
    for (const key of keys) expect(findKey(keys, `key-of-${key.name}`)).toBe(key);
    for (const sent of ['key-of-', 'key-of-d', 'key-of-a ', 'KEY-OF-A', '', 'x'.repeat(10_000), 'schlüssel'])
      expect(findKey(keys, sent)).toBeUndefined();
    expect(findKey(keys, undefined)).toBeUndefined();
    expect(findKey([], 'key-of-a')).toBeUndefined();
  });

  it('is compared with every key, in constant time, whichever it is', () => {
    for (const sent of ['key-of-a', 'key-of-c', 'none']) {
      vi.mocked(crypto.timingSafeEqual).mockClear();
      findKey(keys, sent);
      expect(crypto.timingSafeEqual).toHaveBeenCalledTimes(keys.length);
    }
  });

  it('that is there twice is the first', () => {
    const twice = [named('first', 'same'), named('second', 'same')];
    expect(findKey(twice, 'same')?.name).toBe('first');
  });
});
