import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { capacityFor, PayloadPool, type Payload } from './payload.js';

describe('the capacity for a payload', () => {
  test('has room for it, wastes little, and is its own capacity', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (bytes) => {
        const capacity = capacityFor(bytes);
        expect(capacity).toBeGreaterThanOrEqual(bytes);
        expect(capacity).toBeLessThanOrEqual(Math.max(8, bytes + bytes / 8 + 8));
        expect(capacityFor(capacity)).toBe(capacity);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a pool of payloads', () => {
  test('gives memory out again after the last release, and not before', () => {
    const pool = new PayloadPool(1e6);
    const first = pool.take(1000);
    first.bytes.fill(7);
    first.retain();
    first.release();
    expect(pool.take(1000).bytes.buffer).not.toBe(first.bytes.buffer);
    first.release();
    const again = pool.take(999);
    expect(again.bytes.buffer).toBe(first.bytes.buffer);
    expect(again.bytes).toHaveLength(999);
    expect(pool.stats()).toMatchObject({ held: 2, allocated: 2, reused: 1 });
  });

  test('says so when a payload is used after its last release', () => {
    const payload = new PayloadPool(0).take(10);
    payload.release();
    expect(() => payload.release()).toThrow(expect.objectContaining({ code: 'handle_disposed' }));
    expect(() => payload.retain()).toThrow(expect.objectContaining({ code: 'handle_disposed' }));
  });

  test('keeps no more unused memory than it may', () => {
    const pool = new PayloadPool(2048);
    const payloads = Array.from({ length: 5 }, () => pool.take(1024));
    for (const payload of payloads) payload.release();
    expect(pool.stats()).toMatchObject({ held: 0, heldBytes: 0, freeBytes: 2048 });
    pool.trim();
    expect(pool.stats().freeBytes).toBe(0);
  });

  test('lends memory to another thread and takes it back, filled or not', () => {
    const pool = new PayloadPool(1e6);
    pool.take(1024).release();
    const lent = pool.takeSpare(1000);
    expect(pool.takeSpare(1000)).toBeUndefined();
    expect(pool.stats().freeBytes).toBe(0);
    if (lent === undefined) throw new Error('nothing was lent');
    const filled = pool.adopt(new Uint8Array(lent, 0, 1000));
    expect(pool.stats()).toMatchObject({ held: 1, heldBytes: 1024 });
    filled.release();
    expect(pool.stats()).toMatchObject({ held: 0, freeBytes: 1024 });
  });

  test('loses and invents nothing in ten thousand operations', () => {
    const pool = new PayloadPool(64 * 1024);
    const held: { payload: Payload; references: number }[] = [];
    const lent: SharedArrayBuffer[] = [];
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let i = 0; i < 10_000; i++) {
      const at = random(Math.max(1, held.length));
      const one = held[at];
      const action = random(5);
      if (action === 0 || one === undefined)
        held.push({ payload: pool.take(1 + random(9000)), references: 1 });
      else if (action === 1) {
        one.payload.retain();
        one.references++;
      } else if (action === 2) {
        const spare = pool.takeSpare(1 + random(9000));
        if (spare !== undefined) lent.push(spare);
      } else if (action === 3) {
        const back = lent.pop();
        if (back !== undefined) pool.giveSpare(back);
      } else {
        one.payload.release();
        one.references--;
        if (one.references === 0) held.splice(at, 1);
      }
      const stats = pool.stats();
      expect(stats.held).toBe(held.length);
      expect(stats.heldBytes).toBe(held.reduce((sum, { payload }) => sum + payload.capacity, 0));
      expect(stats.freeBytes).toBeLessThanOrEqual(64 * 1024);
      const buffers = [...held.map(({ payload }) => payload.bytes.buffer), ...lent];
      expect(new Set(buffers).size).toBe(buffers.length);
      if (held.length > 40) {
        for (const { payload, references } of held.splice(0))
          for (let r = 0; r < references; r++) payload.release();
        assert.equal(pool.stats().held, 0);
      }
    }
  });
});
