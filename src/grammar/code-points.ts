/** Code points from the first to the last, both included. */
export type CodePointRange = readonly [first: number, last: number];

/** Sorted ranges that neither overlap nor touch. */
export type CodePoints = readonly CodePointRange[];

/** Everything that UTF-8 can say: surrogates are no characters. */
export const allCodePoints: CodePoints = [
  [0, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** The code points of any ranges, without surrogates. */
export function codePoints(ranges: readonly CodePointRange[]): CodePoints {
  const sorted = ranges.filter(([first, last]) => first <= last).toSorted((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [first, last] of sorted) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return both(merged, allCodePoints);
}

/** The code points that are in both. */
export function both(left: CodePoints, right: CodePoints): CodePoints {
  const common: CodePointRange[] = [];
  let [l, r] = [0, 0];
  for (;;) {
    const [a, b] = [left[l], right[r]];
    if (a === undefined || b === undefined) return common;
    const [first, last] = [Math.max(a[0], b[0]), Math.min(a[1], b[1])];
    if (first <= last) common.push([first, last]);
    if (a[1] < b[1]) l++;
    else r++;
  }
}

/** All others. */
export function complement(points: CodePoints): CodePoints {
  const gaps: CodePointRange[] = [];
  let next = 0;
  for (const [first, last] of points) {
    if (first > next) gaps.push([next, first - 1]);
    next = last + 1;
  }
  gaps.push([next, 0x10ffff]);
  return codePoints(gaps);
}

/** Those of the first that are not in the second. */
export function without(points: CodePoints, others: CodePoints): CodePoints {
  return both(points, complement(others));
}

export function contains(points: CodePoints, codePoint: number): boolean {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const [first, last] = points[middle] as CodePointRange;
    if (codePoint < first) high = middle;
    else if (codePoint > last) low = middle + 1;
    else return true;
  }
  return false;
}
