import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chainOf, contentOf, faultyFs, TemporaryFolder, testFingerprint } from '../testing/blocks.js';
import { headerBytes } from './block-file.js';
import { fingerprintOf, type BlockKey } from './block-id.js';
import type { DiskFs } from './disk-fs.js';
import { DiskTier, type DiskTierOptions, type DiskWorld } from './disk-tier.js';

/*
 * Whatever happens to its directory, a disk tier throws nothing and never gives out a payload that is not the one that
 * was written; and it says what has happened.
 */

const payloadBytes = 4096;
const keys = chainOf(3);
const [key = noBlock(), second = noBlock()] = keys;
const content = contentOf(key.id, payloadBytes);
const isRoot = process.getuid?.() === 0;

function noBlock(): BlockKey {
  throw new Error('no such block');
}

function open(directory: string, world: DiskWorld = {}, options: Partial<DiskTierOptions> = {}): DiskTier {
  return new DiskTier({ directory, fingerprint: testFingerprint, limit: 2 ** 20, ...options }, world);
}

const pathOf = (directory: string, { id }: BlockKey, fingerprint = testFingerprint): string =>
  join(directory, 'v1', 'blocks', fingerprint, id.slice(0, 2), `${id}.kv`);

const writeAll = (tier: DiskTier): string[] =>
  keys.map((one) => tier.write(one, contentOf(one.id, payloadBytes)));

/** How many blocks are read. @throws when one is wrong */
function readAll(tier: DiskTier): number {
  return keys.filter(({ id }) => {
    const payload = tier.read(id, (bytes) => new Uint8Array(bytes));
    if (payload !== undefined && !contentOf(id, payloadBytes).equals(payload))
      throw new Error('wrong payload');
    return payload !== undefined;
  }).length;
}

/** What becomes of the first of three blocks when its file is changed. */
function spoiled(change: (path: string, folder: string) => void): DiskTier {
  using folder = new TemporaryFolder();
  const tier = open(folder.path);
  expect(writeAll(tier)).toEqual(['written', 'written', 'written']);
  change(pathOf(folder.path, key), folder.path);
  expect(readAll(tier)).toBe(2);
  expect(tier.has(key.id)).toBe(false);
  expect(tier.stats()).toMatchObject({ files: 2, badFiles: 1, reads: 2, misses: 1, errors: {} });
  expect(readdirSync(join(folder.path, 'v1', 'bad'))).toHaveLength(1);
  // It is written again, and then it is right.
  expect(tier.write(key, content)).toBe('written');
  expect(readAll(tier)).toBe(3);
  return tier;
}

const faultsOf = (tier: DiskTier): object => tier.stats().faults;

