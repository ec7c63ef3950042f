import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSequence, type Sequence } from '../core/sequence.js';
import { schedule } from '../testing/schedule.js';
import { SchedulerDrive, type Job } from '../testing/scheduler-drive.js';
import { Scheduler, type SchedulerLimits } from './scheduler.js';

const roomy: SchedulerLimits = {
  slots: 8,
  lanes: 8,
  cells: 20_000,
  residentCells: 10_000,
  stepBudget: 256,
  canCut: false,
};

const numbers = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => from + index);

/** A scheduler of sequences in a memory that can not be cut, and the rows that it had computed. */
class Bench {
  readonly scheduler: Scheduler;
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

  step(): ReturnType<typeof schedule> {
    const decided = schedule(this.scheduler);
    this.scheduler.advance(decided.batch);
    this.rows += decided.batch.rows;
    for (const { sequenceId, output } of decided.batch.spans) {
      const sequence = this.scheduler.running.find(({ id }) => id === sequenceId);
      if (output && sequence !== undefined) this.scheduler.append(sequence, 90_000 + sequenceId);
    }
    return decided;
  }

  /** Until each of them has its first token; those that have leave. */
  finish(sequences: readonly Sequence[]): void {
    const open = new Set(sequences);
    for (let steps = 0; open.size > 0; steps++) {
      if (steps > 500) throw new Error('they never end');
      this.step();
      for (const sequence of open) {
        if (sequence.tokens.length === sequence.promptLength) continue;
        this.scheduler.remove(sequence);
        open.delete(sequence);
      }
    }
  }
}

/** What one lane is told to share with another, in one step. */
function shares({ operations }: ReturnType<typeof schedule>): number[] {
  return operations.flatMap((one) => (one.kind === 'share' ? [one.count] : []));
}

describe('prompts that begin alike, where a memory can not be cut', () => {
  test('have what they share computed once, up to a boundary between blocks', () => {
    const bench = new Bench();
    const all = numbers(0, 8).map((who) => bench.add([...numbers(0, 1000), 5000 + who, 6000 + who]));
    bench.finish(all);
    expect(all.slice(1).map(({ reused }) => reused)).toEqual(Array.from({ length: 7 }, () => 960));
    expect(bench.rows).toBe(1002 + 7 * 42);
  });

  test('share a lane at the very position where it stops', () => {
    const bench = new Bench();
    bench.add([...numbers(0, 200), 1]);
    bench.add([...numbers(0, 200), 2]);
    const first = bench.step();
    expect(first.batch.spans).toMatchObject([{ start: 0, tokens: numbers(0, 192) }]);
    const second = bench.step();
    expect(second.operations).toEqual([{ kind: 'share', source: 0, target: 1, count: 192 }]);
    expect(second.batch.spans.map(({ start }) => start)).toEqual([192, 192]);
  });

  test('stop once for each beginning that others share', () => {
    const bench = new Bench();
    bench.add(numbers(0, 1000));
    bench.add([...numbers(0, 700), 1]);
    bench.add([...numbers(0, 300), 2]);
    const ends: number[] = [];
    const shared: number[] = [];
    for (let steps = 0; steps < 6; steps++) {
      const step = bench.step();
      shared.push(...shares(step));
      const span = step.batch.spans.find(({ slot }) => slot === 0);
      if (span !== undefined) ends.push(span.start + span.tokens.length);
    }
    expect(shared).toEqual([256, 640]);
    expect(ends.slice(0, 3)).toEqual([256, 512, 640]);
  });

  test('compute it themselves where there was no slot when it could be shared', () => {
    const bench = new Bench({ slots: 2, lanes: 2 });
    const all = numbers(0, 5).map((who) => bench.add([...numbers(0, 300), 5000 + who]));
    bench.finish(all);
    expect(all.map(({ reused }) => reused)).toEqual([0, 256, 0, 256, 0]);
  });

  test('go on by themselves when the one they wait for leaves, or loses its cells', () => {
    for (const leave of ['removed', 'preempted', 'restarted'] as const) {
      const bench = new Bench({ slots: 3, stepBudget: 64 });
      const other = bench.add(numbers(50_000, 100));
      bench.step();
      bench.step();
      const first = bench.add(numbers(0, 1000));
      bench.step();
      const second = bench.add(numbers(0, 1000));
      bench.step();
      expect(second.slot).toBeUndefined();
      if (leave === 'removed') bench.scheduler.remove(first, { keep: false });
      else if (leave === 'preempted') bench.scheduler.preempt();
      else bench.scheduler.restart(first);
      bench.finish(leave === 'removed' ? [other, second] : [other, first, second]);
      expect(bench.scheduler.idle).toBe(true);
    }
  });

  test('do not wait where less than a block is alike, or for what was passed already', () => {
    const bench = new Bench({ stepBudget: 512 });
    const first = bench.add(numbers(0, 1000));
    bench.step();
    expect(first.computed).toBe(512);
    const [late, other] = [bench.add([...numbers(0, 300), 1]), bench.add([...numbers(0, 63), 2])];
    bench.step();
    expect([late.slot, other.slot]).toEqual([1, 2]);
  });

  test('wait neither in another scope nor without one', () => {
    const bench = new Bench();
    bench.add(numbers(0, 1000), 'a');
    const others = [bench.add(numbers(0, 1000), 'b')];
    const nobodys = createSequence(99, numbers(0, 1000), {});
    bench.scheduler.add(nobodys);
    bench.step();
    expect([...others, nobodys].every(({ slot }) => slot !== undefined)).toBe(true);
  });

  test('are never those of a choice that waits for the first one of its request', () => {
    const bench = new Bench({ stepBudget: 64 });
    const leader = bench.add(numbers(0, 400));
    const follower = createSequence(98, numbers(0, 400), { leader, scope: '' });
    bench.scheduler.add(follower);
    const late = bench.add(numbers(0, 400));
    bench.step();
    expect([leader.stops, follower.stops]).toEqual([[384], []]);
    while (late.slot === undefined) bench.step();
    expect(late.reused).toBe(384);
  });
});

