import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Batch } from '../core/batch.js';
import type { Token } from '../core/generation.js';
import type { Priority } from '../core/standing.js';
import { createSequence, type Sequence } from '../core/sequence.js';
import { schedule } from '../testing/schedule.js';
import { SchedulerDrive, type Outcome } from '../testing/scheduler-drive.js';
import { Scheduler, type SchedulerLimits } from './scheduler.js';

const roomy: SchedulerLimits = { slots: 4, cells: 1000, stepBudget: 64 };

function prompt(length: number, from = 0): Token[] {
  return Array.from({ length }, (_, index) => from + index);
}

/** Rows of each sequence in a batch, as [sequence id, start, rows]. */
function rows(batch: Batch): [id: number, start: number, count: number][] {
  return batch.spans.map(({ sequenceId, start, tokens }) => [sequenceId, start, tokens.length]);
}

describe('one step', () => {
  test('an empty scheduler has nothing to do', () => {
    const scheduler = new Scheduler(roomy);
    expect(scheduler.idle).toBe(true);
    expect(schedule(scheduler)).toEqual({
      batch: { spans: [], rows: 0 },
      operations: [],
      placed: [],
      preempted: 0,
      emptied: [],
    });
  });

  test('a prompt that fits is computed whole, and its last row gives output', () => {
    const scheduler = new Scheduler(roomy);
    scheduler.add(createSequence(1, [7, 8, 9]));
    const { batch } = schedule(scheduler);
    expect(batch).toEqual({
      spans: [{ sequenceId: 1, slot: 0, start: 0, tokens: [7, 8, 9], output: true }],
      rows: 3,
    });
  });

  test('a long prompt is computed in steps of the budget, and only the last gives output', () => {
    const scheduler = new Scheduler({ ...roomy, stepBudget: 10 });
    scheduler.add(createSequence(1, prompt(24)));
    const seen = [0, 1, 2].map(() => {
      const { batch } = schedule(scheduler);
      scheduler.advance(batch);
      return batch.spans.map(({ start, tokens, output }) => ({ start, tokens, output }));
    });
    expect(seen).toEqual([
      [{ start: 0, tokens: prompt(10), output: false }],
      [{ start: 10, tokens: prompt(10, 10), output: false }],
      [{ start: 20, tokens: prompt(4, 20), output: true }],
    ]);
    expect(schedule(scheduler).batch.rows).toBe(0);
  });

  test('generating sequences come first, prompts fill what is left in order of arrival', () => {
    const scheduler = new Scheduler({ ...roomy, stepBudget: 10 });
    const generating = createSequence(1, prompt(4));
    scheduler.add(generating);
    scheduler.advance(schedule(scheduler).batch);
    scheduler.append(generating, 100);
    scheduler.add(createSequence(2, prompt(6)));
    scheduler.add(createSequence(3, prompt(6)));
    expect(rows(schedule(scheduler).batch)).toEqual([
      [1, 4, 1],
      [2, 0, 6],
      [3, 0, 3],
    ]);
  });

  test('a step that is not advanced is scheduled again as it was', () => {
    const scheduler = new Scheduler(roomy);
    scheduler.add(createSequence(1, prompt(4)));
    const { batch } = schedule(scheduler);
    expect(schedule(scheduler).batch).toEqual(batch);
  });

  test('a sequence waits while no slot is free', () => {
    const scheduler = new Scheduler({ ...roomy, slots: 1 });
    const first = createSequence(1, prompt(4));
    scheduler.add(first);
    scheduler.add(createSequence(2, prompt(4)));
    schedule(scheduler);
    expect([scheduler.running.length, scheduler.waiting.length]).toEqual([1, 1]);
    scheduler.remove(first);
    expect(scheduler.takeOperations()).toEqual([{ kind: 'empty', lane: 0 }]);
    expect(rows(schedule(scheduler).batch)).toEqual([[2, 0, 4]]);
  });

  test('a sequence waits while there are no cells for it, and those behind it wait too', () => {
    const scheduler = new Scheduler({ ...roomy, cells: 200 });
    scheduler.add(createSequence(1, prompt(100)));
    scheduler.add(createSequence(2, prompt(90)));
    scheduler.add(createSequence(3, prompt(5)));
    schedule(scheduler);
    expect(scheduler.running.map(({ id }) => id)).toEqual([1]);
    expect(scheduler.waiting.map(({ id }) => id)).toEqual([2, 3]);
  });

  test('a sequence that fills all cells runs when it is alone', () => {
    const scheduler = new Scheduler({ ...roomy, cells: 50 });
    scheduler.add(createSequence(1, prompt(50)));
    expect(schedule(scheduler).batch.rows).toBe(50);
  });

  test('a waiting sequence can be removed, and has no slot to empty', () => {
    const scheduler = new Scheduler({ ...roomy, slots: 1 });
    const waiting = createSequence(2, prompt(4));
    scheduler.add(createSequence(1, prompt(4)));
    scheduler.add(waiting);
    schedule(scheduler);
    scheduler.remove(waiting);
    expect(scheduler.takeOperations()).toEqual([]);
    expect(scheduler.waiting).toEqual([]);
  });
});

