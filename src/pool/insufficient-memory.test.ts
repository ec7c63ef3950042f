import { describe, expect, it } from 'vitest';
import { insufficientMemory } from './insufficient-memory.js';
import type { MemoryHolder } from './memory-budget.js';

const MiB = 2 ** 20;

function holder(id: string, bytes: number, changes: Partial<MemoryHolder> = {}): MemoryHolder {
  return { id, bytes, state: 'resident', idle: true, pinned: false, lastUsed: 0, loadedAt: 0, ...changes };
}

describe('the message about insufficient memory', () => {
  const loaded = [
    holder('chat', 2048 * MiB, { idle: false }),
    holder('coder', 1024 * MiB, { pinned: true }),
    holder('old', 512 * MiB, { state: 'releasing' }),
  ];
  const given = {
    ceilingBytes: 4096 * MiB,
    needBytes: 1536 * MiB,
    holders: loaded,
    now: 1000,
    minimumResidency: 0,
  };

  it('says need, have, limit, holders and what to do', () => {
    const error = insufficientMemory('big', given, { kind: 'wait', reason: 'busy' });
    expect(error).toMatchObject({ code: 'insufficient_memory', status: 507, retryable: true });
    expect(error.message).toBe(
      'Loading big needs 1.5 GiB of memory; 512 MiB of the 4.0 GiB that heddle may use are free. ' +
        'Held by chat (2.0 GiB, in use), coder (1.0 GiB, idle, pinned), old (512 MiB, releasing). ' +
        'Send the request again later, unload one of these models, or raise the memory limit.',
    );
  });

  it('says what of a model that can never be loaded would have to change', () => {
    const pinned = insufficientMemory(
      'big',
      { ...given, needBytes: 3584 * MiB },
      { kind: 'never', availableBytes: 3072 * MiB },
    );
    expect(pinned.retryable).toBe(true);
    expect(pinned.message).toContain('Only 3.0 GiB are not held by models that stay: unpin');
    const alone = insufficientMemory(
      'huge',
      { ...given, needBytes: 8192 * MiB, holders: [] },
      { kind: 'never', availableBytes: 4096 * MiB },
    );
    expect(alone.retryable).toBe(false);
    expect(alone.message).toContain('No model is loaded. It can not fit: raise the memory limit');
  });

  it('never advises a smaller context', () => {
    for (const decision of [
      { kind: 'wait', reason: 'releasing' },
      { kind: 'never', availableBytes: 0 },
    ] as const) {
      expect(insufficientMemory('big', given, decision).message).not.toMatch(/context/i);
    }
  });

  it('says of GPUs what they have, and who uses it', () => {
    const holders = [holder('chat', 10, { gpuBytes: 2048 * MiB, idle: false }), holder('ram', 10)];
    const gpu = { totalBytes: 4096 * MiB, ceilingBytes: 3072 * MiB, needBytes: 1536 * MiB };
    const waited = insufficientMemory(
      'big',
      { ...given, holders, gpu },
      { kind: 'wait', reason: 'busy', onGpu: true },
    );
    expect(waited.retryable).toBe(true);
    expect(waited.message).toBe(
      'Loading big needs 1.5 GiB of GPU memory; 1.0 GiB of the 3.0 GiB that heddle may use are free. ' +
        'Other programs use 1.0 GiB. Held by chat (2.0 GiB, in use). ' +
        'Send the request again later, or unload one of these models.',
    );
    const never = { kind: 'never', availableBytes: 3072 * MiB, onGpu: true } as const;
    const crowded = insufficientMemory(
      'big',
      { ...given, holders, gpu: { ...gpu, needBytes: 4096 * MiB } },
      never,
    );
    expect(crowded.retryable).toBe(true);
    expect(crowded.message).toContain('by other programs');
    const huge = insufficientMemory(
      'huge',
      { ...given, holders, gpu: { ...gpu, needBytes: 4097 * MiB } },
      never,
    );
    expect(huge.retryable).toBe(false);
    expect(huge.message).toContain('It can not fit: use a smaller model');
  });
});
