import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CellTable } from './cell-table.js';

const lanes = 5;

/** Every cell by itself: what each lane refers to, position by position. */
class Model {
  readonly lanes: symbol[][] = Array.from({ length: lanes }, () => []);

  used(of = this.lanes.keys()): number {
    return new Set([...of].flatMap((lane) => this.lanes[lane] ?? [])).size;
  }
}

const lane = fc.nat(lanes - 1);
const operation = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), lane, count: fc.nat(20) }),
  fc.record({ kind: fc.constant('share' as const), lane, source: lane, count: fc.nat(40) }),
  fc.record({ kind: fc.constant('cut' as const), lane, count: fc.nat(40) }),
  fc.record({ kind: fc.constant('empty' as const), lane }),
);

describe('a table of cells', () => {
  it('counts shared cells once, until the last lane lets go', () => {
    const table = new CellTable(3);
    table.append(0, 100);
    table.share(0, 1, 60);
    table.append(1, 10);
    expect(table.used).toBe(110);
    expect(table.length(1)).toBe(70);
    table.cut(0, 0);
    expect(table.used).toBe(70);
    table.share(1, 2, 65);
    table.cut(1, 0);
    expect(table.used).toBe(65);
    table.cut(2, 0);
    expect(table.used).toBe(0);
  });

  it('is that of a model of single cells, in 10,000 random operations', () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 100, maxLength: 100 }), (operations) => {
        const table = new CellTable(lanes);
        const model = new Model();
        for (const one of operations) {
          const cells = model.lanes[one.lane] ?? [];
          if (one.kind === 'append') {
            table.append(one.lane, one.count);
            cells.push(...Array.from({ length: one.count }, () => Symbol('cell')));
          } else if (one.kind === 'share') {
            if (one.source === one.lane) continue;
            table.cut(one.lane, 0);
            cells.length = 0;
            const source = model.lanes[one.source] ?? [];
            const count = Math.min(one.count, source.length);
            table.share(one.source, one.lane, count);
            cells.push(...source.slice(0, count));
          } else {
            const length = one.kind === 'cut' ? one.count : 0;
            table.cut(one.lane, length);
            cells.length = Math.min(cells.length, length);
          }
          expect(table.used).toBe(model.used());
          for (let each = 0; each < lanes; each++) expect(table.length(each)).toBe(model.lanes[each]?.length);
          expect(table.usedBy([0, 2])).toBe(model.used([0, 2].values()));
        }
      }),
      { numRuns: 100 },
    );
  });
});
