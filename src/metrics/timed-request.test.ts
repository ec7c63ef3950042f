import { describe, expect, it } from 'vitest';
import type { ChoiceUpdate } from '../core/generation.js';
import { defaultCacheUse } from '../core/prompt-cache.js';
import { BucketCounts } from './bucket-counts.js';
import type { FinishedChoice } from './model-counts.js';
import { TimedRequest } from './timed-request.js';

/** A request that began at 1000 ms, and what it was counted as. */
function timed(choices = 1, cache = defaultCacheUse) {
  const counted = {
    promptTokens: 0,
    cachedTokens: 0,
    cacheQueries: 0,
    cacheHits: 0,
    generationTokens: 0,
    tokenGaps: new BucketCounts([0.01, 0.02, 0.05, 0.1]),
    firstTokens: [] as number[],
    ends: [] as FinishedChoice[],
    firstToken: (seconds: number) => counted.firstTokens.push(seconds),
    finished: (choice: FinishedChoice) => counted.ends.push(choice),
  };
  const request = new TimedRequest(counted, { choices, cache }, 1000);
  request.updated({ kind: 'accepted', requestId: 'r', promptTokens: 7 }, 1001);
  return { counted, request };
}

function update(completionTokens: number, reason?: 'stop' | 'length', choice = 0): ChoiceUpdate {
  const common = { kind: 'choice' as const, requestId: 'r', choice, text: 'x', completionTokens };
  return reason === undefined ? common : { ...common, finish: { reason } };
}

describe('a timed request', () => {
  it('counts prompt and output, and the times between', () => {
    const { counted, request } = timed();
    expect(counted.promptTokens).toBe(0); // nothing is computed yet
    request.updated(update(1), 1250);
    request.updated(update(2), 1280);
    request.updated(update(3, 'length'), 1370);
    expect(counted).toMatchObject({ promptTokens: 7, generationTokens: 3, firstTokens: [0.25] });
    expect(counted.tokenGaps.cumulative).toEqual([0, 0, 1, 2, 2]);
    expect(counted.tokenGaps.sum).toBeCloseTo(0.12);
    expect(counted.ends).toEqual([
      {
        reason: 'length',
        promptTokens: 7,
        completionTokens: 3,
        duration: 0.37,
        decodeTime: 0.12,
        decodedTokens: 2,
      },
    ]);
  });

  it('counts what was taken over with the first token, and what was looked for when it was', () => {
    const { counted, request } = timed(2);
    request.updated({ kind: 'started', requestId: 'r', cachedTokens: 4 }, 1100);
    expect(counted).toMatchObject({ promptTokens: 0, cachedTokens: 0, cacheQueries: 7, cacheHits: 4 });
    request.updated(update(1), 1200);
    request.updated(update(1, undefined, 1), 1200);
    expect(counted).toMatchObject({ promptTokens: 7, cachedTokens: 4, cacheQueries: 7, cacheHits: 4 });
  });

  it('looks for nothing when it uses no cache, or when the engine does not say that it did', () => {
    const { counted, request } = timed(1, { salt: '', use: false });
    request.updated({ kind: 'started', requestId: 'r', cachedTokens: 0 }, 1100);
    request.updated(update(1), 1200);
    expect(counted).toMatchObject({ promptTokens: 7, cachedTokens: 0, cacheQueries: 0, cacheHits: 0 });
    const other = timed();
    other.request.updated(update(1), 1200);
    expect(other.counted).toMatchObject({ promptTokens: 7, cachedTokens: 0, cacheQueries: 0, cacheHits: 0 });
  });

  it('shares the time of an update among its tokens', () => {
    const { counted, request } = timed();
    request.updated(update(2), 1100);
    request.updated(update(5), 1145);
    expect(counted.generationTokens).toBe(5);
    expect(counted.tokenGaps.cumulative).toEqual([0, 3, 3, 3, 3]);
    expect(counted.tokenGaps.sum).toBeCloseTo(0.045);
  });

  it('has no further token in an update that only ends it', () => {
    const { counted, request } = timed();
    request.updated(update(1), 1100);
    request.updated(update(1, 'stop'), 1900);
    expect(counted.tokenGaps.cumulative.at(-1)).toBe(0);
    expect(counted.ends).toMatchObject([
      { reason: 'stop', completionTokens: 1, duration: 0.9, decodeTime: 0, decodedTokens: 0 },
    ]);
  });

  it('that ends before its first token has an end all the same', () => {
    const { counted, request } = timed();
    request.updated(update(0, 'stop'), 1100);
    expect(counted).toMatchObject({ promptTokens: 7, generationTokens: 0, firstTokens: [0.1] });
    expect(counted.ends).toMatchObject([{ reason: 'stop', completionTokens: 0 }]);
  });

  it('times each choice by itself, and counts the prompt once', () => {
    const { counted, request } = timed(2);
    request.updated(update(1, undefined, 0), 1100);
    request.updated(update(1, undefined, 1), 1200);
    request.updated(update(2, 'length', 0), 1205);
    request.updated(update(2, 'length', 1), 1300);
    expect(counted).toMatchObject({ promptTokens: 7, generationTokens: 4, firstTokens: [0.1, 0.2] });
    expect(counted.tokenGaps.cumulative.at(-1)).toBe(2);
    expect(counted.tokenGaps.sum).toBeCloseTo(0.205);
    expect(counted.ends).toHaveLength(2);
  });
});
