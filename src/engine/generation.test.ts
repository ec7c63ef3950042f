import { describe, expect, test } from 'vitest';
import { HeddleError } from '../core/errors.js';
import { Generation, type GenerationUpdate } from './generation.js';

const update = (text: string): GenerationUpdate => ({
  kind: 'choice',
  requestId: 'r',
  choice: 0,
  text,
  completionTokens: 1,
});

const failure = new HeddleError('engine_crashed', 'gone');

/** A generation, and how often its cancel was called. */
function make(): { generation: Generation; cancels: () => number } {
  let count = 0;
  return { generation: new Generation(() => count++), cancels: () => count };
}

async function texts(generation: Generation): Promise<string[]> {
  const read: string[] = [];
  for await (const one of generation) if (one.kind === 'choice') read.push(one.text);
  return read;
}

describe('a generation', () => {
  test('keeps its updates for a slow reader, in order', async () => {
    const { generation, cancels } = make();
    for (const text of ['a', 'b', 'c']) generation.push(update(text));
    generation.end();
    expect(await texts(generation)).toEqual(['a', 'b', 'c']);
    expect(cancels()).toBe(0);
  });

  test('hands an update to the reader that waits for it', async () => {
    const { generation } = make();
    const next = generation.next();
    generation.push(update('a'));
    expect(await next).toEqual({ done: false, value: update('a') });
    const last = generation.next();
    generation.end();
    expect(await last).toEqual({ done: true, value: undefined });
  });

  test('is over for good once it has ended', async () => {
    const { generation } = make();
    generation.end();
    generation.push(update('late'));
    generation.end(failure);
    expect(await texts(generation)).toEqual([]);
    expect(await generation.next()).toEqual({ done: true, value: undefined });
  });

  test('throws its error after the updates that came before it, once', async () => {
    const { generation } = make();
    generation.push(update('a'));
    generation.push(update('b'));
    generation.end(failure);
    expect((await generation.next()).value).toEqual(update('a'));
    expect((await generation.next()).value).toEqual(update('b'));
    await expect(generation.next()).rejects.toBe(failure);
    expect(await generation.next()).toEqual({ done: true, value: undefined });
  });

  test('throws its error at the reader that waits', async () => {
    const { generation } = make();
    const next = generation.next();
    generation.end(failure);
    await expect(next).rejects.toBe(failure);
    expect(await generation.next()).toEqual({ done: true, value: undefined });
  });

  test('that fails and is never read disturbs nobody', async () => {
    const { generation } = make();
    generation.end(failure);
    await new Promise((resolve) => setImmediate(resolve));
    expect(generation).toBeDefined();
  });

  test('stops the work when its reader breaks off', async () => {
    const { generation, cancels } = make();
    for (const text of ['a', 'b', 'c']) generation.push(update(text));
    for await (const one of generation) {
      expect(one).toEqual(update('a'));
      break;
    }
    expect(cancels()).toBe(1);
    expect(await generation.next()).toEqual({ done: true, value: undefined });
  });

  test('stops the work when its reader throws', async () => {
    const { generation, cancels } = make();
    generation.push(update('a'));
    const reading = async (): Promise<void> => {
      for await (const _ of generation) throw new RangeError('reader');
    };
    await expect(reading()).rejects.toThrow('reader');
    expect(cancels()).toBe(1);
  });

  test('ends at once for a reader that waits when it is cancelled, and cancels once', async () => {
    const { generation, cancels } = make();
    const next = generation.next();
    generation.cancel();
    generation.cancel();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(cancels()).toBe(1);
  });

  test('drops what was not read when it is cancelled after its end, and cancels nothing', async () => {
    const { generation, cancels } = make();
    generation.push(update('a'));
    generation.end(failure);
    generation.cancel();
    expect(await texts(generation)).toEqual([]);
    expect(cancels()).toBe(0);
  });
});
