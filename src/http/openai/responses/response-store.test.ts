import { describe, expect, it } from 'vitest';
import type { ResponseLimits } from '../../../core/response-limits.js';
import { toItems } from './input-items.js';
import { ResponseStore } from './response-store.js';

const say = (text: string) => toItems([{ role: 'user', content: text }], []);

/** Stores a response that says so much. */
function add(store: ResponseStore, id: string, { owner = 'ann', before = '', length = 10 } = {}): void {
  store.add({
    id,
    owner,
    body: { id },
    before: before === '' ? undefined : store.get(owner, before).history,
    input: say('x'.repeat(length)),
    output: say('y'),
  });
}

function storeOf(limits: Partial<ResponseLimits>): ResponseStore {
  return new ResponseStore(() => ({ count: 100, bytes: 1_000_000, ...limits }));
}

const missing = expect.objectContaining({ code: 'response_not_found', status: 404 });

describe('stored responses', () => {
  it('are those of whoever made them, and of nobody else', () => {
    const store = storeOf({});
    add(store, 'a');
    expect(store.get('ann', 'a').body).toEqual({ id: 'a' });
    expect(() => store.get('bob', 'a')).toThrow(missing);
    expect(() => store.delete('bob', 'a')).toThrow(missing);
    store.delete('ann', 'a');
    expect(() => store.get('ann', 'a')).toThrow(missing);
    expect([store.count, store.bytes]).toEqual([0, 0]);
  });

  it('are the ones that were used last, where there are too many', () => {
    const store = storeOf({ count: 2 });
    add(store, 'a');
    add(store, 'b');
    store.get('ann', 'a');
    add(store, 'c');
    expect(() => store.get('ann', 'b')).toThrow(missing);
    expect(store.get('ann', 'a').body).toEqual({ id: 'a' });
    expect(store.count).toBe(2);
  });

  it('leave when whoever has most of them stores more; those of others stay', () => {
    const store = storeOf({ count: 5 });
    add(store, 'first', { owner: 'bob' });
    for (let index = 0; index < 20; index++) add(store, `a${index}`);
    expect(store.get('bob', 'first').body).toEqual({ id: 'first' });
    expect(store.get('ann', 'a19').body).toEqual({ id: 'a19' });
    expect(store.count).toBe(5);
  });

  it('take no more bytes than they may, and one that is too large takes none', () => {
    const store = storeOf({ bytes: 10_000 });
    for (let index = 0; index < 50; index++) {
      add(store, `a${index}`, { length: 1000 });
      expect(store.bytes).toBeLessThanOrEqual(10_000);
    }
    expect(store.count).toBeGreaterThan(3);
    const before = store.count;
    add(store, 'large', { length: 20_000 });
    expect(() => store.get('ann', 'large')).toThrow(missing);
    expect(store.count).toBe(before);
  });

  it('hold what they go on from once, for as long as one of them is there', () => {
    const store = storeOf({});
    add(store, 'a', { length: 5000 });
    const first = store.bytes;
    add(store, 'b', { before: 'a' });
    add(store, 'c', { before: 'b' });
    add(store, 'd', { before: 'b' });
    expect(store.bytes).toBeLessThan(first + 2000);
    store.delete('ann', 'a');
    store.delete('ann', 'b');
    expect(store.bytes).toBeGreaterThan(5000);
    const texts = store
      .get('ann', 'c')
      .input.map((item) => ('content' in item ? item.content[0]?.text.length : 0));
    expect(texts).toEqual([5000, 1, 10, 1, 10]);
    store.delete('ann', 'c');
    expect(store.bytes).toBeGreaterThan(5000);
    store.delete('ann', 'd');
    expect(store.bytes).toBe(0);
  });

  it('may be gone on from though they left meanwhile', () => {
    const store = storeOf({});
    add(store, 'a', { length: 5000 });
    const { history } = store.get('ann', 'a');
    store.delete('ann', 'a');
    store.add({ id: 'b', owner: 'ann', body: {}, before: history, input: say('z'), output: [] });
    expect(store.bytes).toBeGreaterThan(5000);
    store.delete('ann', 'b');
    expect(store.bytes).toBe(0);
  });

  it('are none where none are wanted', () => {
    const store = storeOf({ count: 0 });
    add(store, 'a');
    expect([store.count, store.bytes]).toEqual([0, 0]);
  });
});
