import { readdirSync, rmSync, statSync, truncateSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chainOf, contentOf, faultyFs, TemporaryFolder, testFingerprint } from '../testing/blocks.js';
import { headerBytes } from './block-file.js';
import { fingerprintOf, type BlockKey } from './block-id.js';
import { DiskTier, type DiskTierOptions, type DiskWorld } from './disk-tier.js';

const mebibyte = 2 ** 20;
const payloadBytes = 4096;
const fileBytes = headerBytes + payloadBytes;
const allocate = (bytes: number): Uint8Array => new Uint8Array(bytes);
const idsOf = (keys: readonly BlockKey[]): string[] => keys.map(({ id }) => id);

function open(directory: string, options: Partial<DiskTierOptions> = {}, world: DiskWorld = {}): DiskTier {
  return new DiskTier({ directory, fingerprint: testFingerprint, limit: mebibyte, ...options }, world);
}

function writeChain(tier: DiskTier, keys: readonly BlockKey[]): string[] {
  return keys.map((key) => tier.write(key, contentOf(key.id, payloadBytes)));
}

/** How many of a chain are there; fails when one is not what was written. */
function readChain(tier: DiskTier, keys: readonly BlockKey[]): number {
  let there = 0;
  for (const { id } of keys) {
    const payload = tier.read(id, allocate);
    if (payload === undefined) continue;
    there++;
    if (!contentOf(id, payloadBytes).equals(payload)) throw new Error('a wrong payload was read');
  }
  return there;
}

