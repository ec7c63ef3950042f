import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chainOf } from '../testing/blocks.js';
import { rootId, type BlockKey } from './block-id.js';
import { HostTier } from './host-tier.js';
import { PayloadPool } from './payload.js';

const unit = 1024;

/** A tier of so many units, and a way to put blocks into it. */
function tierOf(units: number, onEvict?: (key: BlockKey) => void) {
  const pool = new PayloadPool(0);
  const tier = new HostTier(units * unit, onEvict);
  const put = (key: BlockKey | undefined, cost = 1, bytes = unit): boolean => {
    if (key === undefined) throw new Error('no such block');
    const payload = pool.take(bytes);
    const inside = tier.put(key, payload, cost);
    payload.release();
    return inside;
  };
  return { pool, tier, put };
}

const idsOf = (keys: readonly BlockKey[]): string[] => keys.map(({ id }) => id);

describe('a host tier', () => {
  test('holds a chain and says how much of it', () => {
    const { tier, put } = tierOf(10);
    const keys = chainOf(4);
    for (const key of keys.slice(0, 3)) expect(put(key)).toBe(true);
    expect(tier.leading(idsOf(keys))).toBe(3);
    expect(put(keys[1])).toBe(false);
    expect(tier.stats()).toMatchObject({ blocks: 3, bytes: 3 * unit, inserted: 3 });
  });

  test('wears the chain used longest ago off from its end', () => {
    const gone: string[] = [];
    const { tier, put } = tierOf(6, (key) => gone.push(key.id));
    const [old, fresh] = [chainOf(3, 1), chainOf(3, 2)];
    for (const key of [...old, ...fresh]) put(key);
    tier.touch(idsOf(fresh));
    const more = chainOf(2, 3);
    for (const key of more) put(key);
    expect(gone).toEqual([old[2]?.id, old[1]?.id]);
    expect(tier.leading(idsOf(fresh))).toBe(3);
  });

  test('keeps what is dear for its size longer', () => {
    const { tier, put } = tierOf(4);
    const dear = chainOf(1, 1);
    put(dear[0], 100, 2 * unit);
    for (let seed = 2; seed < 12; seed++) put(chainOf(1, seed)[0], 1);
    expect(tier.has(dear[0]?.id ?? '')).toBe(true);
    expect(tier.stats()).toMatchObject({ bytes: 4 * unit, evicted: 8 });
  });

  test('lets what was dear and is not used go in the end', () => {
    const { tier, put } = tierOf(4);
    const dear = chainOf(1, 1);
    put(dear[0], 5);
    for (let seed = 2; seed < 60; seed++) put(chainOf(1, seed)[0], 1);
    expect(tier.has(dear[0]?.id ?? '')).toBe(false);
  });

  test('does not evict a parent for its child', () => {
    const { tier, put } = tierOf(2);
    const keys = chainOf(3);
    expect(keys.map((key) => put(key))).toEqual([true, true, false]);
    expect(tier.leading(idsOf(keys))).toBe(2);
    expect(tier.stats().refused).toBe(1);
  });

  test('evicts nothing that is pinned, nor what comes before it', () => {
    const { tier, put } = tierOf(3);
    const keys = chainOf(3);
    for (const key of keys) put(key);
    const id = keys[2]?.id ?? '';
    expect(tier.pin(id)?.bytes).toHaveLength(unit);
    expect(put(chainOf(1, 9)[0])).toBe(false);
    expect(tier.clear()).toBe(0);
    tier.unpin(id);
    expect(put(chainOf(1, 9)[0])).toBe(true);
    expect(tier.stats().pinned).toBe(0);
    expect(tier.clear()).toBe(3);
  });

  test('shrinks with its limit', () => {
    const { tier, put, pool } = tierOf(8);
    for (const key of chainOf(8)) put(key);
    tier.limit = 3 * unit;
    expect(tier.stats()).toMatchObject({ blocks: 3, evicted: 5 });
    tier.evictAll();
    expect(pool.stats().held).toBe(0);
  });
});