describe('preemption', () => {
  /** Two sequences of 40 tokens in 120 cells, both computed and growing. */
  function growing(): { scheduler: Scheduler; old: Sequence; young: Sequence } {
    const scheduler = new Scheduler({ ...roomy, cells: 120 });
    const [old, young] = [createSequence(1, prompt(40)), createSequence(2, prompt(40))];
    scheduler.add(old);
    scheduler.add(young);
    for (let step = 0; step < 2; step++) scheduler.advance(schedule(scheduler).batch);
    return { scheduler, old, young };
  }

  test('the newest sequence loses its cells when they run out', () => {
    const { scheduler, old, young } = growing();
    for (let token = 0; token < 20; token++) {
      scheduler.append(old, token);
      scheduler.append(young, token);
    }
    expect(scheduler.usedCells).toBe(120);
    expect(schedule(scheduler).emptied).toEqual([]);
    scheduler.append(old, 20);
    const slot = young.slot;
    const { batch, emptied } = schedule(scheduler);
    expect(emptied).toEqual([slot]);
    expect(batch.spans.map(({ sequenceId }) => sequenceId)).toEqual([1]);
    expect(young).toMatchObject({ slot: undefined, computed: 0 });
    expect(young.tokens).toHaveLength(60);
  });

  test('a preempted sequence comes back before the ones that wait, with all its tokens', () => {
    const { scheduler, old, young } = growing();
    scheduler.append(young, 500);
    scheduler.add(createSequence(3, prompt(10)));
    scheduler.preempt();
    expect(scheduler.waiting.map(({ id }) => id)).toEqual([2, 3]);
    scheduler.remove(old);
    expect(rows(schedule(scheduler).batch)).toEqual([
      [2, 0, 41],
      [3, 0, 10],
    ]);
    expect(young.tokens.at(-1)).toBe(500);
  });

  describe('among priorities', () => {
    const make = (id: number, priority: Priority, length = 20, leader?: Sequence): Sequence =>
      createSequence(id, prompt(length), { leader, standing: { priority, fairnessKey: '' } });
    const policy = { order: 'shortest', interTokenTarget: Infinity } as const;

    function running(...sequences: Sequence[]): Scheduler {
      const scheduler = new Scheduler({ slots: 8, cells: 2000, stepBudget: 512, policy });
      for (const sequence of sequences) scheduler.add(sequence);
      scheduler.advance(schedule(scheduler).batch);
      return scheduler;
    }

    test('the newest of the lowest loses its cells first', () => {
      const sequences = [make(1, 'batch'), make(2, 'high'), make(3, 'batch'), make(4, 'normal')];
      const scheduler = running(...sequences);
      const slots = sequences.map(({ slot }) => slot);
      const lost = [1, 2, 3].map(() => scheduler.preempt());
      expect(lost).toEqual([slots[2], slots[0], slots[3]]);
      expect(scheduler.running.map(({ id }) => id)).toEqual([2]);
    });

    test('one that lost its cells waits before others of its priority, and behind higher ones', () => {
      const [first, lost] = [make(1, 'normal', 60), make(2, 'normal', 60)];
      const scheduler = running(first, lost);
      scheduler.preempt();
      scheduler.add(make(3, 'normal', 5));
      scheduler.add(make(4, 'high', 90));
      schedule(scheduler);
      expect(scheduler.running.map(({ id }) => id)).toEqual([1, 4, 2, 3]);
    });

    test('one that was overtaken twice keeps its cells', () => {
      const low = make(1, 'batch');
      const scheduler = running(low);
      for (let id = 2; id <= 4; id++) {
        scheduler.add(make(id, 'high'));
        schedule(scheduler);
        scheduler.preempt();
        expect(low.slot === undefined).toBe(id < 4);
        schedule(scheduler);
      }
    });

    test('followers go before the leader that they wait for', () => {
      const leader = make(1, 'batch', 600);
      const [one, two] = [make(2, 'batch', 600, leader), make(3, 'batch', 600, leader)];
      const scheduler = running(leader, one, two, make(4, 'high'));
      for (const expected of [two, one, leader]) {
        const { slot } = expected;
        expect(scheduler.preempt()).toBe(slot);
      }
    });
  });

  test('the last running sequence is never preempted', () => {
    const scheduler = new Scheduler(roomy);
    expect(scheduler.preempt()).toBeUndefined();
    scheduler.add(createSequence(1, prompt(4)));
    schedule(scheduler);
    expect(scheduler.preempt()).toBeUndefined();
    expect(scheduler.running).toHaveLength(1);
  });

  test('after the library refused a batch, less is promised until nothing runs', () => {
    const { scheduler, old, young } = growing();
    scheduler.append(old, 1);
    scheduler.append(young, 1);
    schedule(scheduler);
    scheduler.refused();
    expect(schedule(scheduler).emptied).toHaveLength(1);
    expect(scheduler.running).toEqual([old]);
    for (let step = 0; step < 5; step++) {
      scheduler.advance(schedule(scheduler).batch);
      scheduler.append(old, step);
    }
    expect(scheduler.running).toEqual([old]);
    scheduler.remove(old);
    scheduler.add(createSequence(3, prompt(40)));
    schedule(scheduler);
    expect(scheduler.running).toHaveLength(2);
  });
});

