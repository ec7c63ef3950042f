import { describe, expect, it } from 'vitest';
import { memoryPressure } from './memory-pressure.js';

const machine = { ceilingBytes: 1000, totalBytes: 10_000 };

describe('pressure', () => {
  it.each([
    [1000, undefined, 'none'],
    [1020, undefined, 'none'],
    [1021, undefined, 'soft'],
    [1101, undefined, 'hard'],
    [0, 400, 'none'],
    [0, 399, 'soft'],
    [0, 199, 'hard'],
    [1021, 199, 'hard'],
    [1101, 399, 'hard'],
  ] as const)('of %i bytes held, %s available, is %s', (heldBytes, availableBytes, pressure) => {
    const available = availableBytes === undefined ? {} : { availableBytes };
    expect(memoryPressure({ ...machine, heldBytes, ...available })).toBe(pressure);
  });
});
