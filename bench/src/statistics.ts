import { median as medianOf } from '../../dist/bench/statistics.js';

/** The middle value; the mean of the two middle ones when their number is even; NaN for no values. */
export function median(values: readonly number[]): number {
  return medianOf(values) ?? NaN;
}

/** `123.4 (120.1 to 130.9)`: the median, and the least and greatest value. */
export function spread(values: readonly number[], digits = 1): string {
  const show = (value: number): string => value.toFixed(digits);
  return `${show(median(values))} (${show(Math.min(...values))} to ${show(Math.max(...values))})`;
}

/** The value that a share of all values, 0 to 1, does not exceed: nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}
