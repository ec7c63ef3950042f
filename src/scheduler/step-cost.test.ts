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

  test('grows with how far sequences have come', () => {
    const cost = new StepCost();
    for (let index = 0; index < 60; index++) {
      const attended = attendedBy(index * 64, 64);
      cost.learn(load(64, 0, attended), 10 + 64 + attended / 1024);
    }
    const [near, far] = [0, 8192].map((start) => cost.predict(load(64, 0, attendedBy(start, 64))));
    expect(far).toBeGreaterThan(4 * (near ?? 0));
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
});
