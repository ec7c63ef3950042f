import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { defaultAccess, noKeyLimits, type AccessKey, type AccessLevel } from '../../core/access.js';
import type { HeddleError } from '../../core/errors.js';
import { accessOf, checkAccess } from './caller-access.js';
import { covers, neededLevel } from './needed-level.js';

const key = (text: string, admin = false): AccessKey => ({
  name: text,
  digest: createHash('sha256').update(text).digest(),
  admin,
  limits: noKeyLimits,
});

describe('what may be asked for', () => {
  const api = key('api');
  const admin = key('admin', true);

  test.each<[string, AccessKey[], string | undefined, AccessLevel]>([
    ['without keys is everything', [], undefined, 'admin'],
    ['without keys is everything, whatever was sent', [], 'none', 'admin'],
    ['with API keys is nothing without one', [api], undefined, 'none'],
    ['with API keys is nothing with a wrong one', [api], 'wrong', 'none'],
    ['with API keys alone is everything with one', [api], 'api', 'admin'],
    ['with both kinds is the API with an API key', [admin, api], 'api', 'api'],
    ['with both kinds is everything with the admin key', [admin, api], 'admin', 'admin'],
    ['with both kinds is nothing without one', [admin, api], undefined, 'none'],
    ['with an admin key alone is the API without one', [admin], undefined, 'api'],
    ['with an admin key alone is the API with a wrong one', [admin], 'wrong', 'api'],
    ['with an admin key alone is everything with it', [admin], 'admin', 'admin'],
  ])('%s', (_, keys, sent, level) => {
    expect(accessOf({ ...defaultAccess, keys }, sent).level).toBe(level);
  });

  test('is refused to who has no key, and to who has the wrong kind, in different words', () => {
    const codeOf = (sent: string | undefined, needed: AccessLevel): unknown => {
      try {
        checkAccess(accessOf({ ...defaultAccess, keys: [admin, api] }, sent), needed, sent);
        return 'allowed';
      } catch (error) {
        const { code, message } = error as HeddleError;
        return message.includes(sent ?? 'undefined') ? message : code;
      }
    };
    expect(codeOf(undefined, 'api')).toBe('invalid_api_key');
    expect(codeOf('wrong-one', 'api')).toBe('invalid_api_key');
    expect(codeOf('wrong-one', 'admin')).toBe('invalid_api_key');
    expect(codeOf('api', 'api')).toBe('allowed');
    expect(codeOf('admin', 'admin')).toBe('allowed');
    expect(codeOf(undefined, 'none')).toBe('allowed');
    expect(() => checkAccess({ level: 'api', key: api }, 'admin', 'api')).toThrow(
      expect.objectContaining({ code: 'permission_denied' }),
    );
  });
});

describe('what must be allowed', () => {
  test.each<[string | undefined, AccessLevel]>([
    ['/health', 'none'],
    ['/metrics', 'api'],
    ['/v1/models', 'api'],
    ['/v1/models/:id', 'api'],
    ['/v1/chat/completions', 'api'],
    ['/v1/models/:id/load', 'admin'],
    ['/v1/models/:id/unload', 'admin'],
    ['/admin/engines', 'admin'],
    ['/admin/cache/clear', 'admin'],
    ['/admin/anything', 'admin'],
    ['/something/new', 'api'],
    [undefined, 'api'],
  ])('for %s is %s', (route, level) => expect(neededLevel(route, false)).toBe(level));

  test('for the metrics is nothing if they are public', () => {
    expect(neededLevel('/metrics', true)).toBe('none');
  });

  test('is covered by as much or more', () => {
    expect([covers('api', 'api'), covers('admin', 'none'), covers('none', 'api')]).toEqual([
      true,
      true,
      false,
    ]);
  });
});
