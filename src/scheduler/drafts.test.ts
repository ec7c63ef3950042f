import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Drafting, DraftRoom } from '../core/drafting.js';
import type { Token } from '../core/generation.js';
import { createSequence, type RowResults, type Sequence } from '../core/sequence.js';
import { schedule } from '../testing/schedule.js';
import { SchedulerDrive, type Outcome } from '../testing/scheduler-drive.js';
import { Scheduler, type SchedulerLimits } from './scheduler.js';

const roomy: SchedulerLimits = { slots: 4, cells: 1000, stepBudget: 64 };

/** Drafts the same for every sequence, as far as there is room, and notes what it was asked. */
class Always implements Drafting {
  readonly asked: { ids: number[]; room: DraftRoom }[] = [];
  readonly #tokens: readonly Token[];

  constructor(...tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  draft(sequences: readonly Sequence[], room: DraftRoom): Map<Sequence, readonly Token[]> {
    this.asked.push({ ids: sequences.map(({ id }) => id), room });
    let left = room.rows;
    const drafts = new Map<Sequence, readonly Token[]>();
    for (const sequence of sequences) {
      const tokens = this.#tokens.slice(0, left);
      if (tokens.length > 0) drafts.set(sequence, tokens);
      left -= tokens.length;
    }
    return drafts;
  }
}

/** A scheduler whose sequences, of 10 tokens, have all generated one. */
function generating(limits: SchedulerLimits, count: number): { scheduler: Scheduler; sequences: Sequence[] } {
  const scheduler = new Scheduler(limits);
  const sequences = Array.from({ length: count }, (_, index) =>
    createSequence(index + 1, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
  );
  for (const sequence of sequences) scheduler.add(sequence);
  const { batch } = schedule(scheduler);
  scheduler.advance(batch);
  scheduler.measured(batch, 30);
  for (const sequence of sequences) scheduler.append(sequence, 50 + sequence.id);
  return { scheduler, sequences };
}

describe('drafts', () => {
  test('are rows behind the one that the sequence lacks, all with results', () => {
    const { scheduler } = generating(roomy, 1);
    const batch = scheduler.chooseRows(new Always(7, 8));
    expect(batch).toEqual({
      spans: [
        { sequenceId: 1, slot: 0, start: 10, tokens: [51, 7, 8], output: true, outputFrom: 0, drafts: 2 },
      ],
      rows: 3,
    });
  });

  test('are in the cache as far as they are confirmed', () => {
    const { scheduler, sequences } = generating(roomy, 1);
    const [sequence] = sequences;
    if (sequence === undefined) throw new Error('no sequence');
    scheduler.advance(scheduler.chooseRows(new Always(7, 8)));
    expect(sequence.computed).toBe(11);
    scheduler.append(sequence, 7);
    scheduler.confirm(sequence);
    scheduler.append(sequence, 9);
    expect(sequence.computed).toBe(12);
    expect(sequence.tokens.slice(10)).toEqual([51, 7, 9]);
    expect(scheduler.chooseRows().spans).toMatchObject([{ start: 12, tokens: [9] }]);
    scheduler.remove(sequence);
    expect(scheduler.usedCells).toBe(0);
  });

  test('are not asked for where the memory can not be cut, nor before a step was measured', () => {
    const drafting = new Always(7);
    generating({ ...roomy, canCut: false }, 1).scheduler.chooseRows(drafting);
    const scheduler = new Scheduler(roomy);
    const sequence = createSequence(1, [1]);
    scheduler.add(sequence);
    scheduler.advance(schedule(scheduler).batch);
    scheduler.append(sequence, 2);
    scheduler.chooseRows(drafting);
    expect(drafting.asked).toEqual([]);
  });

  test('are not asked for while scores or embeddings want rows with results', () => {
    const drafting = new Always(7);
    const { scheduler } = generating(roomy, 1);
    const results: RowResults = { from: 0, embeds: false };
    scheduler.add(createSequence(9, [1, 2], { results }));
    scheduler.admit();
    scheduler.chooseRows(drafting);
    expect(drafting.asked).toEqual([]);
  });

  test('are not for a sequence that has not generated: others may wait for its prompt', () => {
    const { scheduler } = generating(roomy, 1);
    scheduler.add(createSequence(2, [1]));
    scheduler.admit();
    const drafting = new Always(7);
    const { spans } = scheduler.chooseRows(drafting);
    expect(drafting.asked.map(({ ids }) => ids)).toEqual([[1]]);
    expect(spans.map(({ tokens }) => tokens.length)).toEqual([2, 1]);
  });

  test('leave a row and a result to every running sequence', () => {
    for (const limits of [
      { ...roomy, outputRows: 7 },
      { ...roomy, stepBudget: 7 },
    ]) {
      const drafting = new Always(7, 8, 9);
      const tight = new Scheduler(limits);
      const sequences = [1, 2, 3].map((id) => createSequence(id, [id]));
      for (const sequence of sequences) tight.add(sequence);
      const { batch } = schedule(tight);
      tight.advance(batch);
      tight.measured(batch, 30);
      for (const sequence of sequences) tight.append(sequence, 40);
      tight.add(createSequence(4, [9, 9, 9]));
      tight.admit();
      const next = tight.chooseRows(drafting);
      expect(drafting.asked[0]?.room.rows).toBe(3);
      expect(next.spans.map(({ sequenceId }) => sequenceId)).toEqual([1, 2, 3, 4]);
    }
  });

  test('leave the cells that sequences were promised', () => {
    const { scheduler } = generating({ ...roomy, cells: 14 }, 1);
    const drafting = new Always(7, 8, 9, 10);
    const batch = scheduler.chooseRows(drafting);
    expect(drafting.asked[0]?.room.rows).toBe(14 - 11);
    expect(batch.rows).toBe(4);
  });

  test('stretch a step no further than to the inter-token target', () => {
    const rowsFor = (interTokenTarget: number): number => {
      const policy = { order: 'shortest', interTokenTarget, threads: 1 } as const;
      const { scheduler } = generating({ ...roomy, policy }, 1);
      for (let step = 0; step < 40; step++) {
        const rows = 1 + (step % 2) * 19;
        const tokens = Array.from({ length: rows }, () => 1);
        const span = { sequenceId: 99, slot: 0, start: 0, tokens, output: true, outputFrom: 0 };
        scheduler.measured({ spans: [span], rows }, 10 * rows);
      }
      const drafting = new Always(7);
      scheduler.chooseRows(drafting);
      return drafting.asked[0]?.room.rows ?? 0;
    };
    expect(rowsFor(Infinity)).toBe(63);
    expect(rowsFor(160)).toBeGreaterThan(8);
    expect(rowsFor(160)).toBeLessThan(20);
  });

  test('cost what the step is predicted to take with them', () => {
    const { scheduler } = generating(roomy, 2);
    const drafting = new Always(7);
    scheduler.chooseRows(drafting);
    const room = drafting.asked[0]?.room;
    expect(room?.generating).toBe(2);
    expect(room?.cost(0)).toBeGreaterThan(0);
    expect(room?.cost(10)).toBeGreaterThan(room?.cost(0) ?? Infinity);
  });
});

describe('whatever is drafted', () => {
  const job = fc.record({
    promptLength: fc.integer({ min: 1, max: 50 }),
    generate: fc.integer({ min: 1, max: 30 }),
    choices: fc.integer({ min: 1, max: 4 }),
    measures: fc.constantFrom(undefined, undefined, undefined, undefined, 'logits' as const),
    arrives: fc.integer({ min: 0, max: 30 }),
    leavesAfter: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined, freq: 6 }),
    scope: fc.constantFrom(undefined, '', 'other'),
    drafts: fc.constantFrom(0, 1, 3, 15),
  });
  const outcomes = fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.constant<Outcome>('ok') },
      { weight: 1, arbitrary: fc.constantFrom<Outcome>('aborted', 'no-cells') },
    ),
    { maxLength: 120 },
  );
  const limits = fc.record({
    slots: fc.integer({ min: 1, max: 6 }),
    cells: fc.integer({ min: 80, max: 400 }),
    stepBudget: fc.integer({ min: 1, max: 48 }),
    outputRows: fc.integer({ min: 6, max: 24 }),
    residentCells: fc.constantFrom(0, 20, 60, 200),
    policy: fc.record({
      order: fc.constantFrom('shortest' as const, 'arrival' as const),
      interTokenTarget: fc.constantFrom(20, 150, Infinity),
    }),
  });

  test('every step is one the cache can do, the cache holds what the books say, and every sequence has its tokens', () => {
    let [verified, right] = [0, 0];
    fc.assert(
      fc.property(
        limits,
        fc.integer({ min: 0, max: 5 }),
        fc.array(job, { minLength: 1, maxLength: 10 }),
        outcomes,
        (room, extra, jobs, steps) => {
          const drive = new SchedulerDrive({ ...room, lanes: room.slots + extra }, jobs);
          drive.run(steps);
          verified += drive.drafted.verified;
          right += drive.drafted.right;
          for (const staying of jobs.filter(({ leavesAfter }) => leavesAfter === undefined)) {
            expect(drive.finished.filter((done) => done.job === staying)).toHaveLength(staying.choices);
          }
        },
      ),
      { numRuns: 600 },
    );
    expect(right).toBeGreaterThan(1000);
    expect(verified).toBeGreaterThan(right);
  });
});
