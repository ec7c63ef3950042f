import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { ModelRunner } from '../core/model-runner.js';
import { capacityFor } from '../prefix-cache/payload.js';
import { PrefixStore } from '../prefix-cache/prefix-store.js';
import { defaultDiskSettings } from '../prefix-cache/store-settings.js';
import { TemporaryFolder, testFingerprint } from '../testing/blocks.js';
import { idleDiskThread, silentDiskThread } from '../testing/disk-thread-stand-ins.js';
import { fakeModel } from '../testing/engine-conformance.js';
import { FakeRunner, predictMemory } from '../testing/fake-runner.js';
import { fakeCellsSize } from '../testing/fake-state.js';
import { makeRequest } from '../testing/requests.js';
import { AbortBoard } from './abort-board.js';
import { BlockCache } from './block-cache.js';
import { EngineHost } from './engine-host.js';
import type { EngineCommand, EngineEvent } from './protocol.js';

/** A host whose disk does not do its work, and which is told one thing after the other. */
class HostWithBadDisk {
  readonly events: EngineEvent[] = [];
  readonly stores: PrefixStore[] = [];
  readonly caches: BlockCache[] = [];
  readonly #inbox: EngineCommand[] = [];
  readonly #ended: Promise<void>;
  #wake: (() => void) | undefined;
  /** How often the host looked for something to do. */
  looks = 0;

