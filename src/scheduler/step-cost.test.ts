import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attendedBy, loadOf, noLoad, StepCost, type StepLoad } from './step-cost.js';

const load = (rows: number, outputs = 0, attended = 0): StepLoad => ({ rows, outputs, attended });

describe('the load of a batch', () => {
  test('has its rows, those with results, and the tokens that they attend to', () => {
    const spans = [
      { sequenceId: 1, slot: 0, start: 100, tokens: [1], output: true },
      { sequenceId: 2, slot: 1, start: 0, tokens: [1, 2, 3], output: false },
      { sequenceId: 3, slot: 2, start: 10, tokens: [1, 2], output: true, outputFrom: 0 },
    ];
    expect(loadOf({ spans, rows: 6 })).toEqual({
      rows: 6,
      outputs: 3,
      attended: 101 + (1 + 2 + 3) + (11 + 12),
    });
    expect(loadOf({ spans, rows: 6, embeds: true }).outputs).toBe(6);
  });

  test('is nothing when it is empty', () => {
    expect(loadOf({ spans: [], rows: 0 })).toEqual(noLoad);
    expect(attendedBy(5, 0)).toBe(0);
  });
});

describe('what steps cost', () => {
  test('is unknown before one was measured', () => {
    const cost = new StepCost();
    expect([cost.known, cost.predict(load(100))]).toEqual([false, 0]);
    cost.learn(load(0), 10);
    cost.learn(load(10), Number.NaN);
    expect(cost.known).toBe(false);
  });

  test('is thought to be in the rows after one was measured, which is careful', () => {
    const cost = new StepCost();
    cost.learn(load(10, 1, 55), 30);
    expect(cost.predict(load(100, 1, 5050))).toBeGreaterThan(150);
  });

  test('is known after a few steps, also where parts of it cost nothing or come in one proportion', () => {
    const cost = new StepCost();
    const of = (rows: number): StepLoad => load(rows, rows, attendedBy(0, rows));
    for (const rows of [1, 30, 59, 88, 117]) cost.learn(of(rows), 20 + 2 * rows);
    for (const rows of [50, 200, 400]) {
      const ratio = cost.predict(of(rows)) / (20 + 2 * rows);
      expect(ratio).toBeGreaterThan(0.85);
      expect(ratio).toBeLessThan(1.15);
    }
  });

  test('of a single row is a matter of its own, and moves nothing else', () => {
    const cost = new StepCost();
    for (let rows = 2; rows < 60; rows += 3) cost.learn(load(rows, 1), 35 + 6 * rows);
    const before = cost.predict(load(32, 1));
    for (let index = 0; index < 500; index++) cost.learn(load(1, 1), 25);
    expect(cost.predict(load(1, 1))).toBeCloseTo(25, 0);
    expect(cost.predict(load(32, 1)) / before).toBeCloseTo(1, 1);
  });

  test('is that of whole tiles', () => {
    const cost = new StepCost();
    for (let rows = 2; rows < 60; rows += 3) cost.learn(load(rows, 1), 35 + 24 * Math.ceil(rows / 4));
    expect(cost.predict(load(17, 1))).toBe(cost.predict(load(20, 1)));
    expect(cost.predict(load(20, 1)) / (35 + 24 * 5)).toBeCloseTo(1, 1);
  });

  test('grows with how far sequences have come', () => {
    const cost = new StepCost();
    for (let index = 0; index < 60; index++) {
      const attended = attendedBy(index * 64, 64);
      cost.learn(load(64, 0, attended), 10 + 64 + attended / 1024);
    }
    const [near, far] = [0, 8192].map((start) => cost.predict(load(64, 0, attendedBy(start, 64))));
    expect(far).toBeGreaterThan(4 * (near ?? 0));
  });

  test('is right again soon after measurements that make no sense', () => {
    const absurd = fc.oneof(
      fc.constant(0),
      fc.constant(-1),
      fc.double({ min: 5, max: 500 }),
      fc.double({ min: 1e4, max: 1e9 }),
    );
    const sane = (rows: number, attended: number): number => 20 + 4 * rows + attended / 1024;
    fc.assert(
      fc.property(fc.array(absurd, { maxLength: 30 }), fc.nat(30), (nonsense, before) => {
        const cost = new StepCost();
        const measure = (index: number, milliseconds?: number): void => {
          const rows = 1 + ((index * 29) % 120);
          const attended = attendedBy((index * 300) % 4000, rows);
          cost.learn(load(rows, 1, attended), milliseconds ?? sane(rows, attended));
        };
        for (let index = 0; index < before; index++) measure(index);
        for (const [index, milliseconds] of nonsense.entries()) measure(index, milliseconds);
        for (let index = 0; index < 60; index++) measure(index);
        const ratio = cost.predict(load(64, 1, attendedBy(500, 64))) / sane(64, attendedBy(500, 64));
        expect(ratio).toBeGreaterThan(0.7);
        expect(ratio).toBeLessThan(1.4);
      }),
      { numRuns: 500 },
    );
  });

  test('is another with fewer threads, and the old one when they are back', () => {
    const cost = new StepCost(4);
    const measure = (factor: number): void => {
      for (let index = 0; index < 30; index++) cost.learn(load(1 + index), factor * (10 + 2 * index));
    };
    measure(1);
    const before = cost.predict(load(20));
    cost.setThreads(1);
    expect(cost.predict(load(200)) / before).toBeGreaterThan(10);
    measure(3);
    cost.setThreads(4);
    expect(cost.predict(load(20))).toBe(before);
  });

  test('may be less than what a disturbed step says of attention in wide ones', () => {
    const cost = new StepCost();
    const machine = ({ rows, attended }: StepLoad): number =>
      20 + 2 * rows + ((rows < 64 ? 4 : 1) * attended) / 1024;
    for (let index = 0; index < 200; index++) {
      const rows = 4 + ((index * 29) % 59);
      const narrow = load(rows, 3, attendedBy((index * 300) % 2000, rows));
      cost.learn(narrow, machine(narrow));
    }
    // Little attention, and twice the time: all of it seems to be attention's.
    const disturbed = load(96, 3, attendedBy(0, 96));
    cost.learn(disturbed, 2 * machine(disturbed));
    const far = load(64, 3, attendedBy(1000, 64));
    expect(cost.predict(far)).toBeGreaterThan(1.3 * machine(far));
    expect(cost.hope(far)).toBeLessThan(1.1 * machine(far));
    // It is not hoped that rows cost nothing.
    expect(cost.hope(far)).toBeGreaterThan(0.6 * machine(far));
    cost.learn(far, machine(far));
    expect(cost.predict(far) / machine(far)).toBeCloseTo(1, 0);
  });
});
