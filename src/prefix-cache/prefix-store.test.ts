import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { chainOf, contentOf, TemporaryFolder, testFingerprint } from '../testing/blocks.js';
import { idleDiskThread } from '../testing/disk-thread-stand-ins.js';
import { BlockChain, type BlockKey } from './block-id.js';
import { PrefixStore, type PrefixStoreOptions } from './prefix-store.js';
import { defaultDiskSettings, defaultStoreSettings } from './store-settings.js';

const payloadBytes = 4096;
const open: PrefixStore[] = [];

afterEach(async () => {
  for (const store of open.splice(0)) await store.close(5000);
});

/** A store for so many blocks in RAM. @param directory undefined: no disk */
function storeOf(blocks: number, directory?: string, options: Partial<PrefixStoreOptions> = {}) {
  const disk = directory === undefined ? undefined : { ...defaultDiskSettings(directory), freeFloor: 0 };
  const store = new PrefixStore({
    fingerprint: testFingerprint,
    hostBytes: blocks * payloadBytes,
    spareBytes: 2 ** 20,
    disk,
    ...options,
  });
  open.push(store);
  const save = (keys: readonly BlockKey[]): void => {
    for (const key of keys) {
      const payload = store.allocate(payloadBytes);
      payload.bytes.set(contentOf(key.id, payloadBytes));
      store.save(key, payload);
      payload.release();
    }
  };
  const load = async (keys: readonly BlockKey[]): Promise<number> => {
    const payloads = await store.load(keys);
    for (const [at, payload] of payloads.entries()) {
      if (!contentOf(keys[at]?.id ?? '', payloadBytes).equals(payload.bytes))
        throw new Error('wrong payload');
      payload.release();
    }
    return payloads.length;
  };
  return { store, save, load };
}

const pathOf = (directory: string, id = ''): string =>
  join(directory, 'v1/blocks', testFingerprint, id.slice(0, 2), `${id}.kv`);

