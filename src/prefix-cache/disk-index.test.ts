import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DiskIndex } from './disk-index.js';

const found = (id: string, usedAt = 0, bytes = 1) => ({ id, fingerprint: 'f', bytes, usedAt });

/** Ids from the one used longest ago on; empties the index. */
function drain(index: DiskIndex): string[] {
  const ids: string[] = [];
  for (let oldest = index.oldest(); oldest !== undefined; oldest = index.oldest()) {
    ids.push(oldest.id);
    index.remove(oldest.id);
  }
  return ids;
}

describe('a disk index', () => {
  test('puts a block before its parent, and a block that is used last', () => {
    const index = new DiskIndex();
    index.add(found('a'), '');
    index.add(found('x'), '');
    index.add(found('b'), 'a');
    index.add(found('c'), 'b');
    index.touch('b', 5);
    expect(drain(index)).toEqual(['c', 'a', 'x', 'b']);
  });

  test('after a scan knows what is there, in the order of its use', () => {
    const index = new DiskIndex();
    for (const id of ['a', 'b', 'gone']) index.add(found(id, 1), '');
    index.beginScan();
    index.seen(found('b', 3), 10);
    index.add(found('new', 9), '');
    index.seen(found('a', 4, 7), 10);
    index.seen(found('other', 2), 10);
    index.endScan();
    expect(index.bytes).toBe(10);
    expect(drain(index)).toEqual(['other', 'b', 'a', 'new']);
  });

  test('does not believe in files of the future', () => {
    const index = new DiskIndex();
    index.beginScan();
    index.seen(found('future', 1e15), 100);
    index.endScan();
    index.add(found('now', 101), '');
    expect(index.get('future')?.usedAt).toBe(100);
    index.seen(found('future', 1e15), 200);
    expect(index.get('future')?.usedAt).toBe(100);
    index.seen(found('future', 1e15), 50);
    expect(index.get('future')?.usedAt).toBe(50);
  });
});

type Step = { kind: 'add' | 'touch' | 'remove' | 'seen' | 'scan'; id: number; parent: number; bytes: number };

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('add', 'add', 'add', 'touch', 'touch', 'remove', 'seen', 'scan'),
  id: fc.nat(15),
  parent: fc.nat(20),
  bytes: fc.nat(1000),
});

/** The same as an array in order. */
function play(steps: readonly Step[]): void {
  const index = new DiskIndex();
  let list: { id: string; bytes: number; usedAt: number; seen: boolean }[] = [];
  const check = (): void => {
    expect(index.size).toBe(list.length);
    expect(index.bytes).toBe(list.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(index.oldest()?.id).toBe(list[0]?.id);
    const known = list.map(({ id }) => index.get(id));
    expect(known.map((one) => [one?.bytes, one?.usedAt])).toEqual(
      list.map(({ bytes, usedAt }) => [bytes, usedAt]),
    );
  };
  for (const [now, { kind, id: number, parent: parentNumber, bytes }] of steps.entries()) {
    const [id, parent] = [`${number}`, `${parentNumber}`];
    const at = list.findIndex((one) => one.id === id);
    const known = list[at];
    if (kind === 'add') {
      index.add(found(id, now, bytes), parent);
      if (at >= 0) list.splice(at, 1);
      const before = list.findIndex((one) => one.id === parent);
      list.splice(before < 0 ? list.length : before, 0, { id, bytes, usedAt: now, seen: true });
    } else if (kind === 'touch') {
      index.touch(id, now);
      if (known !== undefined) list.push({ ...known, usedAt: now });
      if (at >= 0) list.splice(at, 1);
    } else if (kind === 'remove') {
      index.remove(id);
      if (at >= 0) list.splice(at, 1);
    } else if (kind === 'seen') {
      index.seen(found(id, now - 3, bytes), now);
      if (known === undefined) list.push({ id, bytes, usedAt: now - 3, seen: true });
      else Object.assign(known, { bytes, usedAt: Math.max(known.usedAt, now - 3), seen: true });
    } else {
      // A scan that meets the even half of the files.
      index.beginScan();
      for (const one of list) {
        one.seen = Number(one.id) % 2 === 0;
        if (one.seen) index.seen(found(one.id, one.usedAt, one.bytes), now);
      }
      index.endScan();
      list = list.filter(({ seen }) => seen).toSorted((a, b) => a.usedAt - b.usedAt);
    }
    check();
  }
  expect(drain(index)).toEqual(list.map(({ id }) => id));
}

test('a disk index is a list in order, in 10,000 random operations', () => {
  fc.assert(fc.property(fc.array(step, { minLength: 100, maxLength: 100 }), play), { numRuns: 100 });
});
