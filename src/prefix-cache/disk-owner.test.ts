import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { livenessOf, ownerName, parseOwner, thisOwner } from './disk-owner.js';

describe('an owner', () => {
  test('is told by its name', () => {
    const owner = thisOwner();
    expect(parseOwner(ownerName(owner))).toEqual(owner);
    expect(ownerName(thisOwner())).not.toBe(ownerName(owner));
    for (const name of ['', 'notes', 'abc-1-2-3', `${ownerName(owner)}.part`])
      expect(parseOwner(name)).toBeUndefined();
  });

  test('lives while its process does', () => {
    const owner = thisOwner();
    expect(livenessOf(owner)).toBe('alive');
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    expect(livenessOf({ ...owner, pid })).toBe('dead');
    expect(livenessOf({ ...owner, machine: '0'.repeat(12) })).toBe('unknown');
  });

  test.skipIf(!existsSync('/proc/self/stat'))('is dead when its process id was given out again', () => {
    expect(livenessOf({ ...thisOwner(), start: '1' })).toBe('dead');
  });
});
