import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PrefixTree } from './prefix-tree.js';

/** The same as a list of sequences: slow, and plainly right. */
class PrefixList {
  readonly sequences = new Map<number, number[]>();

  match(tokens: readonly number[]): { length: number; owners: number[] } {
    const lengths = [...this.sequences].map(([owner, sequence]) => ({
      owner,
      length: commonLength(sequence, tokens),
    }));
    const length = Math.max(0, ...lengths.map((one) => one.length));
    return { length, owners: lengths.filter((one) => one.length === length).map(({ owner }) => owner) };
  }
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const differ = a.findIndex((token, i) => token !== b[i]);
  return differ < 0 ? Math.min(a.length, b.length) : Math.min(differ, b.length);
}

/** Two tokens only, so that sequences share much of what they have. */
const tokens = fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 12 });
const owner = fc.integer({ min: 0, max: 7 });
const operation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('insert' as const), owner, tokens }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('extend' as const), owner, tokens }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), owner, length: fc.nat(24) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), owner }) },
);

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function apply(tree: PrefixTree<number>, list: PrefixList, step: Operation): void {
  const known = list.sequences.get(step.owner);
  if (step.kind === 'remove') {
    tree.remove(step.owner);
    list.sequences.delete(step.owner);
  } else if (step.kind === 'insert' && known === undefined) {
    tree.insert(step.owner, step.tokens);
    list.sequences.set(step.owner, [...step.tokens]);
  } else if (step.kind === 'extend' && known !== undefined) {
    tree.extend(step.owner, Int32Array.from(step.tokens));
    known.push(...step.tokens);
  } else if (step.kind === 'cut' && known !== undefined) {
    tree.cut(step.owner, step.length);
    known.length = Math.min(known.length, step.length);
  } else if (step.kind === 'insert') assert.throws(() => tree.insert(step.owner, step.tokens), /already/);
  else assert.throws(() => tree.extend(step.owner, [1]), /not in/);
}

function check(tree: PrefixTree<number>, list: PrefixList, prompt: readonly number[]): void {
  const lengths = [...list.sequences].map(([one, { length }]) => [one, length]);
  expect([...list.sequences.keys()].map((one) => [one, tree.lengthOf(one)])).toEqual(lengths);
  const wrong = [prompt, ...list.sequences.values()].filter((asked) => {
    const expected = list.match(asked);
    const { length, owner: found } = tree.match(asked);
    if (length !== expected.length) return true;
    return length === 0 ? found !== undefined : !expected.owners.includes(found ?? -1);
  });
  expect(wrong).toEqual([]);
  expect(tree.size).toBe(list.sequences.size);
  expect(tree.measure().nodes).toBeLessThanOrEqual(2 * list.sequences.size);
}

describe('a prefix tree', () => {
  test('finds what a list of all sequences finds, in 10,000 random operations', () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 100, maxLength: 100 }), tokens, (steps, prompt) => {
        const tree = new PrefixTree<number>();
        const list = new PrefixList();
        for (const step of steps) {
          apply(tree, list, step);
          check(tree, list, prompt);
        }
        for (const one of list.sequences.keys()) tree.remove(one);
        expect(tree.measure()).toEqual({ nodes: 0, tokenCapacity: 0 });
      }),
      { numRuns: 100 },
    );
  });

  test('keeps a common prefix once', () => {
    const tree = new PrefixTree<number>();
    const prefix = Array.from({ length: 1000 }, (_, i) => i);
    for (let one = 0; one < 10; one++) tree.insert(one, [...prefix, 5000 + one]);
    expect(tree.measure()).toEqual({ nodes: 11, tokenCapacity: 1010 });
    expect(tree.match([...prefix, 5003, 1])).toEqual({ length: 1001, owner: 3 });
    expect(tree.match([...prefix, 4]).length).toBe(1000);
  });

  test('grows a sequence a token at a time in room that doubles', () => {
    const tree = new PrefixTree<string>();
    tree.insert('a', [0]);
    for (let i = 1; i < 10_000; i++) tree.extend('a', [i % 7]);
    expect(tree.lengthOf('a')).toBe(10_000);
    expect(tree.match(Array.from({ length: 10_001 }, (_, i) => i % 7)).length).toBe(10_000);
    expect(tree.measure().tokenCapacity).toBeLessThanOrEqual(20_000);
  });

  test('ignores what it does not know', () => {
    const tree = new PrefixTree<string>();
    tree.remove('a');
    expect(tree.match([1, 2, 3])).toEqual({ length: 0, owner: undefined });
    expect(tree.lengthOf('a')).toBeUndefined();
    expect(() => tree.cut('a', 1)).toThrow(expect.objectContaining({ code: 'internal_error' }));
  });
});