describe('sequences that share a prompt', () => {
  function family(count: number, limits = roomy): { scheduler: Scheduler; family: Sequence[] } {
    const scheduler = new Scheduler(limits);
    const leader = createSequence(1, prompt(40));
    const sequences = [leader];
    for (let id = 2; id <= count; id++) sequences.push(createSequence(id, prompt(40), { leader }));
    for (const sequence of sequences) scheduler.add(sequence);
    return { scheduler, family: sequences };
  }

  test('the first computes it, the others wait and then share it', () => {
    const {
      scheduler,
      family: [leader, ...others],
    } = family(3);
    if (leader === undefined) throw new Error('no leader');
    const { batch } = schedule(scheduler);
    expect(rows(batch)).toEqual([[1, 0, 40]]);
    scheduler.advance(batch);
    expect(scheduler.followers(leader)).toEqual(others);
    for (const follower of others) scheduler.share(follower);
    for (const sequence of [leader, ...others]) scheduler.append(sequence, 99);
    expect(scheduler.usedCells).toBe(40 + 3);
    expect(rows(schedule(scheduler).batch)).toEqual([
      [1, 40, 1],
      [2, 40, 1],
      [3, 40, 1],
    ]);
  });

  test('the prompt is counted until the last of them ends', () => {
    const { scheduler, family: sequences } = family(2);
    const [leader, follower] = sequences;
    if (leader === undefined || follower === undefined) throw new Error('no family');
    scheduler.advance(schedule(scheduler).batch);
    scheduler.share(follower);
    scheduler.remove(leader);
    expect(scheduler.usedCells).toBe(40);
    scheduler.remove(follower);
    expect(scheduler.usedCells).toBe(0);
  });

  test('when the first leaves in the middle, another one computes the prompt', () => {
    const {
      scheduler,
      family: [leader, follower],
    } = family(2, { ...roomy, stepBudget: 10 });
    if (leader === undefined || follower === undefined) throw new Error('no family');
    scheduler.advance(schedule(scheduler).batch);
    scheduler.remove(leader);
    expect(rows(schedule(scheduler).batch)).toEqual([[2, 0, 10]]);
  });

  test('one that gets its slot too late computes the prompt itself', () => {
    const {
      scheduler,
      family: [leader, follower],
    } = family(2, { ...roomy, slots: 1 });
    if (leader === undefined || follower === undefined) throw new Error('no family');
    scheduler.advance(schedule(scheduler).batch);
    scheduler.append(leader, 1);
    scheduler.remove(leader);
    expect(rows(schedule(scheduler).batch)).toEqual([[2, 0, 40]]);
  });

  test('one does not wait for a first that has generated already and lost its cells', () => {
    const scheduler = new Scheduler({ slots: 2, cells: 150, stepBudget: 64 });
    const [other, leader] = [createSequence(1, prompt(20)), createSequence(2, prompt(40))];
    const follower = createSequence(3, prompt(40), { leader });
    for (const sequence of [other, leader, follower]) scheduler.add(sequence);
    scheduler.advance(schedule(scheduler).batch);
    scheduler.append(leader, 1);
    scheduler.preempt();
    scheduler.remove(other);
    const { batch } = schedule(scheduler);
    // The leader's cells will hold more than the prompt when they are computed: they can not be shared then.
    expect(rows(batch)).toEqual([
      [2, 0, 41],
      [3, 0, 23],
    ]);
  });
});