type Step =
  | { kind: 'put'; at: number; cost: number; size: number }
  | { kind: 'pin' | 'unpin' | 'touch'; at: number }
  | { kind: 'limit'; units: number }
  | { kind: 'clear' };

const at = fc.nat(39);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      at,
      cost: fc.nat(9),
      size: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 12, arbitrary: fc.record({ kind: fc.constantFrom('pin', 'unpin', 'touch', 'unpin'), at }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('limit' as const), units: fc.integer({ min: 4, max: 16 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
);

/** Five chains of eight: blocks 8n to 8n + 7 are a chain. */
const keys = [1, 2, 3, 4, 5].flatMap((seed) => [...chainOf(8, seed)]);

/** What must be so, whichever block goes first. */
class Model {
  readonly blocks = new Map<string, { parent: string; bytes: number }>();
  readonly pins = new Map<string, number>();

  hasChildren(id: string): boolean {
    return [...this.blocks.values()].some(({ parent }) => parent === id);
  }

  get bytes(): number {
    return [...this.blocks.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

function play(steps: readonly Step[]): void {
  const model = new Model();
  const { tier, put, pool } = tierOf(12, (key) => {
    expect(model.hasChildren(key.id)).toBe(false);
    expect(model.pins.get(key.id) ?? 0).toBe(0);
    expect(model.blocks.delete(key.id)).toBe(true);
  });
  for (const one of steps) {
    if (one.kind === 'limit') tier.limit = one.units * unit;
    else if (one.kind === 'clear') {
      tier.clear();
      for (const id of model.blocks.keys()) if (!tier.has(id)) model.blocks.delete(id);
      const pinned = [...model.pins].filter(([, count]) => count > 0).map(([id]) => id);
      const kept = new Set(pinned.flatMap((id) => ancestors(id, model)));
      assert.deepEqual(new Set(model.blocks.keys()), kept);
    } else {
      const key = keys[one.at];
      if (key === undefined) throw new Error('no such block');
      const before = model.bytes;
      if (one.kind === 'put') {
        const bytes = one.size * unit;
        if (put(key, one.cost, bytes)) {
          assert(!model.blocks.has(key.id));
          model.blocks.set(key.id, { parent: key.parent, bytes });
          assert(model.bytes <= tier.limit);
        } else if (!model.blocks.has(key.id)) assert(before + bytes > tier.limit);
      } else if (one.kind === 'touch') tier.touch([key.id]);
      else if (one.kind === 'pin') {
        assert.equal(tier.pin(key.id) !== undefined, model.blocks.has(key.id));
        if (model.blocks.has(key.id)) model.pins.set(key.id, (model.pins.get(key.id) ?? 0) + 1);
      } else {
        tier.unpin(key.id);
        model.pins.set(key.id, Math.max(0, (model.pins.get(key.id) ?? 0) - 1));
      }
    }
    const pinned = [...model.pins.values()].filter((count) => count > 0).length;
    expect(tier.stats()).toMatchObject({ blocks: model.blocks.size, bytes: model.bytes, pinned });
    expect(pool.stats()).toMatchObject({ held: model.blocks.size, heldBytes: model.bytes });
  }
  for (const [id, count] of model.pins) for (let i = 0; i < count; i++) tier.unpin(id);
  tier.clear();
  expect(pool.stats()).toMatchObject({ held: 0, heldBytes: 0 });
}

/** A block and those before it that are there. */
function ancestors(id: string, model: Model): string[] {
  const found: string[] = [];
  for (let one = id; one !== rootId && model.blocks.has(one); one = model.blocks.get(one)?.parent ?? rootId)
    found.push(one);
  return found;
}

test('a host tier keeps its limits and its references in 10,000 random operations', () => {
  fc.assert(fc.property(fc.array(step, { minLength: 100, maxLength: 100 }), play), { numRuns: 100 });
});
