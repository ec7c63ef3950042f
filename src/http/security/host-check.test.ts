import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { noKeyLimits, type AccessKey } from '../../core/access.js';
import { checkHost } from './host-check.js';

const apiKey: AccessKey = { name: 'a', digest: new Uint8Array(32), admin: false, limits: noKeyLimits };

function allows(header: string | undefined, listening?: string, keys = false, allowedHosts: string[] = []) {
  try {
    checkHost(header, listening, { keys: keys ? [apiKey] : [], allowedHosts });
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'host_not_allowed') return false;
    throw error;
  }
}

const ownNames = [
  'localhost',
  'localhost:8000',
  'LOCALHOST.:1',
  '127.0.0.1:8000',
  '127.8.9.1',
  '[::1]',
  '[::1]:80',
];
const strangers = [
  'example.com',
  'example.com:8000',
  'localhost.example.com',
  '127.0.0.1.example.com',
  '',
  ':80',
];

describe('a server on a loopback address', () => {
  test.each(ownNames)('goes by %s', (host) => {
    for (const listening of ['127.0.0.1', '::1', undefined])
      for (const keys of [false, true]) expect(allows(host, listening, keys)).toBe(true);
  });

  test.each([...strangers, '10.0.0.1', '0.0.0.0', '[::2]', 'localhost@example.com', 'example.com#localhost'])(
    'does not go by "%s", with keys or without',
    (host) => {
      for (const keys of [false, true]) expect(allows(host, '127.0.0.1', keys)).toBe(false);
    },
  );

  test('answers who names no host: that is no browser', () =>
    expect(allows(undefined, '127.0.0.1')).toBe(true));

  test('goes by names that are allowed, whatever the port and the case', () => {
    expect(allows('Heddle.Example.com:99', '127.0.0.1', false, ['heddle.example.com'])).toBe(true);
    expect(allows('[fd00::1]:99', '127.0.0.1', false, ['[FD00::1]'])).toBe(true);
    expect(allows('a.heddle.example.com', '127.0.0.1', false, ['heddle.example.com'])).toBe(false);
    expect(allows('anything', '127.0.0.1', false, ['*'])).toBe(true);
  });
});

describe('a server that others can reach', () => {
  test('and that asks for no key goes by addresses and by the name of its machine, which no page can take', () => {
    for (const host of [...ownNames, '10.0.0.1:80', '[fd00::1]:80', hostname(), `${hostname()}.local:80`])
      expect(allows(host, '0.0.0.0')).toBe(true);
    for (const host of strangers) expect(allows(host, '0.0.0.0')).toBe(false);
    expect(allows('10.0.0.1.example.com', '::')).toBe(false);
  });

  test('and that asks for keys goes by any name', () => {
    for (const host of [...ownNames, 'example.com']) expect(allows(host, '0.0.0.0', true)).toBe(true);
  });

  test('goes by the names that are allowed alone, with keys, and by no further name without', () => {
    for (const keys of [false, true]) {
      expect(allows('good.example.com', '0.0.0.0', keys, ['good.example.com'])).toBe(true);
      expect(allows('bad.example.com', '0.0.0.0', keys, ['good.example.com'])).toBe(false);
    }
  });
});