/** Bytes of all block files. */
function bytesIn(directory: string): number {
  const root = join(directory, 'v1', 'blocks');
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

const day = 24 * 60 * 60 * 1000;
const noon = Date.UTC(2026, 5, 15, 12);

describe('a disk tier', () => {
  test('reads what it has written, also after a restart', () => {
    using folder = new TemporaryFolder();
    const keys = chainOf(5);
    const first = open(folder.path);
    expect(writeChain(first, keys)).toEqual(Array(5).fill('written'));
    expect(writeChain(first, keys)).toEqual(Array(5).fill('present'));
    expect(first.leading(idsOf(chainOf(8)))).toBe(5);
    first.close();
    const second = open(folder.path);
    expect(second.stats().scanned).toBe(false);
    expect(readChain(second, chainOf(8))).toBe(5);
    while (second.scanning) second.scanSome(1);
    expect(second.stats()).toMatchObject({
      files: 5,
      bytes: 5 * fileBytes,
      reads: 5,
      misses: 3,
      scanned: true,
      processes: 1,
      errors: {},
      faults: {},
    });
    expect(bytesIn(folder.path)).toBe(5 * fileBytes);
  });

  test('keeps models apart, and limits them together', () => {
    using folder = new TemporaryFolder();
    const other = fingerprintOf({ model: 'other' });
    const [mine, theirs] = [open(folder.path), open(folder.path, { fingerprint: other })];
    writeChain(mine, chainOf(3));
    writeChain(theirs, chainOf(3, 0, other));
    expect(readChain(theirs, chainOf(3))).toBe(0);
    expect(theirs.stats().files).toBe(6);
    expect(theirs.clear()).toBe(3);
    expect(readChain(mine, chainOf(3))).toBe(3);
    expect(readChain(theirs, chainOf(3, 0, other))).toBe(0);
  });

  test('removes the chain used longest ago from its end', () => {
    using folder = new TemporaryFolder();
    let now = noon;
    const tier = open(folder.path, { limit: 40 * 32 * 160 }, { now: () => now });
    const [old, used] = [chainOf(12, 1), chainOf(12, 2)].map((keys) => keys.slice(0, 12));
    if (old === undefined || used === undefined) throw new Error('no chains');
    for (const keys of [used, old]) {
      expect(writeChain(tier, keys)).toEqual(Array(12).fill('written'));
      now += 100_000;
    }
    tier.touch(idsOf(used));
    now += 100_000;
    writeChain(tier, chainOf(30, 3));
    const left = [old, used].map((keys) => readChain(tier, keys));
    expect(left[0]).toBeLessThan(12);
    expect(tier.leading(idsOf(old))).toBe(left[0]);
    expect(left[1]).toBe(12);
    expect(tier.stats().bytes).toBeLessThanOrEqual(40 * 32 * 160);
    expect(bytesIn(folder.path)).toBe(tier.stats().bytes);
  });

  test('knows after a restart what was used', () => {
    using folder = new TemporaryFolder();
    let now = noon;
    const world = { now: () => now };
    const first = open(folder.path, {}, world);
    writeChain(first, chainOf(3, 1));
    now += 100_000;
    writeChain(first, chainOf(3, 2));
    now += 100_000;
    first.touch(idsOf(chainOf(3, 1)));
    first.close();
    now += 100_000;
    const second = open(folder.path, { limit: 32 * (fileBytes + 10) * 2 }, world);
    for (let seed = 3; second.stats().evicted < 3; seed++) writeChain(second, chainOf(1, seed));
    expect(readChain(second, chainOf(3, 1))).toBe(3);
    expect(readChain(second, chainOf(3, 2))).toBe(0);
  });

  test('takes no block that is larger than a share of the limit', () => {
    using folder = new TemporaryFolder();
    const tier = open(folder.path, { limit: 32 * 1024 });
    expect(writeChain(tier, chainOf(2))).toEqual(['too-large', 'too-large']);
    expect(tier.stats()).toMatchObject({ writes: { 'too-large': 2 }, files: 0 });
  });

  test('finds blocks that another process writes, and counts them after a scan', () => {
    using folder = new TemporaryFolder();
    const [a, b] = [open(folder.path), open(folder.path)];
    writeChain(a, chainOf(1, 9));
    writeChain(b, chainOf(4));
    expect(a.leading(idsOf(chainOf(4)))).toBe(4);
    expect(readChain(a, chainOf(4))).toBe(4);
    expect(a.stats().files).toBe(5);
    expect(b.stats()).toMatchObject({ files: 5, processes: 2 });
  });

  test('does not write what another process is writing', () => {
    using folder = new TemporaryFolder();
    const [key] = chainOf(1);
    if (key === undefined) throw new Error('no block');
    const other = open(folder.path);
    let nested: string | undefined;
    const fs = faultyFs((operation, [path]) => {
      if (operation === 'renameSync' && String(path).endsWith('.part'))
        nested = other.write(key, contentOf(key.id, payloadBytes));
      return undefined;
    });
    expect(open(folder.path, {}, { fs }).write(key, contentOf(key.id, payloadBytes))).toBe('written');
    expect(nested).toBe('claimed');
    expect(other.stats().writes).toEqual({ claimed: 1 });
  });

  test('keeps the floor of free space, at the cost of its older blocks', () => {
    using folder = new TemporaryFolder();
    let free = 0;
    const fs = faultyFs(() => undefined);
    const measured: typeof fs = new Proxy(fs, {
      get: (target, name: keyof typeof fs) =>
        name === 'statfsSync'
          ? () => ({ bavail: free - Math.ceil(bytesIn(folder.path)), bsize: 1 })
          : target[name],
    });
    const tier = open(folder.path, { freeFloor: 100_000 }, { fs: measured });
    free = 100_000 + 3 * fileBytes;
    expect(writeChain(tier, chainOf(3, 1))).toEqual(Array(3).fill('written'));
    expect(writeChain(tier, chainOf(2, 2))).toEqual(['written', 'written']);
    expect(bytesIn(folder.path)).toBe(3 * fileBytes);
    free = 50_000;
    expect(writeChain(tier, chainOf(1, 3))).toEqual(['no-space']);
    expect(bytesIn(folder.path)).toBe(3 * fileBytes);
    expect(tier.stats()).toMatchObject({ evicted: 2, writes: { written: 5, 'no-space': 1 } });
  });

  test('does not empty itself where removed files give no space back', () => {
    using folder = new TemporaryFolder();
    const fs = faultyFs(() => undefined);
    const stuck: typeof fs = new Proxy(fs, {
      get: (target, name: keyof typeof fs) =>
        name === 'statfsSync' ? () => ({ bavail: 100_000, bsize: 1 }) : target[name],
    });
    writeChain(open(folder.path), chainOf(10, 1));
    const tier = open(folder.path, { freeFloor: 100_000 }, { fs: stuck });
    expect(writeChain(tier, chainOf(5, 2))).toEqual(['no-space', ...Array<string>(4).fill('paused')]);
    expect(bytesIn(folder.path)).toBe(9 * fileBytes);
    expect(tier.stats().paused).toBe('free-floor');
  });

  test('writes no more in a day than it may, over restarts, and more on the next day', () => {
    using folder = new TemporaryFolder();
    let now = noon;
    const options = { dailyWrites: 4 * 65_536, limit: 32 * mebibyte };
    const write = (seed: number): number => {
      const tier = open(folder.path, options, { now: () => now });
      const outcomes = chainOf(6, seed).map((key) => tier.write(key, contentOf(key.id, 60_000)));
      tier.close();
      const written = outcomes.filter((outcome) => outcome === 'written').length;
      expect(tier.stats().writes['over-budget'] ?? 0).toBe(6 - written);
      return written;
    };
    expect(write(1)).toBe(4);
    expect(write(2)).toBe(0);
    now += day / 2 - 1;
    expect(write(3)).toBe(0);
    now += 1;
    expect(write(4)).toBe(4);
    // The clock goes back over midnight, and forward again: neither day begins anew.
    now -= 1;
    expect(write(5)).toBe(0);
    now += 1;
    expect(write(6)).toBe(0);
  });

  test('goes on when the clock is put back', () => {
    using folder = new TemporaryFolder();
    let now = noon;
    let fails = true;
    const fs = faultyFs((operation) => (fails && operation === 'openSync' ? 'EIO' : undefined));
    const tier = open(folder.path, {}, { now: () => now, fs });
    expect(writeChain(tier, chainOf(2))).toEqual(['failed', 'paused']);
    fails = false;
    now -= 10 * day;
    expect(writeChain(tier, chainOf(2))).toEqual(['written', 'written']);
    // A file of the future does not outlive all others.
    const [key] = chainOf(1);
    const path = join(folder.path, 'v1/blocks', testFingerprint, key?.id.slice(0, 2) ?? '', `${key?.id}.kv`);
    utimesSync(path, (now + 100 * day) / 1000, (now + 100 * day) / 1000);
    const next = open(folder.path, { limit: 32 * fileBytes * 2 }, { now: () => now });
    next.write(chainOf(1, 2)[0] ?? failed(), contentOf('', payloadBytes));
    now += day;
    for (let seed = 3; next.stats().evicted < 4; seed++) writeChain(next, chainOf(10, seed));
    expect(next.has(key?.id ?? '')).toBe(false);
  });

  test('verifies all files between other work', () => {
    using folder = new TemporaryFolder();
    const tier = open(folder.path);
    writeChain(tier, chainOf(4));
    const steps = tier.verify();
    let count = 0;
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) count++;
    expect(count).toBe(4);
    expect(step.value).toEqual({ files: 4, bytes: 4 * fileBytes, bad: 0 });
  });
});

