import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Random } from '../testing/random.js';
import { TokenBytes } from './token-bytes.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const size = 151_936;
const text = (token: number): Uint8Array => new TextEncoder().encode(`-${token}`);

function memoryNow(): number {
  for (let times = 0; times < 3; times++) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe('the bytes of tokens', () => {
  it('are those that were added, in any order, and of no others', () => {
    const random = new Random(5);
    const bytes = new TokenBytes(5000);
    const expected = new Map<number, Uint8Array>();
    for (let times = 0; times < 20_000; times++) {
      const token = random.below(5000);
      const known = bytes.get(token);
      expect(known).toEqual(expected.get(token));
      if (known !== undefined) continue;
      const added = Uint8Array.from({ length: random.below(30) }, () => random.below(256));
      expected.set(token, added);
      bytes.add(token, added);
    }
    for (const [token, added] of expected) expect(bytes.get(token)).toEqual(added);
  });

  it('can be none, and more than a table can count', () => {
    const bytes = new TokenBytes(3);
    const long = new Uint8Array(70_000).fill(7);
    bytes.add(0, new Uint8Array(0));
    bytes.add(1, long);
    expect(bytes.get(0)).toEqual(new Uint8Array(0));
    expect(bytes.get(1)).toEqual(long);
    expect(bytes.get(2)).toBeUndefined();
  });

  it('are copies, which take nothing else along to another thread', () => {
    const bytes = new TokenBytes(5000);
    const given = text(1);
    bytes.add(1, given);
    const taken = bytes.get(1);
    given.fill(0);
    expect(taken).toEqual(text(1));
    taken?.fill(0);
    expect(bytes.get(1)).toEqual(text(1));
    expect(bytes.get(1)?.buffer.byteLength).toBe(text(1).length);
  });

  it('of 151,936 tokens take less than 4 MiB', () => {
    const before = memoryNow();
    const bytes = new TokenBytes(size);
    for (let token = 0; token < size; token++) bytes.add(token, text(token));
    const growth = memoryNow() - before;
    expect(bytes.get(size - 1)).toEqual(text(size - 1));
    expect(bytes.byteLength).toBeLessThan(4 * 2 ** 20);
    expect(growth).toBeLessThan(4 * 2 ** 20);
    expect(growth).toBeGreaterThan(2 ** 20); // it was measured
  });
});
