import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSequence, type Sequence } from '../core/sequence.js';
import { standingOf, type Standing } from '../core/standing.js';
import { schedule } from '../testing/schedule.js';
import { Scheduler } from './scheduler.js';
import { Turns } from './turns.js';

let lastId = 0;
function sequence(length: number, standing: Partial<Standing> = {}): Sequence {
  const tokens = Array.from({ length }, (_, index) => index);
  return createSequence(++lastId, tokens, { standing: standingOf(standing) });
}

function waiting(...sequences: readonly Sequence[]): Turns {
  const turns = new Turns('shortest');
  for (const each of sequences) turns.arrived(each);
  return turns;
}

describe('the next turn', () => {
  test("is nobody's when nobody waits", () => {
    expect(new Turns('shortest').next([])).toBeUndefined();
  });

  test('is that of the shortest prompt, and among equals of the first that came', () => {
    const [long, first, second] = [sequence(50), sequence(9), sequence(9)];
    expect(waiting(long, first, second).sorted([long, second, first])).toEqual([first, second, long]);
  });

  test('is in order of arrival where that is the order', () => {
    const [long, short] = [sequence(50), sequence(9, { priority: 'high' })];
    const turns = new Turns('arrival');
    for (const each of [long, short]) turns.arrived(each);
    expect(turns.next([long, short])).toBe(long);
  });

  test('is by priority before anything else', () => {
    const batch = sequence(1, { priority: 'batch' });
    const normal = sequence(5);
    const high = sequence(90, { priority: 'high', fairnessKey: 'a' });
    const turns = waiting(batch, normal, high);
    turns.generated(high);
    expect(turns.sorted([batch, normal, high])).toEqual([high, normal, batch]);
  });

  test('is that of the key that was served less, before lengths', () => {
    const [served, other] = [sequence(5, { fairnessKey: 'a' }), sequence(90, { fairnessKey: 'b' })];
    const turns = waiting(served, other);
    turns.generated(served);
    expect(turns.next([served, other])).toBe(other);
  });

  test("is a long prompt's once as many tokens were computed as it has more than one that comes", () => {
    const [long, running] = [sequence(100), sequence(1000, { fairnessKey: 'a' })];
    const turns = waiting(long, running);
    turns.computed(running, 60);
    const early = sequence(30);
    turns.arrived(early);
    turns.computed(running, 20);
    const late = sequence(30);
    turns.arrived(late);
    expect(turns.sorted([long, early, late])).toEqual([early, long, late]);
  });

  test("is the oldest's once in eight, whoever it belongs to", () => {
    const old = sequence(1000, { priority: 'batch' });
    const others = Array.from({ length: 20 }, () => sequence(1, { priority: 'high' }));
    const turns = waiting(old, ...others);
    const left = [...others, old];
    for (let turn = 0; turn < 8; turn++) {
      const next = turns.next(left);
      if (next === undefined) throw new Error('nobody waits');
      turns.admitted(next, left);
      left.splice(left.indexOf(next), 1);
    }
    expect(left).not.toContain(old);
    expect(left).toHaveLength(13);
  });
});

test("the oldest's turn comes also when every request has several sequences", () => {
  const scheduler = new Scheduler({
    slots: 2,
    cells: 10_000,
    stepBudget: 512,
    policy: { order: 'shortest', interTokenTarget: Infinity },
  });
  const old = sequence(100, { priority: 'batch' });
  scheduler.add(old);
  for (let turn = 0; turn < 8; turn++) {
    const leader = sequence(5, { priority: 'high' });
    const follower = createSequence(++lastId, leader.tokens, { leader, standing: leader.standing });
    scheduler.add(leader);
    scheduler.add(follower);
    schedule(scheduler);
    if (old.slot !== undefined) break;
    expect(scheduler.running).toEqual([leader, follower]);
    scheduler.remove(leader);
    scheduler.remove(follower);
  }
  expect(old.slot).toBeDefined();
});

describe('a key', () => {
  test('does not pay for rows that are computed again', () => {
    const [preempted, other] = [sequence(100, { fairnessKey: 'a' }), sequence(100, { fairnessKey: 'b' })];
    const turns = waiting(preempted, other);
    preempted.computed = 100;
    turns.computed(preempted, 100);
    other.computed = 99;
    turns.computed(other, 99);
    preempted.computed = 50;
    turns.computed(preempted, 50);
    turns.generated(other);
    const again = [sequence(10, { fairnessKey: 'a' }), sequence(1, { fairnessKey: 'b' })] as const;
    for (const each of again) turns.arrived(each);
    expect(turns.next([...again])).toBe(again[0]);
  });
});

test('nobody waits for ever, whoever comes', () => {
  const newcomer = fc.record({
    length: fc.integer({ min: 1, max: 50 }),
    priority: fc.constantFrom('high' as const, 'normal' as const),
    fairnessKey: fc.string({ maxLength: 2 }),
  });
  fc.assert(
    fc.property(
      fc.array(newcomer, { minLength: 200, maxLength: 200 }),
      fc.integer({ min: 1, max: 9 }),
      (come, ahead) => {
        const turns = new Turns('shortest');
        const queue = Array.from({ length: ahead }, () => sequence(500, { priority: 'batch' }));
        const last = queue.at(-1);
        for (const each of queue) turns.arrived(each);
        let turn = 0;
        for (const { length, ...standing } of come) {
          const arriving = sequence(length, standing);
          turns.arrived(arriving);
          queue.push(arriving);
          const next = turns.next(queue);
          if (next === undefined) throw new Error('nobody waits');
          turn++;
          turns.admitted(next, queue);
          next.computed = next.tokens.length;
          turns.computed(next, next.tokens.length);
          turns.left(next, false);
          queue.splice(queue.indexOf(next), 1);
          if (next === last) break;
        }
        expect(turn).toBeLessThanOrEqual(8 * ahead);
      },
    ),
  );
});
