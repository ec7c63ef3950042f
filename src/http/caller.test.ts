import { expect, test } from 'vitest';
import { callerOf, presentedKey } from './caller.js';

test('a request is known by its API key, wherever it is sent, and the key can not be read from that', () => {
  const caller = callerOf({ authorization: 'Bearer sk-secret' });
  expect(caller).toMatch(/^[\w-]{43}$/);
  expect(callerOf({ authorization: 'bearer  sk-secret' })).toBe(caller);
  expect(callerOf({ 'x-api-key': 'sk-secret' })).toBe(caller);
  expect(callerOf({ authorization: 'Bearer sk-other' })).not.toBe(caller);
});

test('a request without an API key is nobody', () => {
  for (const headers of [{}, { authorization: '' }, { authorization: 'Basic abc' }, { 'x-api-key': '' }]) {
    expect(callerOf(headers)).toBeUndefined();
  }
});

test('of two keys the one in x-api-key counts, for whatever it is asked', () => {
  const headers = { authorization: 'Bearer one', 'x-api-key': 'two' };
  expect(presentedKey(headers)).toBe('two');
  expect(callerOf(headers)).toBe(callerOf({ 'x-api-key': 'two' }));
});

test('a key has no spaces', () => {
  expect(presentedKey({ authorization: 'Bearer one two' })).toBeUndefined();
});
