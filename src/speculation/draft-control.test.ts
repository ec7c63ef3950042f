import { describe, expect, test } from 'vitest';
import { DraftControl } from './draft-control.js';

/** Milliseconds of steps: a single row is a computation of its own, as on a CPU. */
interface Machine {
  readonly single: number;
  readonly step: number;
  readonly row: number;
}

/** Reading the weights takes most of a step: rows cost little. */
const waiting: Machine = { single: 30, step: 29, row: 2 };
/** Arithmetic takes most of it. */
const computing: Machine = { single: 30, step: 12, row: 18 };

interface Text {
  /** How often the next token of a draft is right. */
  readonly acceptance: number;
  /** How often there is something to draft. */
  readonly offered?: number;
  readonly grade?: number;
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}

/**
 * Tokens that sequences generate in so many steps, and how much faster than without drafts.
 * @param options.off by how much steps take longer than predicted where they have drafts
 */
function simulate(
  machine: Machine,
  texts: readonly Text[],
  options: { steps?: number; sequences?: number; off?: number; control?: DraftControl; seed?: number } = {},
): { gain: number; drafted: number; last: number } {
  const { steps = 3000, sequences = 1, off = 1, control = new DraftControl(), seed = 1 } = options;
  const draw = random(seed);
  const cost = (drafts: number): number =>
    sequences + drafts === 1 ? machine.single : machine.step + machine.row * (sequences + drafts);
  let [time, plainTime, drafted, last] = [0, 0, 0, 0];
  for (let step = 0; step < steps; step++) {
    const text = texts[Math.floor((step / steps) * texts.length)] ?? { acceptance: 0 };
    const { acceptance, offered = 1, grade = 0 } = text;
    const offers = Array.from({ length: sequences }, (_, sequenceId) => ({
      sequenceId,
      grade,
      length: draw() < offered ? 15 : 0,
    }));
    const counts = control.choose(offers, { rows: 60, generating: sequences, cost });
    let [rows, accepted] = [0, 0];
    for (const [index, offer] of offers.entries()) {
      const count = counts[index] ?? 0;
      if (count > offer.length) throw new Error('more was chosen than there is');
      let right = 0;
      while (right < count && draw() < acceptance) right++;
      control.verified(offer, count, right);
      [rows, accepted] = [rows + count, accepted + right];
    }
    const noise = 1 + 0.1 * (draw() - 0.5);
    const measured = cost(rows) * noise * (rows > 0 ? off : 1);
    control.settle({
      plain: cost(0),
      predicted: cost(rows),
      measured,
      generating: sequences,
      drafted: rows,
      accepted,
    });
    time += measured;
    plainTime += (cost(0) * (sequences + accepted)) / sequences;
    drafted += rows;
    if (rows > 0) last = step;
  }
  return { gain: plainTime / time, drafted, last };
}

describe('drafts that are never right', () => {
  test.each([
    ['few rows cost little', waiting],
    ['rows cost much', computing],
  ])('cost no more than 2 %% where %s', (_, machine) => {
    for (const sequences of [1, 2, 4]) {
      for (const grade of [0, 1, 2]) {
        for (let seed = 1; seed <= 4; seed++) {
          const { gain } = simulate(machine, [{ acceptance: 0, grade }], { sequences, seed });
          expect(gain).toBeGreaterThan(0.98);
        }
      }
    }
  });

  test('are tried again now and then', () => {
    const { drafted, last } = simulate(waiting, [{ acceptance: 0 }]);
    expect(drafted).toBeLessThan(500);
    expect(last).toBeGreaterThan(2500);
  });
});

test('drafts that are seldom right cost no more than 2 %', () => {
  for (const acceptance of [0.02, 0.05, 0.1, 0.2, 0.3]) {
    for (const machine of [waiting, computing]) {
      for (const offered of [0.2, 1]) {
        const { gain } = simulate(machine, [{ acceptance, offered }], { steps: 5000 });
        expect(gain).toBeGreaterThan(0.98);
      }
    }
  }
});

test('steps that take longer than predicted cost no more than 2 %', () => {
  for (const acceptance of [0.2, 0.4, 0.6]) {
    const { gain } = simulate(waiting, [{ acceptance }], { off: 2 });
    expect(gain).toBeGreaterThan(0.98);
  }
});

describe('drafts that are right', () => {
  test('make tokens come faster', () => {
    expect(simulate(waiting, [{ acceptance: 0.95 }]).gain).toBeGreaterThan(3);
    expect(simulate(waiting, [{ acceptance: 0.7 }]).gain).toBeGreaterThan(1.5);
    expect(simulate(computing, [{ acceptance: 0.95 }]).gain).toBeGreaterThan(1.1);
  });

  test('are as long as it pays', () => {
    const long = simulate(waiting, [{ acceptance: 0.95 }], { steps: 500 }).drafted;
    const short = simulate(computing, [{ acceptance: 0.95 }], { steps: 500 }).drafted;
    expect(long).toBeGreaterThan(2 * short);
  });

  test('are found again after text that has none', () => {
    const texts = [{ acceptance: 0 }, { acceptance: 0.95 }];
    expect(simulate(waiting, texts).gain).toBeGreaterThan(1.8);
  });

  test('lose no more than they gained when they are right no longer', () => {
    const texts = Array.from({ length: 20 }, (_, index) => ({ acceptance: index % 2 === 0 ? 0.9 : 0 }));
    expect(simulate(waiting, texts).gain).toBeGreaterThan(1.4);
  });
});

test('a sequence that copies has drafts although others in the step do not', () => {
  const control = new DraftControl();
  const room = { rows: 30, generating: 2, cost: (drafts: number) => 30 + 2 * (2 + drafts) };
  const offer = (sequenceId: number) => ({ sequenceId, grade: 1, length: 8 });
  for (let step = 0; step < 20; step++) {
    control.verified(offer(1), 4, 4);
    control.verified(offer(2), 4, 0);
  }
  const [copying = 0, other = 0] = control.choose([offer(1), offer(2)], room);
  expect(copying).toBe(8);
  expect(other).toBeLessThanOrEqual(1);
});

test('rows are shared out by what is left of them', () => {
  const control = new DraftControl();
  const offers = [0, 1, 2].map((sequenceId) => ({ sequenceId, grade: 2, length: 15 }));
  const room = { rows: 7, generating: 3, cost: () => 30 };
  const counts = control.choose(offers, room);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(7);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
});

test('nothing is drafted as long as no step was measured', () => {
  const room = { rows: 7, generating: 1, cost: () => 0 };
  expect(new DraftControl().choose([{ sequenceId: 1, grade: 2, length: 5 }], room)).toEqual([0]);
});
