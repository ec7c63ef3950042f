import { randomOf } from './random.js';

/** What a set of values looks like. Units are those of the values. */
export interface Distribution {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly worst: number;
}

/** Least and greatest plausible value. */
export type Interval = readonly [low: number, high: number];

/** A figure of every round, as one: rounds are what repeats, so their spread is what a figure's worth is judged by. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
}

/**
 * The value below which this fraction lies, between neighbours by their distance (Hyndman and Fan's type 7).
 * @param sorted in ascending order
 * @returns undefined for no values
 */
export function quantile(sorted: ArrayLike<number>, fraction: number): number | undefined {
  const place = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) return undefined;
  return below + (above - below) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number | undefined {
  return quantile(Float64Array.from(values).toSorted(), 0.5);
}

/** @returns undefined for no values */
export function distribution(values: readonly number[]): Distribution | undefined {
  const sorted = Float64Array.from(values).toSorted();
  const at = (fraction: number): number => quantile(sorted, fraction) ?? NaN;
  return sorted.length === 0
    ? undefined
    : { count: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), worst: at(1) };
}

/** @returns undefined for no values */
export function spread(values: readonly number[]): Spread | undefined {
  const sorted = Float64Array.from(values).toSorted();
  const [least, middle, greatest] = [0, 0.5, 1].map((fraction) => quantile(sorted, fraction));
  if (least === undefined || middle === undefined || greatest === undefined) return undefined;
  return { median: middle, least, greatest };
}

const resamples = 1000;

/**
 * The 95 % interval of the median, by the percentile bootstrap in two stages (Davison and Hinkley 1997, 3.8): rounds are
 * drawn with replacement, then the values in each. Values of one round are not independent of each other; drawing
 * them all from one bag would promise too much.
 *
 * @param rounds the values of each round
 * @returns undefined when there are fewer than three values
 */
export function medianInterval(rounds: readonly (readonly number[])[]): Interval | undefined {
  const filled = rounds.filter((values) => values.length > 0);
  if (filled.reduce((sum, values) => sum + values.length, 0) < 3) return undefined;
  const random = randomOf('bootstrap');
  const draw = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const medians = Array.from({ length: resamples }, () => {
    const values = filled.flatMap(() => {
      const round = draw(filled);
      return round.map(() => draw(round));
    });
    return median(values) ?? NaN;
  });
  const sorted = Float64Array.from(medians).toSorted();
  return [quantile(sorted, 0.025) ?? NaN, quantile(sorted, 0.975) ?? NaN];
}
