/*
 * Upper bounds of histogram buckets. Those of vLLM's metrics are vLLM's own, so that dashboards made for it can show
 * both (vllm/v1/metrics/loggers.py).
 */

/** Time to the first token, seconds. */
export const firstTokenBuckets = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640,
  2560,
];

/** Time from one token to the next, seconds. */
export const tokenGapBuckets = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];

/** Time of a whole request or of one of its parts, seconds. */
export const requestBuckets = [
  0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
];

/** Tokens of a request: 1, 2, 5, 10 and so on, for contexts up to a million. */
export const tokenCountBuckets = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
  1_000_000,
];

/** Loads, waits and unloads of models, seconds: from a lease that is there to a model read from a slow disk. */
export const loadBuckets = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300];
