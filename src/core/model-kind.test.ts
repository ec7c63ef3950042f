import { expect, test } from 'vitest';
import { kindOf, poolingTypes } from './model-kind.js';

test.each([
  ['a causal model without a pooling generates', undefined, true, 'generation'],
  ['a causal model that asks for no pooling generates', poolingTypes.none, true, 'generation'],
  ['a causal model that pools embeds', poolingTypes.last, true, 'embedding'],
  ['a causal model that ranks reranks', poolingTypes.rank, true, 'reranking'],
  ['an encoder embeds, whatever it asks for', undefined, false, 'embedding'],
  ['an encoder without a pooling embeds', poolingTypes.none, false, 'embedding'],
  ['an encoder that pools embeds', poolingTypes.first, false, 'embedding'],
  ['an encoder that ranks reranks', poolingTypes.rank, false, 'reranking'],
] as const)('%s', (_, pooling, causal, kind) => {
  expect(kindOf({ pooling, causal })).toBe(kind);
});