describe('whatever comes', () => {
  const limits = fc.record({
    slots: fc.integer({ min: 1, max: 6 }),
    cells: fc.integer({ min: 64, max: 400 }),
    stepBudget: fc.integer({ min: 1, max: 48 }),
    outputRows: fc.integer({ min: 6, max: 24 }),
  });
  const job = fc.record({
    promptLength: fc.integer({ min: 1, max: 50 }),
    generate: fc.integer({ min: 1, max: 14 }),
    choices: fc.integer({ min: 1, max: 4 }),
    measures: fc.constantFrom(
      undefined,
      undefined,
      'logits' as const,
      'embeddings' as const,
      'last embedding' as const,
    ),
    arrives: fc.integer({ min: 0, max: 30 }),
    leavesAfter: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined, freq: 6 }),
  });
  const outcomes = fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.constant<Outcome>('ok') },
      { weight: 1, arbitrary: fc.constantFrom<Outcome>('aborted', 'no-cells', 'lost') },
    ),
    { maxLength: 120 },
  );

  test('every step is one the cache can do, and every sequence that stays completes', () => {
    fc.assert(
      fc.property(limits, fc.array(job, { minLength: 1, maxLength: 10 }), outcomes, (room, jobs, steps) => {
        const drive = new SchedulerDrive(room, jobs);
        drive.run(steps);
        for (const staying of jobs.filter(({ leavesAfter }) => leavesAfter === undefined)) {
          expect(drive.finished.filter((done) => done.job === staying)).toHaveLength(staying.choices);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('so it is where finished sequences stay in the cache, and others share what they left', () => {
    const shared = fc.tuple(job, fc.constantFrom(undefined, '', '', 'other'));
    const cache = fc.record({
      extra: fc.integer({ min: 0, max: 5 }),
      residentCells: fc.constantFrom(0, 20, 60, 200),
      canCut: fc.boolean(),
    });
    fc.assert(
      fc.property(
        limits,
        cache,
        fc.array(shared, { minLength: 1, maxLength: 12 }),
        outcomes,
        (room, kept, given, steps) => {
          const jobs = given.map(([one, scope]) => ({ ...one, scope }));
          const { extra, residentCells, canCut } = kept;
          const lanes = room.slots + extra;
          const drive = new SchedulerDrive({ ...room, lanes, residentCells, canCut }, jobs);
          drive.run(steps);
          for (const staying of jobs.filter(({ leavesAfter }) => leavesAfter === undefined)) {
            expect(drive.finished.filter((done) => done.job === staying)).toHaveLength(staying.choices);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('so it is with priorities, keys, targets, and measurements that make no sense', () => {
    const standing = fc.record({
      priority: fc.constantFrom('high' as const, 'normal' as const, 'batch' as const),
      fairnessKey: fc.constantFrom('', 'a', 'b'),
    });
    const policy = fc.record({
      order: fc.constant('shortest' as const),
      interTokenTarget: fc.constantFrom(1, 20, 150, Infinity),
    });
    const jobs = fc.array(
      fc.tuple(job, standing).map(([one, place]) => ({ ...one, standing: place })),
      { minLength: 1, maxLength: 10 },
    );
    fc.assert(
      fc.property(limits, policy, jobs, outcomes, (room, how, given, steps) => {
        const drive = new SchedulerDrive({ ...room, policy: how }, given);
        drive.run(steps);
        for (const staying of given.filter(({ leavesAfter }) => leavesAfter === undefined)) {
          expect(drive.finished.filter((done) => done.job === staying)).toHaveLength(staying.choices);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('with room for all, choices share one prompt whatever the order is', () => {
    fc.assert(
      fc.property(fc.array(job, { minLength: 1, maxLength: 5 }), (given) => {
        const jobs = given.map((one) => ({ ...one, leavesAfter: undefined }));
        const policy = { order: 'shortest', interTokenTarget: 150 } as const;
        const room = { slots: 20, cells: 20 * 100 + 20 * 32, stepBudget: 64, policy };
        const drive = new SchedulerDrive(room, jobs);
        drive.run([]);
        const needed = jobs.map(({ promptLength, generate, choices, measures }) =>
          measures === undefined ? promptLength + choices * (generate - 1) : choices * promptLength,
        );
        expect(drive.computedRows).toBe(needed.reduce((sum, count) => sum + count, 0));
      }),
      { numRuns: 200 },
    );
  });

  test('sequences are admitted in the order they came', () => {
    fc.assert(
      fc.property(limits, fc.array(job, { minLength: 1, maxLength: 10 }), outcomes, (room, jobs, steps) => {
        const drive = new SchedulerDrive(room, jobs);
        drive.run(steps);
        expect(drive.admitted).toEqual(drive.admitted.toSorted((a, b) => a - b));
      }),
      { numRuns: 300 },
    );
  });

  test('with room for all, every prompt is computed once, however many share it', () => {
    fc.assert(
      fc.property(fc.array(job, { minLength: 1, maxLength: 5 }), (given) => {
        const jobs = given.map((one) => ({ ...one, leavesAfter: undefined }));
        const drive = new SchedulerDrive({ slots: 20, cells: 20 * 100 + 20 * 32, stepBudget: 64 }, jobs);
        drive.run([]);
        const needed = jobs.map(({ promptLength, generate, choices, measures }) =>
          measures === undefined ? promptLength + choices * (generate - 1) : choices * promptLength,
        );
        expect(drive.computedRows).toBe(needed.reduce((sum, count) => sum + count, 0));
      }),
      { numRuns: 200 },
    );
  });
});
