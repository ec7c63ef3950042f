import { expect, test } from 'vitest';
import { keyFor } from './server-key.js';

const both = { HEDDLE_ADMIN_KEY: 'admin', HEDDLE_API_KEY: 'api' };

test.each<[string | undefined, NodeJS.ProcessEnv, string | undefined]>([
  ['given', both, 'given'],
  [undefined, both, 'admin'],
  [undefined, { HEDDLE_API_KEY: 'api' }, 'api'],
  [undefined, { HEDDLE_ADMIN_KEY: '', HEDDLE_API_KEY: 'api' }, 'api'],
  [undefined, {}, undefined],
  ['', both, undefined],
])('told %j, with %j in the environment, a command sends %j', (given, environment, key) => {
  expect(keyFor(given, environment)).toBe(key);
});
