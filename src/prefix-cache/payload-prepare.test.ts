import { describe, expect, test } from 'vitest';
import { PayloadPool } from './payload.js';

describe('memory that is made ready', () => {
  test('is as much as was wanting, and is what the next payloads get', () => {
    const pool = new PayloadPool(1e6);
    expect(pool.prepare()).toBe(false);
    const taken = [pool.take(1000), pool.take(1000), pool.take(5000)];
    expect([pool.prepare(), pool.prepare(), pool.prepare(), pool.prepare()]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(pool.stats()).toMatchObject({ allocated: 3, freeBytes: 2 * 1024 + 5120 });
    taken.push(pool.take(1000), pool.take(1000), pool.take(5000));
    expect(pool.stats()).toMatchObject({ allocated: 3, reused: 3, freeBytes: 0 });
    expect(pool.prepare()).toBe(false);
    for (const payload of taken) payload.release();
  });

  test('is not more than may be unused, and none after that was let go of', () => {
    const pool = new PayloadPool(1500);
    const taken = [pool.take(1000), pool.take(1000)];
    expect([pool.prepare(), pool.prepare()]).toEqual([true, false]);
    expect(pool.stats().freeBytes).toBe(1024);
    pool.take(1000).release();
    pool.trim();
    expect(pool.prepare()).toBe(false);
    expect(pool.stats().freeBytes).toBe(0);
    for (const payload of taken) payload.release();
  });
});