describe('a file of which', () => {
  test('any one bit is flipped is a miss', () => {
    using folder = new TemporaryFolder();
    const tier = open(folder.path);
    tier.write(key, content);
    const path = pathOf(folder.path, key);
    const good = readFileSync(path);
    expect(good).toHaveLength(headerBytes + payloadBytes);
    let flips = 0;
    for (let bit = 0; bit < good.length * 8; bit += bit < headerBytes * 8 ? 7 : 97) {
      const bad = Buffer.from(good);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(path, bad);
      expect(readAll(tier)).toBe(0);
      flips++;
    }
    const { faults, badFiles, badBytes } = tier.stats();
    expect(Object.values(faults).reduce((sum, count) => sum + count, 0)).toBe(flips);
    expect(Object.keys(faults).toSorted()).toEqual([
      'header-checksum',
      'magic',
      'payload-checksum',
      'version',
    ]);
    expect(badFiles).toBeLessThanOrEqual(16);
    expect(badBytes).toBeLessThanOrEqual(2 ** 20 / 32);
  });

  test('the end is missing is a miss, wherever it was cut', () => {
    using folder = new TemporaryFolder();
    const tier = open(folder.path);
    tier.write(key, content);
    const path = pathOf(folder.path, key);
    const good = readFileSync(path);
    const lengths = [1, 7, 8, 9, 100, 255, 256, 257, 300, 2000, good.length - 1];
    for (const length of lengths) {
      writeFileSync(path, good.subarray(0, length));
      expect(readAll(tier)).toBe(0);
    }
    expect(faultsOf(tier)).toEqual({ truncated: lengths.length });
  });

  test('nothing is left is a miss', () => {
    expect(faultsOf(spoiled((path) => truncateSync(path, 0)))).toEqual({ empty: 1 });
  });

  test('more is there than should be is a miss', () => {
    expect(faultsOf(spoiled((path) => writeFileSync(path, 'x', { flag: 'a' })))).toEqual({ oversized: 1 });
  });

  test('all bytes are another program’s is a miss', () => {
    expect(
      faultsOf(spoiled((path) => writeFileSync(path, 'a text about something else'.repeat(99)))),
    ).toEqual({
      magic: 1,
    });
  });

  test('the content is another block’s is a miss', () => {
    expect(faultsOf(spoiled((path, folder) => copyFileSync(pathOf(folder, second), path)))).toEqual({
      id: 1,
    });
  });

  test('the content is another model’s is a miss', () => {
    const other = fingerprintOf({ model: 'other' });
    const change = (path: string, folder: string): void => {
      open(folder, {}, { fingerprint: other }).write(key, content);
      copyFileSync(pathOf(folder, key, other), path);
    };
    using folder = new TemporaryFolder();
    const tier = open(folder.path);
    writeAll(tier);
    change(pathOf(folder.path, key), folder.path);
    expect(readAll(tier)).toBe(2);
    expect(faultsOf(tier)).toEqual({ fingerprint: 1 });
  });

  test('a directory has taken the place is a miss', () => {
    const change = (path: string): void => {
      rmSync(path);
      mkdirSync(path);
    };
    expect(faultsOf(spoiled(change))).toEqual({ 'no-file': 1 });
  });

  test.skipIf(process.platform === 'win32')(
    'a named pipe has taken the place is a miss, and nobody waits for it',
    () => {
      const change = (path: string): void => {
        rmSync(path);
        expect(spawnSync('mkfifo', [path]).status).toBe(0);
      };
      expect(faultsOf(spoiled(change))).toEqual({ 'no-file': 1 });
    },
  );
});

describe('files that are not the cache’s', () => {
  test('are counted and left alone', () => {
    using folder = new TemporaryFolder();
    writeAll(open(folder.path));
    const blocks = join(folder.path, 'v1', 'blocks');
    const shard = join(blocks, testFingerprint, key.id.slice(0, 2));
    const foreign = [
      join(blocks, 'notes.txt'),
      join(blocks, 'ab'.repeat(32)),
      join(blocks, testFingerprint, 'README'),
      join(blocks, testFingerprint, 'zz'),
      join(shard, `${key.id}.kv.bak`),
      join(shard, 'thumbs.db'),
    ];
    for (const path of foreign) writeFileSync(path, 'not a block');
    mkdirSync(join(shard, `${'0'.repeat(64)}.kv`));
    symlinkSync('/nowhere', join(shard, `${'1'.repeat(64)}.kv`));
    writeFileSync(join(folder.path, 'v1', 'work', 'notes.txt'), 'not a claim');
    const tier = open(folder.path);
    while (tier.scanning) tier.scanSome(1);
    expect(tier.stats()).toMatchObject({ files: 3, foreign: 7, errors: {} });
    expect(tier.clear()).toBe(3);
    for (const path of foreign) expect(readFileSync(path, 'utf8')).toBe('not a block');
  });
});

/** Calls that write, and those that read. */
const writing = new Set<keyof DiskFs>([
  'appendFileSync',
  'linkSync',
  'mkdirSync',
  'renameSync',
  'rmSync',
  'unlinkSync',
  'utimesSync',
  'futimesSync',
  'writeFileSync',
  'writeSync',
]);
const opensToWrite = (operation: keyof DiskFs, [, flags]: readonly unknown[]): boolean =>
  operation === 'openSync' && flags === 'w';

