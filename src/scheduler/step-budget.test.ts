import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSequence, type RowResults, type Sequence } from '../core/sequence.js';
import { StepBudget } from './step-budget.js';
import { attendedBy, noLoad, StepCost, type StepLoad } from './step-cost.js';

/** Rows cost 2 ms, and a step 20 or another time. */
function measured(step = 20): StepCost {
  const cost = new StepCost();
  for (let index = 0; index < 80; index++) {
    const rows = 1 + ((index * 29) % 120);
    const [outputs, attended] = [(index * 7) % 31, attendedBy((index * 300) % 4000, rows)];
    cost.learn({ rows, outputs, attended }, step + 2 * rows);
  }
  return cost;
}

/** As {@link measured}, where every row has a result. */
function measuredEncoder(): StepCost {
  const cost = new StepCost();
  for (let index = 0; index < 80; index++) {
    const rows = 1 + ((index * 29) % 400);
    cost.learn({ rows, outputs: rows, attended: attendedBy(0, rows) }, 20 + 2 * rows);
  }
  return cost;
}

function sequence(computed: number, results?: RowResults): Sequence {
  return Object.assign(createSequence(1, [], { results }), { computed });
}

const generating = (rows: number): StepLoad => ({ rows, outputs: rows, attended: 100 * rows });
const budget = (load: StepLoad, target = 150, cost = measured()): StepBudget =>
  new StepBudget(cost, { target, generating: load, whole: false });

describe('prompt rows of a step', () => {
  test('are as many as the target allows while somebody generates', () => {
    const rows = budget(generating(3)).rowsFor(sequence(0), 4000);
    expect(rows).toBeGreaterThan(55);
    expect(rows).toBeLessThan(66);
    expect((3 + rows) % 4).toBe(0);
  });

  test('are four times the time when nobody does', () => {
    const rows = budget(noLoad).rowsFor(sequence(0), 4000);
    expect(rows).toBeGreaterThan(260);
    expect(rows).toBeLessThan(300);
    expect(rows % 16).toBe(0);
  });

  test('are more when nobody does, where a step costs much whatever its rows are', () => {
    const rows = budget(noLoad, 150, measured(200)).rowsFor(sequence(0), 40_000);
    // 24 times 200 ms: what is lost is less than a twentieth.
    expect(rows).toBeGreaterThan(1900);
    expect(rows).toBeLessThan(2600);
  });

  test('are all that a short prompt lacks, and others share what is left', () => {
    const step = budget(generating(3));
    expect(step.rowsFor(sequence(0), 20)).toBe(20);
    step.take(sequence(0), 20);
    const rest = step.rowsFor(sequence(0), 4000);
    expect(rest).toBeGreaterThan(34);
    expect(rest).toBeLessThan(48);
    step.take(sequence(0), rest);
    expect(step.rowsFor(sequence(0), 4000)).toBeLessThan(8);
  });

  test('have most of a step, which is stretched for that, but not by more than two fifths', () => {
    const [few, many] = [15, 30].map((streams) => budget(generating(streams)).rowsFor(sequence(0), 4000));
    // Generating takes 50 ms, and all of the step 227 at most, of which 210 are allowed; then 80 ms.
    expect(few).toBeGreaterThan(66);
    expect(few).toBeLessThan(82);
    expect(many).toBeGreaterThan(54);
    expect(many).toBeLessThan(67);
  });

  test('are some also when those that generate take all the time', () => {
    const step = budget(generating(400));
    const rows = step.rowsFor(sequence(0), 4000);
    expect(rows).toBeGreaterThanOrEqual(4);
    expect(rows).toBeLessThan(0.25 * 75 + 5);
    expect(budget(generating(3), 1).rowsFor(sequence(0), 4000)).toBe(4);
  });

  test('are few before anything was measured', () => {
    const step = budget(noLoad, 150, new StepCost());
    expect(step.rowsFor(sequence(0), 500)).toBe(64);
    step.take(sequence(0), 64);
    expect(step.rowsFor(sequence(0), 500)).toBe(0);
  });

  test('are not bounded without a target', () => {
    expect(budget(generating(3), Infinity).rowsFor(sequence(0), 100_000)).toBe(100_000);
  });

  test('that can not be computed in parts are whole: one prompt in any case, others when they fit', () => {
    const input = sequence(0, { from: 0, embeds: true });
    const whole = { target: 150, generating: noLoad, whole: true };
    const step = new StepBudget(measuredEncoder(), whole);
    expect(step.rowsFor(input, 250)).toBe(250);
    step.take(input, 250);
    expect(step.rowsFor(input, 10)).toBe(10);
    expect(step.rowsFor(input, 100)).toBe(0);
    expect(new StepBudget(measuredEncoder(), whole).rowsFor(input, 5000)).toBe(5000);
  });

  test('never take longer than is allowed, but for the least there is', () => {
    const cost = measured();
    const sizes = fc.integer({ min: 1, max: 3000 });
    fc.assert(
      fc.property(fc.nat(20), fc.array(fc.tuple(sizes, sizes), { maxLength: 6 }), (streams, prompts) => {
        const start = generating(streams);
        const step = budget(streams === 0 ? noLoad : start, 150, cost);
        let { rows, outputs, attended } = streams === 0 ? noLoad : start;
        for (const [computed, lacking] of prompts) {
          const count = step.rowsFor(sequence(computed), lacking);
          expect(count).toBeGreaterThanOrEqual(0);
          expect(count).toBeLessThanOrEqual(lacking);
          step.take(sequence(computed), count);
          rows += count;
          attended += attendedBy(computed, count);
        }
        const allowed =
          streams === 0
            ? 600
            : Math.max(150, cost.predict(start) + 37.5, Math.min(210, cost.predict(start) / 0.22));
        const predicted = rows > streams + 4 ? cost.predict({ rows, outputs, attended }) : 0;
        expect(predicted).toBeLessThanOrEqual(allowed);
      }),
    );
  });
});
