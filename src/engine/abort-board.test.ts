import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { AbortBoard, laneCount } from './abort-board.js';

/** What the native library would read. */
const flag = (board: AbortBoard): number => Atomics.load(board.flag, 0);

describe('an abort board', () => {
  test('lets a step begin for a lane that was not cancelled', () => {
    const board = new AbortBoard();
    board.openLane(3);
    expect(board.enterStep(3)).toBe(true);
    expect(flag(board)).toBe(0);
  });

  test('aborts the step of the lane that is cancelled', () => {
    const board = new AbortBoard();
    board.enterStep(3);
    board.cancel(3);
    expect(flag(board)).toBe(1);
    board.leaveStep(3);
    expect(flag(board)).toBe(0);
  });

  test('does not abort the steps of other lanes, or of none', () => {
    const board = new AbortBoard();
    board.enterStep(3);
    board.cancel(4);
    board.leaveStep(3);
    board.enterStep(undefined);
    board.cancel(5);
    expect(flag(board)).toBe(0);
  });

  test('does not abort a step that is over', () => {
    const board = new AbortBoard();
    board.enterStep(3);
    board.leaveStep(3);
    board.cancel(3);
    expect(flag(board)).toBe(0);
  });

  test('keeps the step of a cancelled lane from beginning, until the lane is opened again', () => {
    const board = new AbortBoard();
    board.cancel(3);
    expect(board.isCancelled(3)).toBe(true);
    expect(board.enterStep(3)).toBe(false);
    board.leaveStep(3);
    board.openLane(3);
    expect(board.isCancelled(3)).toBe(false);
    expect(board.enterStep(3)).toBe(true);
  });

  test('begins every step with the flag down, even if a late cancel raised it', () => {
    const board = new AbortBoard();
    Atomics.store(board.flag, 0, 1);
    board.enterStep(3);
    expect(flag(board)).toBe(0);
  });

  test('aborts the running step of every lane when all is cancelled, and lets none begin after that', () => {
    const board = new AbortBoard();
    board.enterStep(undefined);
    board.cancelAll();
    expect(flag(board)).toBe(1);
    board.leaveStep(undefined);
    expect(board.enterStep(undefined)).toBe(false);
    expect(board.enterStep(3)).toBe(false);
  });

  test('cancels a load without touching the flag', () => {
    const board = new AbortBoard();
    expect(board.loadCancelled).toBe(false);
    board.cancelLoad();
    expect(board.loadCancelled).toBe(true);
    expect(flag(board)).toBe(0);
  });

  test('has a zero byte behind the flag, whatever is written: it is read as a string', () => {
    const board = new AbortBoard();
    board.cancelLoad();
    for (let lane = 0; lane < laneCount; lane++) {
      board.enterStep(lane);
      board.cancel(lane);
    }
    expect([...board.flag]).toEqual([1, 0]);
  });

  test('is the same board on both sides of a thread', () => {
    const board = new AbortBoard();
    const other = new AbortBoard(board.buffer);
    board.cancel(7);
    expect(other.isCancelled(7)).toBe(true);
    other.enterStep(8);
    board.cancel(8);
    expect(flag(other)).toBe(1);
  });
});

/** The engine thread's side of the race below, in a worker: compiled code, as the worker can load no TypeScript. */
const engineSide = `
  const { workerData: { board: buffer, shared, module, lane } } = require('node:worker_threads');
  import(module).then(({ AbortBoard }) => {
    const board = new AbortBoard(buffer);
    const words = new Int32Array(shared);
    for (let round = 1; ; round++) {
      let go;
      do { go = Atomics.load(words, 0); } while (go !== round && go !== -1);
      if (go === -1) return;
      for (let spin = (round * 7919) % 40; spin > 0; spin--) Atomics.load(words, 4);
      const began = board.enterStep(lane);
      while (Atomics.load(words, 1) !== round && Atomics.load(words, 0) !== -1);
      Atomics.store(words, 3, (began ? 0 : 1) | (Atomics.load(board.flag, 0) === 1 ? 2 : 0));
      board.leaveStep(lane);
      Atomics.store(words, 2, round);
    }
  });
`;

test('of a cancel and a step that begin together, at least one sees the other', async () => {
  const [board, shared, lane] = [new AbortBoard(), new SharedArrayBuffer(20), 5];
  /** [round begun, cancel made, step ended, what was seen] */
  const words = new Int32Array(shared);
  const module = pathToFileURL(resolve('dist/engine/abort-board.js')).href;
  const worker = new Worker(engineSide, {
    eval: true,
    workerData: { board: board.buffer, shared, module, lane },
  });
  const ended = new Promise((done) => worker.once('exit', done));
  const seen = [0, 0, 0, 0];
  const deadline = performance.now() + 4000;
  let round = 0;
  while (round < 20_000 && performance.now() < deadline) {
    round++;
    board.openLane(lane);
    Atomics.store(words, 0, round);
    for (let spin = (round * 104_729) % 40; spin > 0; spin--) Atomics.load(words, 4);
    board.cancel(lane);
    Atomics.store(words, 1, round);
    while (Atomics.load(words, 2) !== round && performance.now() < deadline);
    if (Atomics.load(words, 2) !== round) break;
    const outcome = Atomics.load(words, 3);
    seen[outcome] = (seen[outcome] ?? 0) + 1;
  }
  Atomics.store(words, 0, -1);
  await ended;
  const [neither, stepSaw = 0, cancelSaw = 0, both = 0] = seen;
  expect(neither).toBe(0);
  expect(stepSaw + cancelSaw + both).toBeGreaterThan(100);
});
