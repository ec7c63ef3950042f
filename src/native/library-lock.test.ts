import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { withLibraryLock } from './library-lock.js';

test('gives back what the body returns, and is free again', () => {
  const lock = new Int32Array(new SharedArrayBuffer(4));
  expect(withLibraryLock(lock, () => lock[0])).toBe(1);
  expect(lock[0]).toBe(0);
});

test('is free again after the body threw', () => {
  const lock = new Int32Array(new SharedArrayBuffer(4));
  expect(() =>
    withLibraryLock(lock, () => {
      throw new RangeError('body');
    }),
  ).toThrow('body');
  expect(withLibraryLock(lock, () => 'again')).toBe('again');
});

test('lets one thread in at a time', async () => {
  const [lock, counter] = [new SharedArrayBuffer(4), new SharedArrayBuffer(4)];
  const code = `
    const { workerData: { module, lock, counter } } = require('node:worker_threads');
    import(module).then(({ withLibraryLock }) => {
      const words = new Int32Array(counter);
      for (let round = 0; round < 2000; round++) {
        withLibraryLock(new Int32Array(lock), () => {
          const before = words[0];
          for (let spin = 0; spin < 50; spin++) Atomics.load(words, 0);
          words[0] = before + 1;
        });
      }
    });
  `;
  const workerData = { lock, counter, module: pathToFileURL(resolve('dist/native/library-lock.js')).href };
  const workers = [1, 2, 3].map(() => new Worker(code, { eval: true, workerData }));
  await Promise.all(workers.map(async (worker) => new Promise((done) => worker.once('exit', done))));
  expect(new Int32Array(counter)[0]).toBe(3 * 2000);
});
