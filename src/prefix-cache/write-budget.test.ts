import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TemporaryFolder } from '../testing/blocks.js';
import { nodeFs } from './disk-fs.js';
import { WriteBudget } from './write-budget.js';

const unit = 64 * 1024;
const noon = Date.UTC(2026, 1, 28, 12);

describe('a write budget', () => {
  test('is shared by all who have the folder, to the last bytes', () => {
    using folder = new TemporaryFolder();
    const budgets = [0, 1].map(() => new WriteBudget(folder.path, 10 * unit, nodeFs, () => noon));
    let reserved = 0;
    for (let i = 0; i < 100; i++) if (budgets[i % 2]?.reserve(10_000) === true) reserved += 10_000;
    expect(reserved).toBeLessThanOrEqual(10 * unit);
    expect(reserved).toBeGreaterThan(8 * unit);
  });

  test('without a limit keeps no books', () => {
    using folder = new TemporaryFolder();
    expect(new WriteBudget(folder.path, Infinity, nodeFs, () => noon).reserve(2 ** 50)).toBe(true);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('of 0 allows nothing', () => {
    using folder = new TemporaryFolder();
    expect(new WriteBudget(folder.path, 0, nodeFs, () => noon).reserve(1)).toBe(false);
  });

  test('keeps the books of today and yesterday, and what is not its own', () => {
    using folder = new TemporaryFolder();
    for (const name of ['2026-02-26', '2026-02-27', '2026-03-01', 'notes'])
      writeFileSync(join(folder.path, name), '');
    new WriteBudget(folder.path, unit, nodeFs, () => noon).reserve(1);
    expect(readdirSync(folder.path).toSorted()).toEqual(['2026-02-27', '2026-02-28', '2026-03-01', 'notes']);
  });

  test('says when it can not keep them', () => {
    using folder = new TemporaryFolder();
    mkdirSync(join(folder.path, '2026-02-28'));
    const budget = new WriteBudget(folder.path, 2 ** 40, nodeFs, () => noon);
    expect(() => budget.reserve(1)).toThrow(expect.objectContaining({ code: 'EISDIR' }));
  });
});
