import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TemporaryFolder } from '../testing/blocks.js';
import { nodeFs } from './disk-fs.js';
import { BadFiles } from './bad-files.js';

describe('the folder of bad files', () => {
  test('keeps the newest bad files, with what was wrong in their names', () => {
    using folder = new TemporaryFolder();
    const place = join(folder.path, 'bad');
    mkdirSync(place);
    const bad = new BadFiles(place, 1000, nodeFs);
    for (let i = 0; i < 30; i++) {
      const path = join(folder.path, `file${i}`);
      writeFileSync(path, 'x'.repeat(10));
      bad.take(path, 'truncated');
    }
    expect(bad.files).toBe(16);
    expect(bad.bytes).toBe(160);
    expect(readdirSync(place)).toContain('file29.truncated');
    expect(readdirSync(place)).toHaveLength(16);
    expect(readdirSync(folder.path)).toEqual(['bad']);
  });

  test('keeps no more bytes than it may', () => {
    using folder = new TemporaryFolder();
    const place = join(folder.path, 'bad');
    mkdirSync(place);
    const bad = new BadFiles(place, 25, nodeFs);
    for (const [name, size] of Object.entries({ a: 10, b: 10, c: 10, d: 30 })) {
      writeFileSync(join(folder.path, name), 'x'.repeat(size));
      bad.take(join(folder.path, name), 'magic');
    }
    expect(bad.bytes).toBeLessThanOrEqual(25);
    expect(readdirSync(place)).not.toContain('d.magic');
  });

  test('leaves a file that another process has taken to that process', () => {
    using folder = new TemporaryFolder();
    const bad = new BadFiles(folder.path, 1000, nodeFs);
    expect(() => bad.take(join(folder.path, 'gone'), 'magic')).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });
});
