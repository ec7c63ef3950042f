import { expect, test } from 'vitest';
import { isLoopback } from './loopback.js';

test.each(['127.0.0.1', '127.1.2.255', '::1', 'localhost', 'LOCALHOST', 'app.localhost', '::ffff:127.0.0.1'])(
  '%s is this machine alone',
  (host) => expect(isLoopback(host)).toBe(true),
);

test.each([
  '0.0.0.0',
  '::',
  '128.0.0.1',
  '127.0.0',
  '127.0.0.1.example.com',
  '127.0.0.256',
  '127.0.0.x',
  'localhost.example.com',
  'notlocalhost',
  'example.com',
  '::ffff:10.0.0.1',
  '::2',
  '',
])('%s is not', (host) => expect(isLoopback(host)).toBe(false));
