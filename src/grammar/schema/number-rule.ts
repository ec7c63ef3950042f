import { anyNumber, decimalRange, integerRange } from '../number-range.js';
import { group } from '../gbnf-text.js';
import { numberAt } from './keywords.js';
import type { Alternative } from './schema-resolver.js';

/**
 * GBNF for the numbers of an alternative.
 * @throws HeddleError `invalid_parameter`
 */
export function numberRule(alternative: Alternative, isInteger: boolean): string {
  const bounds = boundsOf(alternative);
  if (!isInteger && bounds.least === undefined && bounds.most === undefined) return group(anyNumber);
  const range = isInteger ? integerRange(bounds) : decimalRange(bounds);
  return range === undefined ? '[]' : group(range);
}

/** The numbers that satisfy all bounds of an alternative. */
export function boundsOf(alternative: Alternative): {
  least?: number;
  most?: number;
  leastIsExcluded: boolean;
  mostIsExcluded: boolean;
} {
  let [least, leastIsExcluded, most, mostIsExcluded] = [-Infinity, false, Infinity, false];
  const above = (bound: number | undefined, isExcluded: boolean): void => {
    if (bound === undefined || bound < least || (bound === least && !isExcluded)) return;
    [least, leastIsExcluded] = [bound, isExcluded];
  };
  const below = (bound: number | undefined, isExcluded: boolean): void => {
    if (bound === undefined || bound > most || (bound === most && !isExcluded)) return;
    [most, mostIsExcluded] = [bound, isExcluded];
  };
  for (const { keywords, path } of alternative) {
    above(numberAt(keywords, 'minimum', path), false);
    above(numberAt(keywords, 'exclusiveMinimum', path), true);
    below(numberAt(keywords, 'maximum', path), false);
    below(numberAt(keywords, 'exclusiveMaximum', path), true);
  }
  return {
    ...(least === -Infinity ? {} : { least }),
    ...(most === Infinity ? {} : { most }),
    leastIsExcluded,
    mostIsExcluded,
  };
}
