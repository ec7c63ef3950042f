import { expect, it } from 'vitest';
import { nearest } from './nearest.js';

const keys = ['idle_timeout', 'context', 'parallel', 'host', 'port', 'models'];

it.each([
  ['idel_timeout', 'idle_timeout'],
  ['idleTimeout', 'idle_timeout'],
  ['idle-timeout', 'idle_timeout'],
  ['contxt', 'context'],
  ['prot', 'port'],
  ['model', 'models'],
])('%s was meant to be %s', (written, meant) => {
  expect(nearest(written, keys)).toBe(meant);
});

it.each(['temperature', 'x', ''])('%s is near to none', (written) => {
  expect(nearest(written, keys)).toBeUndefined();
});

it('of several the nearest is taken', () => {
  expect(nearest('first_retr', ['last_retry', 'first_retry'])).toBe('first_retry');
});
