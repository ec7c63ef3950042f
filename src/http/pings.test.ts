import { describe, expect, it } from 'vitest';
import { withPings } from './pings.js';

/** A stream whose pieces a test gives it. */
class Pieces implements AsyncIterator<number> {
  #give: ((result: IteratorResult<number>) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  // oxlint-disable-next-line typescript/promise-function-async -- the promise is made here
  next(): Promise<IteratorResult<number>> {
    return new Promise((resolve, reject) => {
      this.#give = resolve;
      this.#fail = reject;
    });
  }

  give(value: number): void {
    this.#give?.({ done: false, value });
  }

  fail(error: Error): void {
    this.#fail?.(error);
  }
}

describe('withPings', () => {
  it('pings while there is progress, and goes on with the piece that comes', async () => {
    const pieces = new Pieces();
    let progress = 0;
    const stream = withPings(pieces, { progress: () => progress++, interval: 1 });
    expect((await stream.next()).value).toBe('ping');
    expect((await stream.next()).value).toBe('ping');
    const next = stream.next();
    pieces.give(7);
    const seen = [(await next).value];
    while (seen.at(-1) === 'ping') seen.push((await stream.next()).value);
    expect(seen.at(-1)).toBe(7);
  });

  it('is silent without progress', async () => {
    const pieces = new Pieces();
    let looks = 0;
    const stream = withPings(pieces, {
      progress: () => {
        // Long after several intervals.
        if (++looks === 6) pieces.give(1);
        return 0;
      },
      interval: 1,
    });
    expect((await stream.next()).value).toBe(1);
    expect(looks).toBeGreaterThanOrEqual(6);
  });

  it('pings once for all the progress of an interval', async () => {
    const pieces = new Pieces();
    const counts = [0, 5, 5, 5, 5];
    const stream = withPings(pieces, {
      progress: () => {
        const count = counts.shift();
        if (count === undefined) pieces.give(1);
        return count ?? 5;
      },
      interval: 1,
    });
    expect((await stream.next()).value).toBe('ping');
    expect((await stream.next()).value).toBe(1);
  });

  it('fails as the stream does, also after a ping', async () => {
    const pieces = new Pieces();
    let progress = 0;
    const stream = withPings(pieces, { progress: () => progress++, interval: 1 });
    expect((await stream.next()).value).toBe('ping');
    pieces.fail(new Error('gone'));
    await expect(
      (async () => {
        for await (const piece of stream) expect(piece).toBe('ping');
      })(),
    ).rejects.toThrow('gone');
  });
});
