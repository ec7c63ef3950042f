/*
 * What the metrics cost the gateway for each update of a request, against the same counted with prom-client's own
 * histogram and counter; in turn, in one process.
 */
import { Counter, Histogram, Registry } from 'prom-client';
import { defaultCacheUse } from '../../dist/core/prompt-cache.js';
import { tokenGapBuckets } from '../../dist/metrics/buckets.js';
import { BucketCounts } from '../../dist/metrics/bucket-counts.js';
import { TimedRequest } from '../../dist/metrics/timed-request.js';
import { spread } from './statistics.js';

const rounds = Number(process.env['ROUNDS'] ?? 15);
const tokens = 200_000;

const updates = Array.from({ length: tokens }, (_, index) => ({
  kind: 'choice' as const,
  requestId: 'bench',
  choice: 0,
  text: 'x',
  completionTokens: index + 1,
}));
/** Milliseconds at which they arrive: 5 to 60 apart. */
const arrivals = Float64Array.from({ length: tokens }, (_, index) => index * 30 + (index % 7) * 3.7);

/** Counts updates `from` to `to`. */
type Counting = (from: number, to: number) => void;

function ours(): Counting {
  const counts = {
    promptTokens: 0,
    cachedTokens: 0,
    cacheQueries: 0,
    cacheHits: 0,
    generationTokens: 0,
    tokenGaps: new BucketCounts(tokenGapBuckets),
  };
  const request = new TimedRequest(
    { ...counts, firstToken() {}, finished() {} },
    { choices: 1, cache: defaultCacheUse },
    0,
  );
  return (from, to) => {
    for (let index = from; index < to; index++) {
      const update = updates[index];
      if (update !== undefined) request.updated(update, arrivals[index] ?? 0);
    }
  };
}

function theirs(): Counting {
  const registers = [new Registry()];
  const labelNames = ['model_name'];
  const labels = { model_name: 'starter' };
  const gaps = new Histogram({ name: 'gaps', help: 'x', labelNames, registers, buckets: tokenGapBuckets });
  const counter = new Counter({ name: 'tokens', help: 'x', labelNames, registers });
  let last = 0;
  return (from, to) => {
    for (let index = from; index < to; index++) {
      const now = arrivals[index] ?? 0;
      counter.inc(labels, 1);
      gaps.observe(labels, (now - last) / 1000);
      last = now;
    }
  };
}

function nanoseconds(count: Counting): number {
  const started = process.hrtime.bigint();
  count(0, tokens);
  return Number(process.hrtime.bigint() - started) / tokens;
}

/** Bytes of the heap for each update: of so few that nothing is collected meanwhile. */
function bytes(count: Counting): number {
  const few = 2000;
  count(0, few);
  const before = process.memoryUsage().heapUsed;
  count(few, 2 * few);
  return (process.memoryUsage().heapUsed - before) / few;
}

console.log(`metrics for each update of a request: median (least to greatest) of ${rounds} rounds`);
const times = { ours: [] as number[], theirs: [] as number[] };
const sizes = { ours: [] as number[], theirs: [] as number[] };
for (let round = 0; round < rounds; round++) {
  times.ours.push(nanoseconds(ours()));
  times.theirs.push(nanoseconds(theirs()));
}
for (let round = 0; round < rounds; round++) {
  sizes.ours.push(bytes(ours()));
  sizes.theirs.push(bytes(theirs()));
}
console.log(`  heddle      ${spread(times.ours)} ns, ${spread(sizes.ours)} bytes allocated`);
console.log(`  prom-client ${spread(times.theirs)} ns, ${spread(sizes.theirs)} bytes allocated`);
