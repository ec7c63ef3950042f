import { readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { chainOf, contentOf, TemporaryFolder, testFingerprint } from '../testing/blocks.js';
import type { BlockKey } from './block-id.js';
import { DiskStore, type DiskStoreOptions } from './disk-store.js';
import { DiskTier } from './disk-tier.js';
import { PayloadPool } from './payload.js';

const payloadBytes = 4096;
const limit = 64 * 2 ** 20;
const idsOf = (keys: readonly BlockKey[]): string[] => keys.map(({ id }) => id);
const open: DiskStore[] = [];

afterEach(async () => {
  for (const store of open.splice(0)) await store.close(5000);
});

/** A store on a real thread, and what a test does with it. */
function storeIn(directory: string, options: Partial<DiskStoreOptions> = {}) {
  const pool = new PayloadPool(2 ** 20);
  const outcomes: string[] = [];
  const store = new DiskStore(
    { directory, fingerprint: testFingerprint, limit, queueBytes: 2 ** 20, patience: 10_000, ...options },
    pool,
    (_, outcome) => outcomes.push(outcome),
  );
  open.push(store);
  const write = (keys: readonly BlockKey[], bytes = payloadBytes): boolean[] =>
    keys.map((key) => {
      const payload = pool.take(bytes);
      payload.bytes.set(contentOf(key.id, bytes));
      const queued = store.write(key, payload);
      payload.release();
      return queued;
    });
  /** How many blocks are read; each is checked and released. */
  const read = async (keys: readonly BlockKey[], bytes = payloadBytes): Promise<number> => {
    const payloads = await store.read(idsOf(keys));
    for (const [at, payload] of payloads.entries()) {
      expect(contentOf(keys[at]?.id ?? '', bytes).equals(payload.bytes)).toBe(true);
      payload.release();
    }
    return payloads.length;
  };
  return { store, pool, outcomes, write, read };
}

/** A thread of a test's own making. */
function threadIn(folder: TemporaryFolder, body: string): string {
  const path = join(folder.path, 'thread.mjs');
  writeFileSync(path, `import { parentPort } from 'node:worker_threads';\n${body}`);
  return path;
}

describe('a disk store', () => {
  test('finds blocks while they are queued and after, and holds none of their memory then', async () => {
    using folder = new TemporaryFolder();
    const { store, pool, outcomes, write, read } = storeIn(folder.path);
    const keys = chainOf(20);
    expect(write(keys.slice(0, 10))).toEqual(Array(10).fill(true));
    expect(pool.stats().held).toBe(10);
    expect(await store.leading(idsOf(keys))).toBe(10);
    expect(await read(keys)).toBe(10);
    expect(await store.flush(5000)).toBe(true);
    expect(outcomes).toEqual(Array(10).fill('written'));
    expect(pool.stats()).toMatchObject({ held: 0, heldBytes: 0 });
    write(keys.slice(5, 15));
    expect(await read(keys)).toBe(15);
    expect(await store.flush(5000)).toBe(true);
    expect(outcomes.slice(10)).toEqual([
      ...Array<string>(5).fill('present'),
      ...Array<string>(5).fill('written'),
    ]);
    expect(await store.leading(idsOf(keys))).toBe(15);
    expect(await read(keys.slice(12))).toBe(3);
    expect(await store.stats()).toMatchObject({
      thread: 'running',
      queued: 0,
      queuedBytes: 0,
      dropped: 0,
      tier: { files: 15, writes: { written: 15, present: 5 }, errors: {} },
    });
    expect(pool.stats().held).toBe(0);
  });

  test('reads into memory that was used before', async () => {
    using folder = new TemporaryFolder();
    const { store, pool, write, read } = storeIn(folder.path);
    write(chainOf(8));
    await store.flush(5000);
    const { allocated } = pool.stats();
    for (let i = 0; i < 5; i++) expect(await read(chainOf(9))).toBe(8);
    expect(pool.stats().allocated).toBe(allocated);
    expect(pool.stats().freeBytes).toBe(8 * payloadBytes);
    expect(await read(chainOf(8, 1))).toBe(0);
    expect(pool.stats().freeBytes).toBe(8 * payloadBytes);
  });

  test('drops what does not fit its queue, and does not wait', async () => {
    using folder = new TemporaryFolder();
    const { store, pool, write } = storeIn(folder.path, { queueBytes: 4 * payloadBytes });
    // Nothing is heard of the thread before this test waits for something.
    const queued = write(chainOf(10));
    expect(queued).toEqual([...Array<boolean>(4).fill(true), ...Array<boolean>(6).fill(false)]);
    await store.flush(5000);
    expect(await store.stats()).toMatchObject({ dropped: 6, tier: { files: 4 } });
    expect(pool.stats().held).toBe(0);
  });

  test('reads while a scan of many files has only begun', { timeout: 60_000 }, async () => {
    using folder = new TemporaryFolder();
    const tier = new DiskTier({ directory: folder.path, fingerprint: testFingerprint, limit });
    for (let seed = 0; seed < 10; seed++)
      for (const key of chainOf(200, seed)) tier.write(key, contentOf(key.id, 64));
    tier.close();
    const { store, read, write } = storeIn(folder.path);
    const first = Promise.all([read(chainOf(3, 5), 64), store.stats()]);
    write(chainOf(1, 77));
    const [there, stats] = await first;
    expect(there).toBe(3);
    expect(stats.tier).toMatchObject({ scanned: false });
    await store.flush(10_000);
    expect((await store.stats()).tier).toMatchObject({ scanned: true, files: 2001 });
  });

  test('clears what is on disk and what is queued', async () => {
    using folder = new TemporaryFolder();
    const { store, pool, outcomes, write, read } = storeIn(folder.path);
    write(chainOf(5));
    await store.flush(5000);
    write(chainOf(5, 1));
    const removed = await store.clear();
    const written = outcomes.slice(5).filter((outcome) => outcome === 'written').length;
    expect(removed).toBe(5 + written);
    expect(await read(chainOf(5))).toBe(0);
    expect(await read(chainOf(5, 1))).toBe(0);
    expect(pool.stats().held).toBe(0);
  });

  test('verifies, and survives what it finds', async () => {
    using folder = new TemporaryFolder();
    const { store, write, read } = storeIn(folder.path);
    write(chainOf(5));
    await store.flush(5000);
    const id = chainOf(5)[2]?.id ?? '';
    truncateSync(join(folder.path, 'v1/blocks', testFingerprint, id.slice(0, 2), `${id}.kv`), 1000);
    const reports = await Promise.all([store.verify(), read(chainOf(5)), store.verify()]);
    expect(reports[1]).toBe(2);
    expect((reports[0]?.bad ?? 0) + ((await store.stats()).tier?.faults.truncated ?? 0)).toBeGreaterThan(0);
    expect(await store.verify()).toMatchObject({ files: 4, bad: 0 });
  });

  test('writes what is queued before it closes, and finds nothing after', async () => {
    using folder = new TemporaryFolder();
    const first = storeIn(folder.path);
    first.write(chainOf(50));
    await first.store.close(10_000);
    expect(first.pool.stats().held).toBe(0);
    expect(await first.read(chainOf(3))).toBe(0);
    expect(first.write(chainOf(1, 5))).toEqual([false]);
    expect(await first.store.stats()).toMatchObject({ thread: 'closed', dropped: 1, tier: undefined });
    expect(readdirSync(join(folder.path, 'v1', 'work'))).toEqual([]);
    const second = storeIn(folder.path);
    expect(await second.read(chainOf(50))).toBe(50);
  });

  test('touches what is used', async () => {
    using folder = new TemporaryFolder();
    const { store, write } = storeIn(folder.path);
    write(chainOf(3));
    await store.flush(5000);
    store.touch(idsOf(chainOf(3)));
    store.touch([]);
    rmSync(folder.path, { recursive: true });
    store.touch(idsOf(chainOf(3)));
    expect((await store.stats()).tier?.errors).toEqual({});
  });
});

describe('a disk store whose thread', () => {
  test.each([
    ['can not start', 'throw new Error("no thread today");', /no thread today/],
    ['dies of a message', 'parentPort.on("message", () => { throw new Error("dead"); });', /dead/],
    ['ends by itself', 'parentPort.once("message", () => process.exit(3));', /status 3/],
  ])('%s goes on without a disk', async (_, body, loss) => {
    using folder = new TemporaryFolder();
    const { store, pool, write, read } = storeIn(folder.path, { threadModule: threadIn(folder, body) });
    const queued = write(chainOf(5));
    expect(queued).toEqual(Array(5).fill(true));
    expect(await store.leading(idsOf(chainOf(6, 1)))).toBe(0);
    expect(await read(chainOf(5, 1))).toBe(0);
    expect(await store.flush(5000)).toBe(true);
    expect(await store.clear()).toBe(0);
    expect(await store.verify()).toBeUndefined();
    expect(write(chainOf(1, 2))).toEqual([false]);
    const stats = await store.stats();
    expect(stats).toMatchObject({ thread: 'lost', queued: 0, queuedBytes: 0, dropped: 6, tier: undefined });
    expect(stats.loss).toMatch(loss);
    expect(stats.unanswered).toBeGreaterThanOrEqual(4);
    expect(pool.stats().held).toBe(0);
    await store.close(1000);
  });

  test('is not there goes on without a disk', async () => {
    using folder = new TemporaryFolder();
    const { store, read } = storeIn(folder.path, { threadModule: join(folder.path, 'missing.mjs') });
    expect(await read(chainOf(5))).toBe(0);
    expect(await store.stats()).toMatchObject({ thread: 'lost' });
  });

  test('hangs is not waited for, until it is heard of again', async () => {
    using folder = new TemporaryFolder();
    const { store, pool, write, read } = storeIn(folder.path, {
      patience: 50,
      threadModule: threadIn(
        folder,
        `
        // Answers the first read late, with a block that nobody waits for any more, and all else at once.
        let late;
        parentPort.on('message', (command) => {
          if (command.type === 'read') late = command;
          else if (command.type === 'write') {
            parentPort.postMessage({ type: 'block', call: late.call, payload: new Uint8Array(new SharedArrayBuffer(8)) });
            parentPort.postMessage({ type: 'done', call: late.call, value: late.spares });
            parentPort.postMessage({ type: 'written', id: command.key.id, outcome: 'written' });
          } else if (command.type === 'leading') parentPort.postMessage({ type: 'done', call: command.call, value: 2 });
          else if (command.type === 'close') parentPort.close();
        });
        `,
      ),
    });
    expect(await read(chainOf(3))).toBe(0);
    expect(await store.stats()).toMatchObject({ thread: 'silent', unanswered: 2 });
    expect(await store.leading(idsOf(chainOf(3)))).toBe(0);
    write(chainOf(1, 1));
    await store.flush(5000);
    expect(pool.stats().held).toBe(0);
    expect(await store.leading(idsOf(chainOf(3)))).toBe(2);
  });

  test('does not end by the deadline is ended, and its memory not used again', async () => {
    using folder = new TemporaryFolder();
    const threadModule = threadIn(folder, 'parentPort.on("message", () => {});');
    const { store, pool, write } = storeIn(folder.path, { threadModule });
    write(chainOf(3));
    const question = store.leading(idsOf(chainOf(3, 1)));
    expect(await store.flush(20)).toBe(false);
    await store.close(50);
    expect(await question).toBe(0);
    expect(pool.stats().freeBytes).toBe(0);
    expect((await store.stats()).thread).toBe('closed');
  });
});
