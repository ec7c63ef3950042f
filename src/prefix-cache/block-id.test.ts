import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BlockChain, blockTokens, fingerprintOf, rootId } from './block-id.js';

const fingerprint = fingerprintOf({ model: 'a' });

function chain(tokens: readonly number[], options: { fingerprint?: string; salt?: string } = {}): BlockChain {
  const made = new BlockChain(options.fingerprint ?? fingerprint, options.salt);
  made.append(tokens);
  return made;
}

/** Few tokens, so that prompts have something in common. */
const prompts = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 150 })), { maxLength: 4 })
  .map((runs) => runs.flatMap(([token, length]) => Array<number>(length).fill(token)));

describe('a fingerprint', () => {
  test('depends on every part, and not on their order', () => {
    const one = fingerprintOf({ model: 'a', flashAttention: true, rope: 1 });
    expect(one).toMatch(/^[0-9a-f]{64}$/);
    expect(fingerprintOf({ rope: 1, model: 'a', flashAttention: true })).toBe(one);
    expect(fingerprintOf({ model: 'a', flashAttention: false, rope: 1 })).not.toBe(one);
    expect(fingerprintOf({ model: 'a', flashAttention: 'true', rope: 1 })).not.toBe(one);
    expect(fingerprintOf({ model: 'a', flashAttention: true })).not.toBe(one);
  });
});

describe('block ids', () => {
  test('are equal as far as prompts are, and no further', () => {
    fc.assert(
      fc.property(prompts, prompts, (a, b) => {
        const differ = a.findIndex((token, i) => token !== b[i]);
        const common = Math.floor((differ < 0 ? Math.min(a.length, b.length) : differ) / blockTokens);
        const [of, others] = [chain(a).keys, chain(b).keys];
        for (let i = 0; i < Math.min(of.length, others.length); i++)
          expect(of[i]?.id === others[i]?.id).toBe(i < common);
      }),
      { numRuns: 300 },
    );
  });

  test('do not depend on how a prompt grew', () => {
    fc.assert(
      fc.property(prompts, fc.array(fc.nat(100)), (tokens, steps) => {
        const grown = new BlockChain(fingerprint);
        let at = 0;
        for (const step of steps) {
          grown.append(Int32Array.from(tokens.slice(at, at + step)));
          grown.snapshotKey();
          at += step;
        }
        grown.append(tokens.slice(at));
        expect(grown.keys).toEqual(chain(tokens).keys);
        expect(grown.snapshotKey()).toEqual(chain(tokens).snapshotKey());
        expect(grown.length).toBe(tokens.length);
      }),
      { numRuns: 300 },
    );
  });

  test('form a chain from the root, each with its place', () => {
    const { keys } = chain(Array.from({ length: 5 * blockTokens + 7 }, (_, i) => i));
    expect(keys).toHaveLength(5);
    for (const [i, key] of keys.entries())
      expect(key).toMatchObject({
        parent: keys[i - 1]?.id ?? rootId,
        position: i * blockTokens,
        tokens: blockTokens,
        kind: 'block',
      });
  });

  test('of another model or another salt are others', () => {
    const tokens = Array<number>(blockTokens).fill(1);
    const ids = [
      chain(tokens),
      chain(tokens, { salt: 'a' }),
      chain(tokens, { salt: 'b' }),
      chain(tokens, { fingerprint: fingerprintOf({ model: 'b' }) }),
    ].map(({ keys }) => keys[0]?.id);
    expect(new Set(ids).size).toBe(4);
  });

  test('of ten thousand different blocks and snapshots are all different', () => {
    const ids = new Set<string>();
    const random = new BlockChain(fingerprint);
    for (let i = 0; i < 10_000; i++) {
      random.append([i % 3]);
      ids.add(random.snapshotKey().id);
    }
    for (const key of random.keys) ids.add(key.id);
    expect(ids.size).toBe(10_000 + Math.floor(10_000 / blockTokens));
  });

  test('are those that files in old directories have', () => {
    const { keys } = chain(Array.from({ length: blockTokens }, (_, i) => i));
    expect(fingerprint).toBe('a18c4201df916df6c26402f5b4dd06af18bb38576e37ae13e6e0cc3e6ba469f7');
    expect(keys[0]?.id).toBe('c50b8b91c1c7ab9bbffd0f9ab2dbb4534611d0d391192e3b1e7857a56661b4ca');
  });
});

describe('the key of a snapshot', () => {
  test('names the last full block and the tokens after it', () => {
    const made = chain(Array.from({ length: blockTokens + 5 }, (_, i) => i));
    expect(made.snapshotKey()).toMatchObject({
      kind: 'snapshot',
      parent: made.keys[0]?.id,
      position: blockTokens,
      tokens: 5,
    });
  });

  test('at the end of a block is not that of the block', () => {
    const made = chain(Array.from({ length: blockTokens }, (_, i) => i));
    expect(made.snapshotKey()).toMatchObject({ parent: made.keys[0]?.id, tokens: 0 });
    expect(made.snapshotKey().id).not.toBe(made.keys[0]?.id);
  });
});