describe('a directory that', () => {
  test('can not be written is read, and says so', () => {
    using folder = new TemporaryFolder();
    writeAll(open(folder.path));
    let readOnly = true;
    const fs = faultyFs((operation, args) =>
      readOnly && (writing.has(operation) || opensToWrite(operation, args)) ? 'EROFS' : undefined,
    );
    let now = Date.now();
    const tier = open(folder.path, { fs, now: () => now });
    expect(readAll(tier)).toBe(3);
    const [other = key] = chainOf(1, 7);
    expect(tier.write(other, content)).toBe('failed');
    expect(tier.write(other, content)).toBe('paused');
    expect(tier.stats()).toMatchObject({ paused: 'EROFS', writes: { failed: 1, paused: 1 } });
    expect(tier.stats().errors).toMatchObject({ 'open:EROFS': 1, 'write:EROFS': 1 });
    tier.touch(keys.map(({ id }) => id));
    expect(tier.clear()).toBe(0);
    // A bad file that can not be set aside is not read twice.
    truncateSync(pathOf(folder.path, key), 300);
    expect(readAll(tier)).toBe(2);
    expect(readAll(tier)).toBe(2);
    expect(faultsOf(tier)).toEqual({ truncated: 1 });
    readOnly = false;
    now += 10_000;
    expect(tier.write(other, content)).toBe('written');
    expect(tier.write(key, content)).toBe('written');
    expect(readAll(tier)).toBe(3);
    expect(tier.stats().paused).toBeUndefined();
  });

  test('can not be read is empty, and nothing is written into it blindly', () => {
    using folder = new TemporaryFolder();
    writeAll(open(folder.path));
    const fs = faultyFs((operation) =>
      ['readdirSync', 'openSync', 'statSync'].includes(operation) ? 'EACCES' : undefined,
    );
    const tier = open(folder.path, { fs });
    expect(tier.leading(keys.map(({ id }) => id))).toBe(0);
    expect(readAll(tier)).toBe(0);
    expect(writeAll(tier)).toEqual(['failed', 'paused', 'paused']);
    expect(tier.stats()).toMatchObject({ misses: 3, scanned: false, paused: 'EACCES' });
    expect(tier.stats().errors).toMatchObject({ 'read:EACCES': 3, 'scan:EACCES': 1, 'stat:EACCES': 2 });
  });

  // Root may read and write whatever the permissions are.
  test.skipIf(isRoot)('its owner may neither read nor write is empty (not as root)', () => {
    using folder = new TemporaryFolder();
    writeAll(open(folder.path));
    const blocks = join(folder.path, 'v1', 'blocks');
    chmodSync(blocks, 0o000);
    const tier = open(folder.path);
    expect(readAll(tier)).toBe(0);
    expect(tier.write(key, content)).toBe('failed');
    chmodSync(blocks, 0o500);
    expect(readAll(tier)).toBe(3);
    chmodSync(blocks, 0o700);
    expect(Object.keys(tier.stats().errors)).toContain('read:EACCES');
  });

  test('is removed while in use is made again', () => {
    using folder = new TemporaryFolder();
    const directory = join(folder.path, 'cache');
    const tier = open(directory, {}, { freeFloor: 1, dailyWrites: 2 ** 30 });
    writeAll(tier);
    rmSync(directory, { recursive: true });
    expect(readAll(tier)).toBe(0);
    expect(tier.leading(keys.map(({ id }) => id))).toBe(0);
    tier.touch(keys.map(({ id }) => id));
    expect(writeAll(tier)).toEqual(['written', 'written', 'written']);
    expect(readAll(tier)).toBe(3);
    expect(tier.stats()).toMatchObject({ files: 3, errors: { 'write:ENOENT': 1 } });
    rmSync(join(directory, 'v1', 'blocks', testFingerprint), { recursive: true });
    expect(writeAll(tier)).toEqual(['written', 'written', 'written']);
    rmSync(join(directory, 'v1', 'work'), { recursive: true });
    expect(tier.write(chainOf(1, 4)[0] ?? key, content)).toBe('written');
    tier.close();
  });

  test('can not be made is empty', () => {
    using folder = new TemporaryFolder();
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    const tier = open(join(file, 'cache'));
    expect(readAll(tier)).toBe(0);
    expect(tier.write(key, content)).toBe('failed');
    expect(tier.clear()).toBe(0);
    tier.close();
    expect(tier.stats().errors).toMatchObject({ 'open:ENOTDIR': 1 });
  });
});

