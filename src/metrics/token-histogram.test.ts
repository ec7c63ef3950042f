import { Histogram, Registry } from 'prom-client';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseMetrics } from '../testing/metrics-text.js';
import { tokenGapBuckets } from './buckets.js';
import { TokenHistogram } from './token-histogram.js';

it('a token histogram is the same text as one of prom-client with the same observations', async () => {
  const value = fc.oneof(
    fc.constantFrom(...tokenGapBuckets),
    fc.double({ min: 0, max: 100, noNaN: true }),
    fc.constant(1e9),
  );
  const observations = fc.array(fc.record({ model: fc.constantFrom('a', 'b"\\\nc'), value }));
  await fc.assert(
    fc.asyncProperty(observations, async (observed) => {
      const options = { name: 'gaps', help: 'some help' };
      const registry = new Registry();
      const mine = new TokenHistogram({ ...options, buckets: tokenGapBuckets }).register(registry);
      const theirs = new Registry();
      const histogram = new Histogram({
        ...options,
        buckets: tokenGapBuckets,
        labelNames: ['model_name'],
        registers: [theirs],
      });
      for (const { model, value: seconds } of observed) {
        mine.of(model).observe(seconds);
        histogram.observe({ model_name: model }, seconds);
      }
      const text = await registry.metrics();
      expect(text).toBe(await theirs.metrics());
      parseMetrics(text);
    }),
  );
});

it('an observation that counts several times is in its bucket and in the sum as often', () => {
  const counts = new TokenHistogram({ name: 'gaps', help: 'x', buckets: [1, 2] }).of('a');
  counts.observe(1.5, 3);
  counts.observe(2);
  counts.observe(7);
  expect(counts.cumulative).toEqual([0, 4, 5]);
  expect(counts.sum).toBe(13.5);
});

it('a histogram under a second name shows the same observations', async () => {
  const registry = new Registry();
  const options = { help: 'x', buckets: [1] };
  const first = new TokenHistogram({ ...options, name: 'first' }).register(registry);
  const second = new TokenHistogram({ ...options, name: 'second', sameAs: first }).register(registry);
  first.of('a').observe(0.5);
  expect(second.of('a')).toBe(first.of('a'));
  const text = await registry.metrics();
  expect(text).toContain('first_count{model_name="a"} 1');
  expect(text).toContain('second_count{model_name="a"} 1');
});