  /** @param queueBytes that may wait for the disk */
  constructor(folder: string, threadModule: URL, queueBytes = 2 ** 20) {
    const openCache = (_: unknown, runner: ModelRunner): BlockCache => {
      const disk = { ...defaultDiskSettings(folder), patience: 600_000, queueBytes };
      const options = { fingerprint: testFingerprint, hostBytes: 2 ** 20, spareBytes: 0, disk, threadModule };
      const store = new PrefixStore(options);
      this.stores.push(store);
      const cache = new BlockCache(runner, store, testFingerprint);
      this.caches.push(cache);
      return cache;
    };
    const host = new EngineHost(
      {
        receive: () => {
          this.looks++;
          return this.#inbox.shift();
        },
        arrival: async () => {
          if (this.#inbox.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
        },
        post: (event) => void this.events.push(structuredClone(event)),
      },
      {
        runner: {
          openRunner: async (options, { abortFlag }) => Promise.resolve(new FakeRunner(options, abortFlag)),
          predictMemory,
        },
        board: new AbortBoard(),
        libraryLock: new Int32Array(1),
        openCache,
      },
    );
    this.#ended = host.run();
    this.tell({ type: 'load', call: 1, options: fakeModel() });
  }

  tell(command: EngineCommand): void {
    this.#inbox.push(command);
    this.#wake?.();
  }

  /** Resolves with the first event that is meant. */
  async event(is: (event: EngineEvent) => boolean): Promise<EngineEvent> {
    for (;;) {
      const found = this.events.find(is);
      if (found !== undefined) return found;
      await eventLoopTurn();
    }
  }

  async result(call: number): Promise<EngineEvent> {
    return this.event((event) => 'call' in event && event.call === call);
  }

  /** Resolves when a request has ended, with how it did. */
  async end(requestId: string): Promise<string> {
    await this.event(() => this.#endsOf(requestId).length > 0);
    return this.#endsOf(requestId)[0] ?? '';
  }

  /** Resolves when the host has ended. @returns how often it said that each of these requests ended */
  async close(requestIds: readonly string[]): Promise<number[]> {
    this.tell({ type: 'close', call: 99 });
    await this.#ended;
    await eventLoopTurn();
    return requestIds.map((id) => this.#endsOf(id).length);
  }

  #endsOf(requestId: string): string[] {
    return this.events
      .flatMap((event) => (event.type === 'step' ? event.updates : []))
      .flatMap((update): string[] => {
        if (update.requestId !== requestId) return [];
        if (update.kind === 'failed') return [update.error.code];
        return update.kind === 'choice' && update.finish !== undefined ? [update.finish.reason] : [];
      });
  }
}

const prompt = 'a prompt that is longer than one block of tokens '.repeat(4);

describe('a host whose disk does not answer', { timeout: 30_000 }, () => {
  test('does what it is told all the same, and computes', async () => {
    using folder = new TemporaryFolder();
    const host = new HostWithBadDisk(folder.path, silentDiskThread);
    await host.result(1);
    const waiting = makeRequest({ prompt });
    const others = [1, 2, 3].map((n) => makeRequest({ prompt: `${n}${prompt}`, cache: { use: false } }));
    host.tell({ type: 'probe', call: 2, tokens: [...new TextEncoder().encode(prompt)], salt: '' });
    host.tell({ type: 'generate', request: waiting, lane: 0 });
    for (const [at, request] of others.entries()) host.tell({ type: 'generate', request, lane: 1 + at });
    host.tell({ type: 'tokenize', call: 3, text: 'ab', addSpecial: false, parseSpecial: false });
    expect(await host.result(3)).toMatchObject({ type: 'result', value: [97, 98] });
    for (const { id } of others) expect(await host.end(id)).toBe('length');
    // While nothing is computed too.
    host.tell({ type: 'inspect', call: 4 });
    expect(await host.result(4)).toMatchObject({ type: 'result', value: { running: 0, waiting: 0 } });
    expect(host.events.some((event) => 'call' in event && event.call === 2)).toBe(false);
    host.tell({ type: 'cancel', requestId: waiting.id });
    expect(await host.end(waiting.id)).toBe('request_cancelled');
    const ids = [waiting, ...others].map(({ id }) => id);
    expect(await host.close(ids)).toEqual([1, 1, 1, 1]);
  });

  test('ends while prompts are being read: each request once, and nothing is held', async () => {
    using folder = new TemporaryFolder();
    const host = new HostWithBadDisk(folder.path, silentDiskThread);
    const requests = [1, 2, 3, 4, 5].map((n) => makeRequest({ prompt: `${n}${prompt}` }));
    for (const [at, request] of requests.entries()) host.tell({ type: 'generate', request, lane: at });
    host.tell({ type: 'probe', call: 2, tokens: [...new TextEncoder().encode(prompt)], salt: '' });
    host.tell({ type: 'cancel', requestId: requests[0]?.id ?? '' });
    const ends = await host.close(requests.map(({ id }) => id));
    expect(ends).toEqual([1, 1, 1, 1, 1]);
    expect(await host.end(requests[0]?.id ?? '')).toBe('request_cancelled');
    expect(await host.end(requests[4]?.id ?? '')).toBe('model_unloading');
    expect((await host.stores[0]?.stats())?.payloads).toMatchObject({ held: 0, heldBytes: 0 });
    expect(await host.result(99)).toMatchObject({ type: 'result', value: { running: 0, waiting: 0 } });
  });
});

describe('a host whose disk takes no more', { timeout: 30_000 }, () => {
  test('rests although not all is saved, and saves the rest when the disk has written', async () => {
    using folder = new TemporaryFolder();
    const queueBytes = 3 * capacityFor(fakeCellsSize(64));
    const host = new HostWithBadDisk(folder.path, idleDiskThread, queueBytes);
    await host.result(1);
    const request = makeRequest({ prompt: prompt.repeat(2), stop: { maxTokens: 1 } });
    host.tell({ type: 'generate', request, lane: 0 });
    expect(await host.end(request.id)).toBe('length');
    const [cache] = host.caches;
    if (cache === undefined) throw new Error('there is no cache');
    while (cache.store.takesMore) await eventLoopTurn();
    const before = host.looks;
    for (let turn = 0; turn < 500; turn++) await eventLoopTurn();
    expect(host.looks - before).toBeLessThan(50);
    expect(cache.counts.savedBlocks).toBeLessThan(6);
    while (cache.saving) await cache.store.verify();
    expect(cache.counts.savedBlocks).toBe(6);
    await cache.store.verify();
    expect(await host.close([request.id])).toEqual([1]);
  });
});

test('a host that is asked to read all of its disk says that it is at it, and not that it computes', async () => {
  using folder = new TemporaryFolder();
  const host = new HostWithBadDisk(folder.path, silentDiskThread);
  await host.result(1);
  host.tell({ type: 'cache', call: 2, action: 'verify' });
  expect(await host.event(({ type }) => type === 'alive')).toEqual({ type: 'alive', call: 2 });
  expect(await host.close([])).toEqual([]);
});
