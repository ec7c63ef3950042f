/**
 * The candidate that was most likely meant; case, dashes and underscores do not count.
 * @returns undefined when none is near: more than a third of its letters would have to change
 */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const written = plain(name);
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of candidates) {
    const meant = plain(candidate);
    const distance = editDistance(written, meant);
    if (distance < least && distance <= Math.max(1, Math.floor(meant.length / 3))) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_\s]/g, '');
}

/** Letters to insert, delete, replace, or swap with their neighbour (optimal string alignment; Damerau 1964). */
function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  const table = Array.from({ length: (a.length + 1) * width }, (_, index) =>
    index < width ? index : index % width === 0 ? index / width : 0,
  );
  const at = (row: number, column: number): number => table[row * width + column] ?? 0;
  for (let row = 1; row <= a.length; row++) {
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      table[row * width + column] = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + (same ? 0 : 1),
        swapped ? at(row - 2, column - 2) + 1 : Infinity,
      );
    }
  }
  return at(a.length, b.length);
}
