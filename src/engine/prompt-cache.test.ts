import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PromptCacheOptions } from '../core/model-runner.js';
import type { PromptCacheReport } from '../core/prompt-cache.js';
import { fakeModel } from '../testing/engine-conformance.js';
import { InMemoryTransport } from '../testing/in-memory-transport.js';
import { collect, makeRequest } from '../testing/requests.js';
import { Engine } from './engine.js';

let folder: string;
let engine: Engine;
let transport: InMemoryTransport;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-cache-'));
  writeFileSync(join(folder, 'model.gguf'), 'fake:?');
});

afterEach(async () => {
  transport.gate.open();
  await engine.close();
  rmSync(folder, { recursive: true });
});

const MiB = 2 ** 20;

async function load(promptCache?: PromptCacheOptions): Promise<void> {
  transport = new InMemoryTransport();
  engine = new Engine(transport);
  const room = { contextSize: 1024, residentSlots: 4, ...(promptCache === undefined ? {} : { promptCache }) };
  await engine.load(fakeModel(join(folder, 'model.gguf'), room));
}

const onDisk = (): PromptCacheOptions => ({
  hostBytes: MiB,
  disk: { directory: join(folder, 'cache'), bytes: 64 * MiB, queueBytes: MiB },
});

/** A prompt of three blocks and a token. */
const request = () => makeRequest({ prompt: `${'a b c d '.repeat(24)}e`, stop: { maxTokens: 2 } });

/** Asks until all that is to be saved is where it belongs. */
async function settled(isThere: (report: PromptCacheReport) => boolean): Promise<PromptCacheReport> {
  for (;;) {
    const report = await engine.promptCache('stats');
    if (isThere(report)) return report;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('what an engine says of its prompt cache', () => {
  it('is what the KV cache holds, where nothing else is kept', async () => {
    await load();
    await collect(engine.generate(request()));
    const report = await engine.promptCache('stats');
    expect(Object.keys(report)).toEqual(['device']);
    expect(report.device).toMatchObject({ cells: 1024, residents: 1 });
    expect(report.device.residentCells).toBeGreaterThanOrEqual(192);
    expect(report.device.usedCells).toBe(0);
  });

  it('is what was saved, and where, and what was found', async () => {
    await load(onDisk());
    await collect(engine.generate(request()));
    const report = await settled(({ disk }) => disk?.directory?.files === 3 && disk.queued === 0);
    expect(report).toMatchObject({
      host: { blocks: 3, limit: MiB, hits: 0 },
      disk: { thread: 'running', hits: 0, directory: { writes: { written: 3 }, faults: {}, errors: {} } },
      moved: { savedBlocks: 3, savedSnapshots: 0, restoredTokens: 0, faults: 0 },
    });
    expect(report.host?.bytes).toBeGreaterThan(0);
    expect(report.host?.memory).toBeGreaterThanOrEqual(report.host?.bytes ?? NaN);
    await engine.close();
    await load(onDisk());
    await collect(engine.generate(request()));
    expect(await engine.promptCache('stats')).toMatchObject({
      disk: { hits: 3 },
      moved: { savedBlocks: 0, restoredTokens: 192 },
    });
  });

  it('is told while a step is long, before the requests that it computes have ended', async () => {
    await load(onDisk());
    transport.gate.hold();
    const text = collect(engine.generate(request()));
    await transport.gate.reached(1);
    const asked = engine.promptCache('stats');
    transport.gate.release(1);
    await transport.gate.reached(2);
    expect((await asked).device.residents).toBe(0);
    transport.gate.open();
    await text;
  });
});

describe('a prompt cache that is cleared', () => {
  it('is empty in all tiers, saves nothing on the way, and is filled again', async () => {
    await load(onDisk());
    await collect(engine.generate(request()));
    await settled(({ disk }) => disk?.directory?.files === 3);
    const report = await engine.promptCache('clear');
    expect(report).toMatchObject({
      cleared: { device: 1, host: 3, disk: 3 },
      device: { residents: 0, residentCells: 0, usedCells: 0 },
      host: { blocks: 0, bytes: 0, memory: 0 },
      disk: { queued: 0, directory: { files: 0 } },
      moved: { savedBlocks: 3 },
    });
    await collect(engine.generate(request()));
    await settled(({ disk }) => disk?.directory?.files === 3);
  });

  it('leaves what is being computed to end as it would have', async () => {
    await load();
    const alone = await collect(engine.generate(request()));
    await engine.promptCache('clear');
    const { step } = transport.gate;
    transport.gate.hold();
    const text = collect(engine.generate(request()));
    await transport.gate.reached(step + 1);
    transport.gate.release(1);
    await transport.gate.reached(step + 2);
    const cleared = engine.promptCache('clear');
    transport.gate.open();
    expect((await text).texts).toEqual(alone.texts);
    expect((await cleared).cleared).toEqual({ device: 0, host: 0, disk: 0 });
  });
});

describe('a prompt cache that is verified', () => {
  it('says how many files it has read, and nothing without a disk', async () => {
    await load(onDisk());
    await collect(engine.generate(request()));
    await settled(({ disk }) => disk?.directory?.files === 3);
    expect((await engine.promptCache('verify')).verified).toMatchObject({ files: 3, bad: 0 });
    await engine.close();
    await load({ hostBytes: MiB });
    expect(await engine.promptCache('verify')).not.toHaveProperty('verified');
  });
});
