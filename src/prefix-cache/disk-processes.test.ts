import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { chainOf, contentOf, TemporaryFolder, testFingerprint } from '../testing/blocks.js';
import type { WriterPlan } from '../testing/disk-writer.js';
import type { DiskStats } from './disk-stats.js';
import { DiskTier } from './disk-tier.js';

const mebibyte = 2 ** 20;
const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});

/** A process that writes; see `src/testing/disk-writer.ts`. */
function startWriter(directory: string, limit: number, plan: Omit<WriterPlan, 'options'>) {
  const options = { directory, limit, fingerprint: testFingerprint };
  const whole: WriterPlan = { options, ...plan };
  const child = spawn(process.execPath, [resolve('dist/testing/disk-writer.js'), JSON.stringify(whole)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
  const ended = once(child, 'close').then(() => running.delete(child));
  return {
    child,
    ended,
    ready: once(child.stdout, 'data'),
    /** What it did, after its end. */
    async stats(): Promise<DiskStats> {
      await ended;
      return JSON.parse(output.split('\n').at(-2) ?? '') as DiskStats;
    },
  };
}

function open(directory: string, limit: number): DiskTier {
  const tier = new DiskTier({ directory, limit, fingerprint: testFingerprint });
  while (tier.scanning) tier.scanSome(100);
  return tier;
}

function verify(tier: DiskTier): { files: number; bad: number } {
  const steps = tier.verify();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Bytes of all files in the directory, those that are being written included. */
function bytesIn(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.endsWith('.claim') && statSync(path).isFile())
    .reduce((sum, path) => sum + statSync(path).size, 0);
}

describe('writers of one directory', () => {
  test('that are killed at any point leave only blocks that verify', { timeout: 120_000 }, async () => {
    using folder = new TemporaryFolder();
    const limit = 256 * mebibyte;
    const payloadBytes = mebibyte;
    let leftovers = 0;
    let files = 0;
    const met = (): boolean => files > 0 && leftovers > 0;
    // Some are to be killed within a write, and some behind one.
    for (let round = 0; round < 30 || (!met() && round < 200); round++) {
      const writer = startWriter(folder.path, limit, { seeds: [1], blocks: 12, payloadBytes, forever: true });
      await writer.ready;
      await sleep(Math.random() * 40);
      writer.child.kill('SIGKILL');
      await writer.ended;
      const work = join(folder.path, 'v1', 'work');
      leftovers += readdirSync(work).filter((name) => name.endsWith('.part')).length;
      const tier = open(folder.path, limit);
      expect(readdirSync(work).filter((name) => !name.endsWith('.owner'))).toEqual([]);
      const report = verify(tier);
      expect(report.bad).toBe(0);
      files += report.files;
      for (const { id } of chainOf(12, 1)) {
        const payload = tier.read(id, (bytes) => new Uint8Array(bytes));
        assert(payload === undefined || contentOf(id, payloadBytes).equals(payload), 'a wrong payload');
      }
      expect(tier.stats()).toMatchObject({ faults: {}, errors: {}, processes: 1 });
      expect(tier.stats().cleaned).toBeGreaterThanOrEqual(1);
      tier.clear();
      tier.close();
    }
    expect(met()).toBe(true);
  });

  test('write each block once, when they write the same ones at once', { timeout: 60_000 }, async () => {
    using folder = new TemporaryFolder();
    const limit = 256 * mebibyte;
    const payloadBytes = 64 * 1024;
    const plan = { seeds: [1, 2, 3], blocks: 100, payloadBytes, forever: false };
    const writers = [0, 1, 2].map(() => startWriter(folder.path, limit, plan));
    const stats = await Promise.all(writers.map(async (writer) => writer.stats()));
    const written = stats.map(({ writes }) => writes.written ?? 0);
    expect(written.reduce((sum, count) => sum + count, 0)).toBe(300);
    for (const { writes, errors } of stats) {
      expect((writes.written ?? 0) + (writes.present ?? 0) + (writes.claimed ?? 0)).toBe(300);
      expect(errors).toEqual({});
    }
    const tier = open(folder.path, limit);
    expect(tier.stats()).toMatchObject({ files: 300, processes: 1 });
    expect(verify(tier)).toMatchObject({ files: 300, bad: 0 });
    for (const seed of plan.seeds)
      for (const { id } of chainOf(100, seed)) {
        const payload = tier.read(id, (bytes) => new Uint8Array(bytes));
        expect(payload !== undefined && contentOf(id, payloadBytes).equals(payload)).toBe(true);
      }
  });

  // Whether a process stands can be told on Linux only.
  test.skipIf(!existsSync('/proc/self/stat'))(
    'keep the limit together in a storm of writes, however often one looks',
    { timeout: 60_000 },
    async () => {
      using folder = new TemporaryFolder();
      const limit = 4 * mebibyte;
      const payloadBytes = 20_000;
      const writers = [1, 2, 3, 4].map((who) =>
        startWriter(folder.path, limit, {
          seeds: Array.from({ length: 6 }, (_, i) => 10 * who + i),
          blocks: 100,
          payloadBytes,
          forever: false,
        }),
      );
      await Promise.all(writers.map(async ({ ready }) => ready));
      let most = 0;
      let looks = 0;
      while (writers.some(({ child }) => child.exitCode === null)) {
        const live = writers.map(({ child }) => child).filter(({ exitCode }) => exitCode === null);
        for (const child of live) child.kill('SIGSTOP');
        for (const child of live) await stopped(child);
        most = Math.max(most, bytesIn(folder.path));
        looks++;
        for (const child of live) child.kill('SIGCONT');
        await sleep(20);
      }
      const stats = await Promise.all(writers.map(async (writer) => writer.stats()));
      expect(looks).toBeGreaterThan(3);
      expect(most).toBeLessThanOrEqual(limit);
      expect(most).toBeGreaterThan(limit / 2);
      for (const { writes, evicted, errors } of stats) {
        expect(writes.written).toBe(600);
        expect(evicted).toBeGreaterThan(0);
        expect(errors).toEqual({});
      }
      const tier = open(folder.path, limit);
      expect(verify(tier).bad).toBe(0);
      expect(bytesIn(folder.path)).toBeLessThanOrEqual(limit);
    },
  );
});

/** Resolves when a process stands still, or has ended. */
async function stopped(child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const stat = readFileSync(`/proc/${child.pid}/stat`, 'latin1');
    if (/^[TZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))) return;
    await sleep(1);
  }
}
