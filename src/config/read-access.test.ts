import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { AccessKey } from '../core/access.js';
import { toAccessSettings, type AccessSettings } from './access-settings.js';
import { parseConfig } from './read-config.js';
import { checkProtected, readAccess } from './read-access.js';

const key = 'sk-0123456789abcdef';
const digest = createHash('sha256').update(key).digest();

function settings(text: string): AccessSettings {
  const { config, problems } = parseConfig(text);
  expect(problems).toEqual([]);
  return toAccessSettings(config, {});
}

describe('who may ask for what', () => {
  it('is what the file says, with keys as digests', async () => {
    const text = `
admin_key: env:ADMIN
api_keys:
  ann: ${key}
  bob: { key: env:BOB, requests_per_minute: 5, concurrent_requests: none }
limits: { requests_per_minute: 60, concurrent_requests: 4, messages: 9 }
allowed_hosts: [heddle.example.com]
`;
    const policy = await readAccess(settings(text), { ADMIN: `${key}-admin`, BOB: `${key}-bob` });
    expect(policy.keys.map(({ name, admin, limits }) => [name, admin, limits])).toEqual([
      ['admin', true, { requestsPerMinute: Infinity, concurrentRequests: Infinity }],
      ['ann', false, { requestsPerMinute: 60, concurrentRequests: 4 }],
      ['bob', false, { requestsPerMinute: 5, concurrentRequests: Infinity }],
    ]);
    expect(policy.keys[1]?.digest).toEqual(digest);
    expect(policy).toMatchObject({
      allowedHosts: ['heddle.example.com'],
      limits: { messages: 9, depth: 64 },
    });
    expect(JSON.stringify(policy)).not.toContain(key);
  });

  it('is not known when a key is not there; the error names the entry, not the key', async () => {
    await expect(readAccess(settings('api_keys: { ann: env:NOT_THERE }'), {})).rejects.toMatchObject({
      code: 'config_invalid',
      message: 'The API key "ann" has no key: the environment has no NOT_THERE.',
    });
    await expect(readAccess(settings('admin_key: file:/no/such/file'), {})).rejects.toThrow(
      'The admin key names the file /no/such/file, which can not be read (ENOENT).',
    );
  });
});

describe('an address', () => {
  const apiKey: AccessKey = {
    name: 'a',
    digest,
    admin: false,
    limits: { requestsPerMinute: 1, concurrentRequests: 1 },
  };
  const open = { insecureNoKey: false };

  it('of this machine alone needs no key', () => {
    for (const host of ['127.0.0.1', '::1', 'localhost'])
      expect(() => checkProtected(host, { keys: [] }, open)).not.toThrow();
  });

  it('that others can reach needs an API key; the admin key is not enough, for it guards less', () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.2', 'my-machine']) {
      for (const keys of [[], [{ ...apiKey, admin: true }]]) {
        expect(() => checkProtected(host, { keys }, open)).toThrow(
          expect.objectContaining({ code: 'unprotected_address' }),
        );
      }
      expect(() => checkProtected(host, { keys: [apiKey] }, open)).not.toThrow();
    }
  });

  it('that others can reach may be listened on without one if that is said', () => {
    expect(() => checkProtected('0.0.0.0', { keys: [] }, { insecureNoKey: true })).not.toThrow();
  });
});