function failed(): never {
  throw new Error('no such block');
}

const blockSteps = ['write', 'read', 'touch', 'lose', 'spoil'] as const;

/** What a process does with a directory, and what others do to it. */
type Step =
  | { kind: (typeof blockSteps)[number]; chain: number; block: number; who: number }
  | { kind: 'restart' | 'clear'; who: number }
  | { kind: 'time'; seconds: number }
  | { kind: 'fail'; operation: string | undefined };

const who = fc.nat(1);
const place = { chain: fc.nat(5), block: fc.nat(7), who };
const operations = [
  'openSync',
  'renameSync',
  'writeSync',
  'unlinkSync',
  'linkSync',
  'readdirSync',
  undefined,
] as const;
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('write' as const), ...place }) },
  { weight: 14, arbitrary: fc.record({ kind: fc.constantFrom(...blockSteps), ...place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'clear' as const), who }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('time' as const), seconds: fc.integer({ min: -60, max: 600 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('fail' as const), operation: fc.constantFrom(...operations) }),
  },
);

const chains = [0, 1, 2, 3, 4, 5].map((seed) => chainOf(8, seed + 1));

function play(steps: readonly Step[]): void {
  using folder = new TemporaryFolder();
  let now = noon;
  let failing: string | undefined;
  const limit = 32 * 1024;
  const size = 512;
  const fs = faultyFs((operation) => (operation === failing ? 'EIO' : undefined));
  const start = (): DiskTier => open(folder.path, { limit }, { fs, now: () => now });
  const tiers = [start(), start()];
  for (const one of steps) {
    if (one.kind === 'time') now += one.seconds * 1000;
    else if (one.kind === 'fail') failing = one.operation;
    else if (!('block' in one)) {
      if (one.kind === 'clear') {
        tiers[one.who]?.clear();
        continue;
      }
      tiers[one.who]?.close();
      tiers[one.who] = start();
    } else {
      const tier = tiers[one.who] ?? failed();
      const keys = chains[one.chain] ?? failed();
      const key = keys[one.block] ?? failed();
      const path = join(folder.path, 'v1/blocks', testFingerprint, key.id.slice(0, 2), `${key.id}.kv`);
      if (one.kind === 'write') tier.write(key, contentOf(key.id, size));
      else if (one.kind === 'touch') tier.touch(idsOf(keys.slice(0, one.block + 1)));
      else if (one.kind === 'lose') rmSync(path, { force: true });
      else if (one.kind === 'spoil') spoil(path);
      else {
        const payload = tier.read(key.id, allocate);
        if (payload !== undefined && !contentOf(key.id, size).equals(payload))
          throw new Error('a wrong payload was read');
      }
    }
    if (one.kind === 'write' && bytesIn(folder.path) > limit) throw new Error('the limit was exceeded');
  }
  // When all is well again, everything that is known is there, and can be written.
  failing = undefined;
  now += 3600_000;
  const last = start();
  while (last.scanning) last.scanSome(10);
  expect(last.stats()).toMatchObject({ bytes: bytesIn(folder.path), scanned: true });
  const key = chainOf(1, 77)[0] ?? failed();
  expect(last.write(key, contentOf(key.id, size))).toBe('written');
}

/** Cuts a file's last byte off. */
function spoil(path: string): void {
  try {
    truncateSync(path, statSync(path).size - 1);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

test(
  'two disk tiers keep their limit and never read a wrong payload in 10,000 random operations',
  { timeout: 60_000 },
  () => {
    fc.assert(fc.property(fc.array(step, { minLength: 200, maxLength: 200 }), play), { numRuns: 50 });
  },
);
