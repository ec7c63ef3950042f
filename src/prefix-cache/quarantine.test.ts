import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TemporaryFolder } from '../testing/blocks.js';
import { nodeFs } from './disk-fs.js';
import { Quarantine } from './quarantine.js';

describe('a quarantine', () => {
  test('keeps the newest bad files, with what was wrong in their names', () => {
    using folder = new TemporaryFolder();
    const place = join(folder.path, 'quarantine');
    mkdirSync(place);
    const quarantine = new Quarantine(place, 1000, nodeFs);
    for (let i = 0; i < 30; i++) {
      const path = join(folder.path, `file${i}`);
      writeFileSync(path, 'x'.repeat(10));
      quarantine.take(path, 'truncated');
    }
    expect(quarantine.files).toBe(16);
    expect(quarantine.bytes).toBe(160);
    expect(readdirSync(place)).toContain('file29.truncated');
    expect(readdirSync(place)).toHaveLength(16);
    expect(readdirSync(folder.path)).toEqual(['quarantine']);
  });

  test('keeps no more bytes than it may', () => {
    using folder = new TemporaryFolder();
    const place = join(folder.path, 'quarantine');
    mkdirSync(place);
    const quarantine = new Quarantine(place, 25, nodeFs);
    for (const [name, size] of Object.entries({ a: 10, b: 10, c: 10, d: 30 })) {
      writeFileSync(join(folder.path, name), 'x'.repeat(size));
      quarantine.take(join(folder.path, name), 'magic');
    }
    expect(quarantine.bytes).toBeLessThanOrEqual(25);
    expect(readdirSync(place)).not.toContain('d.magic');
  });

  test('leaves a file that another process has taken to that process', () => {
    using folder = new TemporaryFolder();
    const quarantine = new Quarantine(folder.path, 1000, nodeFs);
    expect(() => quarantine.take(join(folder.path, 'gone'), 'magic')).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });
});