test('stops ascend, whoever asks for them, and are forgotten with the lane', () => {
  const bench = new Bench();
  const sequence = bench.add(numbers(0, 1000));
  bench.step();
  bench.scheduler.stopAt(sequence, [640, 960]);
  bench.scheduler.stopAt(sequence, [512, 640]);
  expect(sequence.stops).toEqual([512, 640, 960]);
  bench.scheduler.remove(sequence);
  expect(sequence.stops).toEqual([]);
});

test('every sequence ends with its own tokens, whatever prompts share and whoever leaves', () => {
  const job = fc.record({
    promptLength: fc.integer({ min: 1, max: 400 }),
    generate: fc.integer({ min: 1, max: 20 }),
    choices: fc.integer({ min: 1, max: 2 }),
    arrives: fc.nat(30),
    leavesAfter: fc.option(fc.nat(30), { nil: undefined, freq: 4 }),
    scope: fc.constantFrom(undefined, 'a', 'b'),
  });
  const outcome = fc.constantFrom(
    'ok' as const,
    'ok' as const,
    'ok' as const,
    'no-cells' as const,
    'lost' as const,
  );
  fc.assert(
    fc.property(
      fc.array(job, { minLength: 2, maxLength: 12 }),
      fc.array(outcome, { maxLength: 60 }),
      fc.record({
        slots: fc.integer({ min: 2, max: 5 }),
        extra: fc.nat(3),
        cells: fc.integer({ min: 450, max: 3000 }),
      }),
      (jobs: Job[], outcomes, { slots, extra, cells }) => {
        const limits = {
          slots,
          lanes: slots + extra,
          cells,
          residentCells: 400,
          stepBudget: 96,
          canCut: false,
        };
        const drive = new SchedulerDrive(limits, jobs);
        drive.run(outcomes);
        const stay = jobs.filter(({ leavesAfter }) => leavesAfter === undefined);
        const whole = drive.finished.filter(({ job: { leavesAfter } }) => leavesAfter === undefined);
        expect(whole).toHaveLength(stay.reduce((sum, { choices }) => sum + choices, 0));
      },
    ),
    { numRuns: 150 },
  );
});