describe('a prefix store', () => {
  test('holds chains in RAM without a disk', async () => {
    const { store, save, load } = storeOf(4);
    save(chainOf(3));
    expect(await store.find(chainOf(5))).toEqual({ length: 3, host: 3, disk: 0 });
    expect(store.holds(chainOf(3)[2]?.id ?? '')).toBe(true);
    expect(await load(chainOf(5))).toBe(3);
    expect(await store.flush(1)).toBe(true);
    expect(await store.verify()).toBeUndefined();
    expect(await store.stats()).toMatchObject({
      host: { blocks: 3 },
      hostHits: 3,
      misses: 1,
      disk: undefined,
      payloads: { held: 3 },
    });
    expect(await store.clear()).toEqual({ host: 3, disk: 0 });
    expect((await store.stats()).payloads).toMatchObject({ held: 0, freeBytes: 0 });
  });

  test('has on disk what was saved, after a restart, and promotes it', async () => {
    using folder = new TemporaryFolder();
    const first = storeOf(10, folder.path);
    first.save(chainOf(8));
    await first.store.close(5000);
    const { store, load } = storeOf(10, folder.path);
    expect(await store.find(chainOf(9))).toEqual({ length: 8, host: 0, disk: 8 });
    expect(await load(chainOf(9))).toBe(8);
    expect(await store.find(chainOf(9))).toEqual({ length: 8, host: 8, disk: 0 });
    expect(await load(chainOf(8))).toBe(8);
    expect(await store.stats()).toMatchObject({ hostHits: 8, diskHits: 8, misses: 1 });
    expect((await store.stats()).disk?.tier?.writtenBytes).toBe(0);
  });

  test('puts a chain together that is partly in RAM and partly on disk', async () => {
    using folder = new TemporaryFolder();
    const { store, save, load } = storeOf(6, folder.path);
    const keys = chainOf(8);
    save(keys);
    await store.flush(5000);
    const held = await store.find(keys);
    expect(held.length).toBe(8);
    expect(held.host).toBeGreaterThan(0);
    expect(held.disk).toBeGreaterThan(0);
    expect(await load(keys)).toBe(8);
    expect((await store.stats()).host).toMatchObject({ bytes: 6 * payloadBytes });
    rmSync(pathOf(folder.path, keys[7]?.id));
    expect(await load(keys)).toBe(7);
  });

  test('writes a block once, whatever becomes of it in RAM', async () => {
    using folder = new TemporaryFolder();
    const { store, save, load } = storeOf(4, folder.path);
    for (let round = 0; round < 3; round++)
      for (const seed of [1, 2, 3]) {
        save(chainOf(3, seed));
        expect(await load(chainOf(3, seed))).toBe(3);
        await store.flush(5000);
      }
    const stats = await store.stats();
    expect(stats.disk?.tier?.writes.written).toBe(9);
    expect(stats.disk?.tier?.files).toBe(9);
  });

  test('writes what was dropped when it leaves RAM', async () => {
    using folder = new TemporaryFolder();
    const disk = { ...defaultDiskSettings(folder.path), freeFloor: 0, queueBytes: 2 * payloadBytes };
    const { store, save, load } = storeOf(6, undefined, { disk });
    save(chainOf(6, 1));
    expect((await store.stats()).disk).toMatchObject({ dropped: 4 });
    await store.flush(5000);
    for (let seed = 2; seed < 8; seed++) {
      save(chainOf(1, seed));
      await store.flush(5000);
    }
    expect(await load(chainOf(6, 1))).toBe(6);
    expect((await store.stats()).diskHits).toBeGreaterThan(0);
  });

  test('writes what is only in RAM when it closes, however little its queue holds', async () => {
    using folder = new TemporaryFolder();
    const disk = { ...defaultDiskSettings(folder.path), freeFloor: 0, queueBytes: 2 * payloadBytes };
    const { store, save } = storeOf(20, undefined, { disk });
    save(chainOf(8, 1));
    save(chainOf(3, 2));
    expect((await store.stats()).disk).toMatchObject({ dropped: 9 });
    await store.close(5000);
    const { store: next, load } = storeOf(20, folder.path);
    expect(await load(chainOf(8, 1))).toBe(8);
    expect(await load(chainOf(3, 2))).toBe(3);
    expect((await next.stats()).diskHits).toBe(11);
  });

  test('writes payloads of any size when it closes, if its queue holds one of them', async () => {
    using folder = new TemporaryFolder();
    const disk = { ...defaultDiskSettings(folder.path), freeFloor: 0, queueBytes: 4 * payloadBytes };
    const { store } = storeOf(20, undefined, { disk });
    const keys = chainOf(9, 1);
    for (const [at, key] of keys.entries()) {
      const payload = store.allocate(at % 3 === 2 ? 4 * payloadBytes : payloadBytes / 4);
      payload.bytes.set(contentOf(key.id, payload.bytes.length));
      store.save(key, payload);
      payload.release();
    }
    expect((await store.stats()).disk?.dropped).toBeGreaterThan(0);
    await store.close(5000);
    const { store: next } = storeOf(20, folder.path);
    expect(await next.find(keys)).toEqual({ length: 9, host: 0, disk: 9 });
  });

  test('closes in the time that it is given, whatever is not written then', async () => {
    using folder = new TemporaryFolder();
    const disk = { ...defaultDiskSettings(folder.path), freeFloor: 0, queueBytes: 2 * payloadBytes };
    const { store, save } = storeOf(20, undefined, { disk, threadModule: idleDiskThread });
    save(chainOf(8, 1));
    await store.close(20);
    expect((await store.stats()).disk).toMatchObject({ thread: 'closed' });
    while ((await store.stats()).payloads.held > 0) await sleep(1);
  });

  test('takes more as long as the disk does, and where there is none', async () => {
    using folder = new TemporaryFolder();
    const disk = { ...defaultDiskSettings(folder.path), freeFloor: 0, queueBytes: 2 * payloadBytes };
    const { store, save } = storeOf(20, undefined, { disk, threadModule: idleDiskThread });
    expect(store.takesMore).toBe(true);
    save(chainOf(1, 1));
    expect(store.takesMore).toBe(false);
    await store.verify();
    expect(store.takesMore).toBe(true);
    const without = storeOf(2);
    without.save(chainOf(8));
    expect(without.store.takesMore).toBe(true);
    // Larger than the queue will ever have room for: it is not waited for.
    const tiny = { ...disk, queueBytes: 1 };
    const never = storeOf(20, undefined, { disk: tiny, threadModule: idleDiskThread });
    never.save(chainOf(2));
    expect(never.store.takesMore).toBe(true);
    await store.verify();
  });

  test('keeps what is in RAM or was seen on the disk, until it is missed there', async () => {
    using folder = new TemporaryFolder();
    const keys = chainOf(6);
    const { store, save, load } = storeOf(2, folder.path);
    const kept = (): number[] => keys.flatMap(({ id }, at) => (store.keeps(id) ? [at] : []));
    expect(kept()).toEqual([]);
    save(keys);
    await store.flush(5000);
    expect(kept()).toEqual([0, 1, 2, 3, 4, 5]);
    expect((await store.stats()).host.blocks).toBe(2);
    for (const { id } of keys.slice(3)) rmSync(pathOf(folder.path, id));
    expect(kept()).toEqual([0, 1, 2, 3, 4, 5]);
    // What is behind the first that is missing is of no use: all of it is to be saved again.
    expect(await load(keys)).toBe(3);
    expect(kept()).toEqual([0, 1, 2]);
    save(keys.slice(3));
    await store.flush(5000);
    expect(kept()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await load(keys)).toBe(6);
    await store.clear();
    expect(kept()).toEqual([]);
  });

  test('keeps no snapshot that it has looked for and not found', async () => {
    using folder = new TemporaryFolder();
    const { store, save } = storeOf(0, folder.path);
    const keys = chainOf(4);
    save(keys);
    await store.flush(5000);
    expect(await store.findLast(keys)).toEqual({ host: 0, disk: 4 });
    for (const { id } of keys.slice(2)) rmSync(pathOf(folder.path, id));
    expect(await store.findLast(keys)).toEqual({ host: 0, disk: 2 });
    expect(keys.map(({ id }) => store.keeps(id))).toEqual([true, true, false, false]);
  });

  test('holds nothing of a file that was spoiled', async () => {
    using folder = new TemporaryFolder();
    const first = storeOf(10, folder.path);
    first.save(chainOf(8));
    await first.store.close(5000);
    truncateSync(pathOf(folder.path, chainOf(8)[4]?.id), 999);
    const { store, save, load } = storeOf(10, folder.path);
    expect(await load(chainOf(8))).toBe(4);
    save(chainOf(8));
    await store.flush(5000);
    expect(await store.verify()).toMatchObject({ files: 8, bad: 0 });
  });

  test('keeps snapshots beside blocks', async () => {
    using folder = new TemporaryFolder();
    const chain = new BlockChain(testFingerprint);
    chain.append(Array.from({ length: 150 }, (_, i) => i));
    const keys = [...chain.keys, chain.snapshotKey()];
    const first = storeOf(10, folder.path);
    first.save(keys);
    await first.store.close(5000);
    const { store, load } = storeOf(10, folder.path);
    expect(await load([chain.snapshotKey()])).toBe(1);
    expect(await store.find(keys)).toEqual({ length: 3, host: 1, disk: 2 });
  });

  test('gives memory back when its limit is lowered', async () => {
    const { store, save } = storeOf(8);
    save(chainOf(8));
    store.hostBytes = 3 * payloadBytes;
    expect(await store.stats()).toMatchObject({
      host: { blocks: 3 },
      payloads: { held: 3, freeBytes: 0 },
    });
    store.touch(chainOf(3));
    expect(store.hostBytes).toBe(3 * payloadBytes);
  });

  test('is one in RAM when the disk thread is lost', async () => {
    using folder = new TemporaryFolder();
    const threadModule = join(folder.path, 'thread.mjs');
    writeFileSync(threadModule, 'throw new Error("no");');
    const { store, save, load } = storeOf(4, folder.path, { threadModule });
    save(chainOf(6));
    await store.flush(5000);
    await store.clear();
    expect((await store.stats()).disk).toMatchObject({ thread: 'lost' });
    save(chainOf(6));
    expect(await load(chainOf(6))).toBe(4);
  });

  test('does not put blocks into RAM that nothing leads to', async () => {
    const { store, save, load } = storeOf(4);
    save(chainOf(9));
    expect((await store.stats()).host).toMatchObject({ blocks: 4, inserted: 4 });
    expect(await load(chainOf(9))).toBe(4);
  });

  test('has no disk when that may take nothing', async () => {
    using folder = new TemporaryFolder();
    const { store } = storeOf(1, undefined, { disk: { ...defaultDiskSettings(folder.path), bytes: 0 } });
    expect((await store.stats()).disk).toBeUndefined();
  });

  test('gives every payload back, whatever was asked of it', { timeout: 60_000 }, async () => {
    const action = fc.record({
      kind: fc.constantFrom('save', 'save', 'load', 'find', 'touch', 'flush', 'limit', 'spoil', 'clear'),
      seed: fc.nat(3),
      blocks: fc.integer({ min: 1, max: 8 }),
    });
    const property = fc.asyncProperty(
      fc.array(action, { minLength: 100, maxLength: 100 }),
      async (actions) => {
        using folder = new TemporaryFolder();
        const { store, save, load } = storeOf(10, folder.path);
        const pending: Promise<unknown>[] = [];
        for (const [at, { kind, seed, blocks }] of actions.entries()) {
          const keys = chainOf(blocks, seed);
          if (kind === 'save') save(keys);
          else if (kind === 'load') pending.push(load(keys));
          else if (kind === 'find') pending.push(store.find(keys));
          else if (kind === 'touch') store.touch(keys);
          else if (kind === 'flush') await store.flush(5000);
          else if (kind === 'limit') store.hostBytes = (blocks + 2) * payloadBytes;
          else if (kind === 'spoil') rmSync(pathOf(folder.path, keys.at(-1)?.id), { force: true });
          else if (seed === 0) pending.push(store.clear());
          if (at % 10 > 0) continue;
          const { host } = await store.stats();
          expect(host.bytes).toBeLessThanOrEqual(10 * payloadBytes);
        }
        await Promise.all(pending);
        await store.flush(5000);
        const { host, payloads, disk } = await store.stats();
        expect(payloads.held).toBe(host.blocks);
        expect(host.pinned).toBe(0);
        expect(disk).toMatchObject({
          thread: 'running',
          queued: 0,
          unanswered: 0,
          tier: { errors: {}, faults: {} },
        });
        await store.close(5000);
        expect((await store.stats()).payloads).toMatchObject({ held: 0, heldBytes: 0 });
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });
});

test('the defaults take a sixteenth of the RAM, and no disk without a directory', () => {
  const gibibyte = 2 ** 30;
  expect(defaultStoreSettings(16 * gibibyte)).toMatchObject({ hostBytes: gibibyte, disk: undefined });
  expect(defaultStoreSettings(512 * gibibyte, '/cache')).toMatchObject({
    hostBytes: 4 * gibibyte,
    disk: { directory: '/cache', fsync: false },
  });
});
