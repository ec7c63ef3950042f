import { describe, expect, it } from 'vitest';
import type { ChoiceUpdate } from '../../core/generation.js';
import { RequestClock } from './request-clock.js';

const requestId = 'a';

function choice(completionTokens: number): ChoiceUpdate {
  return { kind: 'choice', requestId, choice: 0, text: 'x', completionTokens };
}

describe('the times of a request', () => {
  it('are those at which the messages of the engine came', () => {
    const clock = new RequestClock();
    clock.loaded();
    clock.updated({ kind: 'accepted', requestId, promptTokens: 90 }, 1000);
    clock.updated({ kind: 'started', requestId, cachedTokens: 0 }, 1010);
    clock.updated(choice(1), 1030);
    clock.updated(choice(3), 1100);
    expect(clock.timings).toMatchObject({
      prompt_eval_count: 90,
      prompt_eval_duration: 20e6,
      eval_count: 3,
      eval_duration: 70e6,
    });
  });

  it('begin with the hand-over where one message has all of the prompt', () => {
    const clock = new RequestClock();
    clock.loaded();
    const now = performance.now() + 5;
    clock.updated({ kind: 'accepted', requestId, promptTokens: 9 }, now);
    clock.updated({ kind: 'started', requestId, cachedTokens: 0 }, now);
    clock.updated(choice(1), now);
    const { prompt_eval_duration, eval_duration } = clock.timings;
    expect(prompt_eval_duration).toBeGreaterThanOrEqual(5e6);
    expect(eval_duration).toBe(0);
  });

  it('are none of what has not happened', () => {
    const { prompt_eval_duration, eval_duration, eval_count, load_duration, total_duration } =
      new RequestClock().timings;
    expect([prompt_eval_duration, eval_duration, eval_count]).toEqual([0, 0, 0]);
    expect(load_duration).toBe(total_duration);
  });
});
