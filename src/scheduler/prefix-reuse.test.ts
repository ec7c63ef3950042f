import { describe, expect, test } from 'vitest';
import { createSequence, type Sequence } from '../core/sequence.js';
import type { Batch } from '../core/batch.js';
import { schedule } from '../testing/schedule.js';
import { Scheduler, type SchedulerLimits } from './scheduler.js';

const roomy: SchedulerLimits = {
  slots: 4,
  lanes: 8,
  cells: 10_000,
  residentCells: 5000,
  stepBudget: 512,
};

const numbers = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => from + index);

class Bench {
  readonly scheduler: Scheduler;
  /** Rows that were computed. */
  rows = 0;
  #nextId = 1;

  constructor(limits: Partial<SchedulerLimits> = {}) {
    this.scheduler = new Scheduler({ ...roomy, ...limits });
  }

  add(tokens: readonly number[], scope: string | undefined = ''): Sequence {
    const sequence = createSequence(this.#nextId++, tokens, { scope });
    this.scheduler.add(sequence);
    return sequence;
  }

  /** One step, in which whoever is wanted to generates a token. */
  step(): ReturnType<typeof schedule> {
    const decided = schedule(this.scheduler);
    this.scheduler.advance(decided.batch);
    this.rows += decided.batch.rows;
    for (const { sequenceId } of outputsOf(decided.batch)) {
      const sequence = this.scheduler.running.find(({ id }) => id === sequenceId);
      if (sequence !== undefined) this.scheduler.append(sequence, 90_000 + sequenceId);
    }
    return decided;
  }

  /** Runs a prompt to its first token, and lets it finish. */
  finish(tokens: readonly number[], scope?: string): Sequence {
    const sequence = this.add(tokens, scope);
    while (sequence.tokens.length === tokens.length) this.step();
    this.scheduler.remove(sequence);
    return sequence;
  }
}

function outputsOf({ spans }: Batch): Batch['spans'] {
  return spans.filter(({ output }) => output);
}

describe('a prompt that begins as one before it', () => {
  test('goes on where that one ended, in its lane', () => {
    const bench = new Bench();
    bench.finish(numbers(0, 300));
    const next = bench.add([...numbers(0, 300), 90_001, 7, 8]);
    const { batch, operations } = bench.step();
    expect(operations).toEqual([]);
    expect(batch.spans).toMatchObject([{ slot: 0, start: 300, tokens: [90_001, 7, 8] }]);
    expect(next.reused).toBe(300);
  });

  test('shares what they have in common, and leaves the other as it is', () => {
    const bench = new Bench();
    bench.finish(numbers(0, 300));
    const next = bench.add([...numbers(0, 200), 5, 6]);
    const { batch, operations } = bench.step();
    expect(operations).toEqual([{ kind: 'share', source: 0, target: 1, count: 200 }]);
    expect(batch.spans).toMatchObject([{ slot: 1, start: 200, tokens: [5, 6] }]);
    expect(next.reused).toBe(200);
    expect([...bench.scheduler.residents.keys()]).toEqual([0]);
    expect(bench.scheduler.residentCells).toBe(100);
  });

  test('computes its last token again, since that is what the next one is drawn from', () => {
    const bench = new Bench();
    bench.finish(numbers(0, 300));
    bench.add(numbers(0, 300));
    expect(bench.step().batch.spans).toMatchObject([{ start: 299, tokens: [299] }]);
  });

  test('shares with one that is still running', () => {
    const bench = new Bench();
    const first = bench.add(numbers(0, 300));
    bench.step();
    bench.add([...numbers(0, 250), 1, 2, 3]);
    const { operations } = bench.step();
    expect(operations).toEqual([{ kind: 'share', source: first.slot, target: 1, count: 250 }]);
    expect(bench.rows).toBe(300 + 1 + 3);
  });

  test('shares nothing in another scope, or in none', () => {
    const bench = new Bench();
    bench.finish(numbers(0, 300), 'a');
    bench.finish(numbers(0, 300), 'b');
    const parts = { scope: undefined };
    const nobodys = createSequence(99, numbers(0, 300), parts);
    bench.scheduler.add(nobodys);
    bench.step();
    expect(nobodys.reused).toBe(0);
    expect(bench.rows).toBe(900);
    bench.scheduler.remove(nobodys);
    expect(bench.scheduler.residents.size).toBe(2);
  });
});

describe('prompts that begin alike and come at the same time', () => {
  test('have what they share computed once', () => {
    const bench = new Bench({ slots: 8, lanes: 8, stepBudget: 256 });
    const all = numbers(0, 8).map((who) => bench.add([...numbers(0, 1000), 5000 + who, 6000 + who]));
    while (all.some(({ tokens }) => tokens.length === 1002)) bench.step();
    // The first one's rows, and of the others what is their own; some generated while others still read.
    expect(bench.rows).toBeLessThan(1000 + 8 * 2 + 8 * 8);
    expect(all.filter(({ reused }) => reused === 1000)).toHaveLength(7);
  });

  test('wait for no prompt of a lower priority', () => {
    const bench = new Bench({ stepBudget: 64 });
    const batch = { priority: 'batch' as const, fairnessKey: '' };
    const high = { priority: 'high' as const, fairnessKey: '' };
    bench.scheduler.add(createSequence(50, numbers(0, 1000), { standing: batch, scope: '' }));
    bench.step();
    const urgent = createSequence(51, numbers(0, 1000), { standing: high, scope: '' });
    bench.scheduler.add(urgent);
    bench.step();
    expect(urgent.slot).toBeDefined();
  });

  test('go on by themselves when the one they wait for leaves', () => {
    const bench = new Bench({ stepBudget: 64 });
    const first = bench.add(numbers(0, 1000));
    const second = bench.add(numbers(0, 1000));
    bench.step();
    bench.step();
    expect(second.slot).toBeUndefined();
    bench.scheduler.remove(first);
    bench.step();
    expect(second.reused).toBe(128);
  });
});

describe('what is being put back from another tier', () => {
  /** One of which 128 tokens are back and more are to come, and one that begins with these. */
  const begin = (canCut: boolean) => {
    const bench = new Bench({ canCut });
    const first = bench.add(numbers(0, 300));
    bench.scheduler.admit();
    bench.scheduler.restored(first, 128);
    bench.scheduler.setRestoring(first, true);
    const second = bench.add([...numbers(0, 128), 5, 6]);
    return { ...bench.step(), bench, first, second };
  };

  test('is shared where it is cells', () => {
    const { bench, batch, operations, first, second } = begin(true);
    expect(operations).toEqual([{ kind: 'share', source: 0, target: 1, count: 128 }]);
    expect(batch.spans).toMatchObject([{ sequenceId: second.id, start: 128, tokens: [5, 6] }]);
    bench.scheduler.remove(first);
    expect(bench.scheduler.residents.get(0)?.tokens).toEqual(numbers(0, 128));
  });

  test('is shared with nobody, and not kept, where it lacks its state', () => {
    const { bench, batch, operations, first, second } = begin(false);
    expect(operations).toEqual([]);
    expect(batch.spans).toMatchObject([{ sequenceId: second.id, start: 0, tokens: { length: 130 } }]);
    bench.scheduler.remove(first);
    expect(bench.scheduler.residents.size).toBe(0);
    // It is when it has one.
    const third = bench.add(numbers(0, 300));
    bench.scheduler.admit();
    bench.scheduler.restored(third, 128);
    bench.scheduler.remove(third);
    expect([...bench.scheduler.residents.values()].map(({ tokens }) => tokens.length)).toEqual([128]);
  });
});

describe('what finished sequences leave', () => {
  test('is bounded, and what was used longest ago goes first', () => {
    const bench = new Bench({ residentCells: 700 });
    for (const who of [1, 2, 3]) bench.finish(numbers(1000 * who, 300));
    expect([...bench.scheduler.residents.values()].map(({ tokens }) => tokens[0])).toEqual([2000, 3000]);
    bench.finish([...numbers(2000, 200), 1]);
    bench.finish(numbers(4000, 150));
    expect([...bench.scheduler.residents.values()].map(({ tokens }) => tokens[0])).toEqual([
      2000, 2000, 4000,
    ]);
  });

  test('makes room for whoever runs', () => {
    const bench = new Bench({ cells: 1000, residentCells: 1000 });
    bench.finish(numbers(0, 900));
    bench.finish(numbers(5000, 500));
    expect([...bench.scheduler.residents.values()].map(({ tokens }) => tokens.length)).toEqual([500]);
    const large = bench.add(numbers(20_000, 990));
    bench.step();
    expect(large.slot).toBeDefined();
    expect(bench.scheduler.residents.size).toBe(0);
  });

  test('is cut for a prompt that shares a part of it, where there is no room for both', () => {
    const bench = new Bench({ cells: 1000, residentCells: 1000 });
    bench.finish(numbers(0, 900));
    const next = bench.add([...numbers(0, 400), ...numbers(7000, 500)]);
    const { operations } = bench.step();
    expect(operations).toEqual([
      { kind: 'cut', lane: 0, length: 400, content: { scope: '', tokens: numbers(0, 900) } },
    ]);
    expect(next.reused).toBe(400);
  });

  test('is told before it goes, so that it can be kept elsewhere', () => {
    const bench = new Bench({ residentCells: 400 });
    bench.finish(numbers(0, 300));
    bench.scheduler.takeOperations();
    bench.finish(numbers(1000, 300));
    expect(bench.scheduler.takeOperations()).toEqual([
      { kind: 'empty', lane: 0, content: { scope: '', tokens: numbers(0, 300) } },
    ]);
  });

  test('can be used only as a whole where a memory can not be cut', () => {
    const bench = new Bench({ canCut: false });
    bench.finish(numbers(0, 300));
    const diverging = bench.add([...numbers(0, 200), 5, 6]);
    bench.step();
    expect(diverging.reused).toBe(0);
    const going = bench.add([...numbers(0, 300), 5, 6]);
    bench.step();
    expect(going.reused).toBe(300);
  });
});
