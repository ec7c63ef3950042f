import { describe, expect, it } from 'vitest';
import { gpuMemoryBytes, type MemoryNeed } from './memory.js';

const need: MemoryNeed = {
  mappedWeightBytes: 1,
  copiedWeightBytes: 2,
  cacheBytes: 4,
  computeBytes: 8,
  tableBytes: 16,
  codeBytes: 32,
  deviceBytes: 1000,
  totalBytes: 63,
  basis: 'dry-run',
};

describe('the memory of GPUs', () => {
  it('is their own where it is not counted as the RAM of the machine', () => {
    expect(gpuMemoryBytes(need)).toBe(1000);
    expect(gpuMemoryBytes({ ...need, deviceBytes: 0 })).toBe(0);
  });

  it('is counted once where they use the RAM of the machine', () => {
    expect(gpuMemoryBytes({ ...need, totalBytes: 1063 })).toBe(0);
    expect(gpuMemoryBytes({ ...need, totalBytes: 163 })).toBe(900);
  });
});
