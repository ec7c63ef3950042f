import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { faultyFs, TemporaryFolder } from '../testing/blocks.js';
import { DiskClaims } from './disk-claims.js';
import { DiskFolder } from './disk-folder.js';
import { nodeFs, type DiskFs } from './disk-fs.js';
import { ownerName, thisOwner, type DiskOwner, type Liveness } from './disk-owner.js';

const id = 'ab'.repeat(32);
const hour = 60 * 60 * 1000;

/** Several owners in one folder, of which each has the liveness that it is given. */
function claimsIn(path: string, fs: DiskFs = nodeFs) {
  const folder = new DiskFolder(path, fs);
  folder.make();
  const liveness = new Map<string, Liveness>();
  let now = Date.now();
  const enter = (state: Liveness = 'alive') => {
    const owner: DiskOwner = thisOwner();
    liveness.set(ownerName(owner), state);
    const options = {
      fs,
      now: () => now,
      liveness: (one: DiskOwner) => liveness.get(ownerName(one)) ?? 'unknown',
    };
    const claims = new DiskClaims(folder, owner, options);
    claims.register();
    return { claims, become: (next: Liveness) => liveness.set(ownerName(owner), next) };
  };
  return { folder, enter, pass: (ms: number) => (now += ms) };
}

describe('a claim', () => {
  test('is had by one process at a time', () => {
    using folder = new TemporaryFolder();
    const { enter } = claimsIn(folder.path);
    const [a, b] = [enter(), enter()];
    expect(a.claims.claim(id)).toBe(true);
    expect(b.claims.claim(id)).toBe(false);
    a.claims.release(id);
    expect(b.claims.claim(id)).toBe(true);
  });

  test('of a dead process is none', () => {
    using folder = new TemporaryFolder();
    const { enter } = claimsIn(folder.path);
    const [a, b] = [enter(), enter()];
    a.claims.claim(id);
    a.become('dead');
    expect(b.claims.claim(id)).toBe(true);
  });

  test('of a process that can not be asked holds for an hour', () => {
    using folder = new TemporaryFolder();
    const { enter, pass } = claimsIn(folder.path);
    const [a, b] = [enter(), enter()];
    a.claims.claim(id);
    a.become('unknown');
    pass(hour - 60_000);
    expect(b.claims.claim(id)).toBe(false);
    pass(120_000);
    expect(b.claims.claim(id)).toBe(true);
  });

  test('of its own that could not be released is still its own', () => {
    using folder = new TemporaryFolder();
    const { enter } = claimsIn(folder.path);
    const { claims } = enter();
    expect(claims.claim(id)).toBe(true);
    expect(claims.claim(id)).toBe(true);
  });

  test('is free for all where there are no hard links', () => {
    using folder = new TemporaryFolder();
    const fs = faultyFs((operation) => (operation === 'linkSync' ? 'EPERM' : undefined));
    const { enter } = claimsIn(folder.path, fs);
    expect(enter().claims.claim(id)).toBe(true);
    expect(enter().claims.claim(id)).toBe(true);
  });

  test('is made again when the owner’s file was removed', () => {
    using folder = new TemporaryFolder();
    const { enter } = claimsIn(folder.path);
    const { claims } = enter();
    claims.unregister();
    expect(claims.claim(id)).toBe(true);
  });
});

describe('leftovers', () => {
  test('of the dead are removed, and nothing else', () => {
    using folder = new TemporaryFolder();
    const { enter, folder: layout } = claimsIn(folder.path);
    const [living, dead, self] = [enter(), enter(), enter()];
    const other = 'cd'.repeat(32);
    living.claims.claim(id);
    dead.claims.claim(other);
    for (const { claims } of [living, dead]) writeFileSync(claims.partPath(id), 'half');
    writeFileSync(join(layout.work, 'notes.txt'), '');
    dead.become('dead');
    expect(self.claims.clean()).toBe(3);
    expect(readdirSync(layout.work)).toHaveLength(5);
    expect(self.claims.processes()).toBe(2);
    expect(self.claims.claim(id)).toBe(false);
    expect(self.claims.claim(other)).toBe(true);
  });

  test('of those who can not be asked are removed after an hour, unless they say that they live', () => {
    using folder = new TemporaryFolder();
    const { enter, folder: layout, pass } = claimsIn(folder.path);
    const [silent, self] = [enter('unknown'), enter()];
    writeFileSync(silent.claims.partPath(id), 'half');
    expect(self.claims.processes()).toBe(2);
    expect(self.claims.clean()).toBe(0);
    const soon = (Date.now() + 2 * hour) / 1000;
    pass(2 * hour);
    for (const name of readdirSync(layout.work))
      if (name.endsWith('.owner')) utimesSync(join(layout.work, name), soon, soon);
    expect(self.claims.clean()).toBe(1);
    expect(self.claims.processes()).toBe(2);
    pass(2 * hour);
    expect(self.claims.clean()).toBe(1);
    expect(self.claims.processes()).toBe(1);
  });
});
