import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { HeddleError } from '../core/errors.js';
import { DisposeStack, NativeHandle } from './native-handle.js';

describe('a native handle', () => {
  test('gives its address on its own thread', () => {
    const handle = new NativeHandle('model', 42n, () => {});
    expect(handle.address).toBe(42n);
    expect(handle.disposed).toBe(false);
  });

  test('is freed once, however often it is disposed', () => {
    const freed: bigint[] = [];
    const handle = new NativeHandle('model', 42n, (address) => freed.push(address));
    handle.dispose();
    handle.dispose();
    expect(freed).toEqual([42n]);
    expect(handle.disposed).toBe(true);
  });

  test('is not freed a second time after freeing failed', () => {
    let calls = 0;
    const handle = new NativeHandle('model', 42n, () => {
      calls++;
      throw new RangeError('free');
    });
    expect(() => handle.dispose()).toThrow('free');
    handle.dispose();
    expect(calls).toBe(1);
  });

  test('has no address and no description once it is disposed', () => {
    const handle = new NativeHandle('context', 42n, () => {});
    handle.dispose();
    expect(() => handle.address).toThrow(
      new HeddleError('handle_disposed', 'The native context was already freed.'),
    );
    expect(() => handle.describe()).toThrow(HeddleError);
  });

  test('made of a description belongs to the thread that the description names, and frees nothing', () => {
    const freed: bigint[] = [];
    const handle = new NativeHandle('model', 42n, (address) => freed.push(address));
    const twin = NativeHandle.fromDescription(handle.describe());
    expect(twin.address).toBe(42n);
    twin.dispose();
    expect(freed).toEqual([]);
    expect(handle.disposed).toBe(false);
    const foreign = NativeHandle.fromDescription({ ...handle.describe(), ownerThread: 1 });
    expect(() => foreign.address).toThrow(/belongs to thread 1/);
  });

  test('throws wrong_thread when it is used on another thread', async () => {
    const handle = new NativeHandle('model', 42n, () => {});
    const code = `
      const { workerData: { module, description }, parentPort } = require('node:worker_threads');
      import(module).then(({ NativeHandle }) => {
        const codes = ['address', 'dispose', 'describe'].map((use) => {
          try {
            const handle = NativeHandle.fromDescription(description);
            typeof handle[use] === 'function' ? handle[use]() : handle[use];
          } catch (error) { return error.code; }
        });
        parentPort.postMessage(codes);
      });
    `;
    const module = pathToFileURL(resolve('dist/native/native-handle.js')).href;
    const worker = new Worker(code, {
      eval: true,
      workerData: { module, description: handle.describe() },
    });
    const codes = await new Promise((done) => worker.once('message', done));
    expect(codes).toEqual(['wrong_thread', 'wrong_thread', 'wrong_thread']);
    expect(handle.disposed).toBe(false);
  });
});

describe('a dispose stack', () => {
  const noting = (order: string[], name: string): { dispose(): void } => ({
    dispose: () => void order.push(name),
  });

  test('frees in the reverse order, once', () => {
    const order: string[] = [];
    const stack = new DisposeStack();
    for (const name of ['model', 'pool', 'context']) stack.add(noting(order, name));
    stack.dispose();
    stack.dispose();
    expect(order).toEqual(['context', 'pool', 'model']);
  });

  test('frees all of them even if some can not be freed, and tells of every failure', () => {
    const order: string[] = [];
    const stack = new DisposeStack();
    const failing = (name: string): { dispose(): void } => ({
      dispose: () => {
        throw new RangeError(name);
      },
    });
    for (const one of [noting(order, 'a'), failing('b'), noting(order, 'c'), failing('d')]) stack.add(one);
    let failures: unknown;
    try {
      stack.dispose();
    } catch (error) {
      failures = (error as AggregateError).errors.map((failure: Error) => failure.message);
    }
    expect(failures).toEqual(['d', 'b']);
    expect(order).toEqual(['c', 'a']);
  });
});