describe('a disk that is full', () => {
  test.each(['ENOSPC', 'EDQUOT'])('(%s, injected) costs blocks, and leaves no half files', (code) => {
    using folder = new TemporaryFolder();
    let now = Date.now();
    let room = 3 * 4352 + 2000;
    const fs = faultyFs((operation, args) => {
      if (operation !== 'writeSync') return undefined;
      room -= Number(args[3]);
      return room < 0 ? code : undefined;
    });
    const tier = open(folder.path, { fs, now: () => now });
    expect(writeAll(tier)).toEqual(['written', 'written', 'written']);
    const [other = key] = chainOf(1, 7);
    expect(tier.write(other, content)).toBe('failed');
    expect(tier.stats()).toMatchObject({ paused: code, errors: { [`write:${code}`]: 1 }, evicted: 1 });
    expect(readdirSync(join(folder.path, 'v1', 'work')).filter((name) => !name.endsWith('.owner'))).toEqual(
      [],
    );
    // What it has removed is room for the next.
    room = 4352;
    now += 10_000;
    expect(tier.write(other, content)).toBe('written');
    expect(readAll(tier)).toBe(2);
  });

  test('(real) costs blocks, and is used as far as it goes', (context) => {
    using folder = new TemporaryFolder();
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder.path]);
    if (mount.status !== 0) context.skip('no file system can be mounted here');
    try {
      let now = Date.now();
      const tier = open(folder.path, { now: () => now }, { limit: 2 ** 30 });
      const outcomes: string[] = [];
      const chain = chainOf(400, 3);
      for (const one of chain) {
        outcomes.push(tier.write(one, contentOf(one.id, payloadBytes)));
        now += 10_000;
      }
      expect(new Set(outcomes)).toEqual(new Set(['written', 'failed']));
      const { errors, evicted, paused } = tier.stats();
      expect(errors['write:ENOSPC']).toBe(outcomes.filter((outcome) => outcome === 'failed').length);
      expect(evicted).toBeGreaterThan(0);
      expect([undefined, 'ENOSPC']).toContain(paused);
      const next = open(folder.path);
      const read = chain.filter(({ id }) => {
        const payload = next.read(id, (bytes) => new Uint8Array(bytes));
        if (payload !== undefined && !contentOf(id, payloadBytes).equals(payload))
          throw new Error('wrong payload');
        return payload !== undefined;
      });
      expect(read.length).toBeGreaterThan(100);
      expect(faultsOf(next)).toEqual({});
    } finally {
      spawnSync('umount', [folder.path]);
    }
  });
});

describe('a system call that fails, whichever it is,', () => {
  const operations = [
    'appendFileSync',
    'closeSync',
    'fstatSync',
    'fsyncSync',
    'futimesSync',
    'linkSync',
    'mkdirSync',
    'openSync',
    'readSync',
    'readdirSync',
    'renameSync',
    'rmSync',
    'statSync',
    'statfsSync',
    'unlinkSync',
    'utimesSync',
    'writeFileSync',
    'writeSync',
  ] as const satisfies (keyof DiskFs)[];

  test.each(operations)('throws nothing, and is over when it is over: %s', (operation) => {
    using folder = new TemporaryFolder();
    let failing = false;
    let failed = 0;
    let now = Date.now();
    const fs = faultyFs((called) => {
      if (!failing || called !== operation) return undefined;
      failed++;
      return 'EIO';
    });
    const options = { fsync: true, freeFloor: 1, dailyWrites: 2 ** 30 };
    const tier = open(folder.path, { fs, now: () => now }, options);
    writeAll(tier);
    truncateSync(pathOf(folder.path, second), 100);
    failing = true;
    now += 100_000;
    const [another = key] = chainOf(1, 9);
    const both = [tier, open(folder.path, { fs, now: () => now }, options)];
    for (const one of both) {
      readAll(one);
      one.write(another, content);
      one.touch(keys.map(({ id }) => id));
      const steps = one.verify();
      while (steps.next().done !== true);
      one.clear();
    }
    failing = false;
    now += 100_000;
    for (const one of both) {
      one.clear();
      expect(writeAll(one)).toEqual(['written', 'written', 'written']);
      expect(readAll(one)).toBe(3);
      expect(one.write(another, content)).not.toBe('failed');
      one.close();
    }
    expect(failed).toBeGreaterThan(0);
    const told = both.flatMap((one) => Object.keys(one.stats().errors));
    expect(told.filter((error) => error.endsWith(':EIO')).length).toBeGreaterThan(0);
  });
});
