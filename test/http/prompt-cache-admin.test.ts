import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseMetrics, valueOf } from '../../src/testing/metrics-text.js';
import { FakeServer } from './fake-server.js';

const MiB = 2 ** 20;
const fake = (endAfter: number) => `fake:?endAfter=${endAfter}&bytes=${8 * MiB}&cacheBytes=${4 * MiB}`;

interface Entry {
  id: string;
  host: { blocks: number } | null;
  disk: { queued: { blocks: number }; directory: { files: number } } | null;
}

let folder: string;
let server: FakeServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-prompts-'));
  server = await FakeServer.start({ a: fake(3), b: fake(4) });
  server.pool.configure({ ...server.pool.settings, cache: { directory: folder, bytes: 64 * MiB } });
});

afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function read(): Promise<Entry[]> {
  const response = await fetch(`${server.url}/admin/cache`);
  return ((await response.json()) as { models: Entry[] }).models;
}

async function post(action: string, body: object = {}): Promise<unknown> {
  return (await server.post(`/admin/cache/${action}`, body)).json();
}

/**
 * Computes a prompt of two whole blocks, and waits until they are on disk.
 * @param files of all models then
 */
async function ask(model: string, files = 2): Promise<void> {
  const prompt = 'a b c d '.repeat(17);
  expect((await server.post('/v1/completions', { model, prompt, max_tokens: 2 })).status).toBe(200);
  for (;;) {
    const entry = (await read()).find(({ id }) => id === model);
    if (entry?.disk?.queued.blocks === 0 && entry.disk.directory.files >= files) return;
  }
}

describe('/admin/cache', () => {
  it('is empty while nothing is loaded', async () => {
    expect(await read()).toEqual([]);
    expect(await post('clear')).toEqual({ models: [] });
    expect(await post('verify')).toEqual({ models: [] });
  });

  it('tells of each loaded model what is kept where', async () => {
    await ask('a');
    await server.pool.load('b');
    const [first, second] = await read();
    expect(first).toMatchObject({
      id: 'a',
      report_age_ms: expect.any(Number) as number,
      device: { cells: { total: 2048 }, sequences: 1 },
      host: { blocks: 2, limit: 8 * MiB, hits: 0 },
      disk: {
        thread: 'running',
        queued: { blocks: 0, bytes: 0 },
        dropped: 0,
        unanswered: 0,
        directory: { files: 2, limit: 64 * MiB, bad_files: 0, faults: {}, errors: {}, paused: null },
      },
      saved: { blocks: 2, snapshots: 0 },
      restored_tokens: 0,
      faults: 0,
    });
    expect(second).toMatchObject({ id: 'b', device: { sequences: 0 }, host: { blocks: 0 } });
  });

  it('clears one model, also by an alias, or all', async () => {
    await ask('a');
    await ask('b', 4);
    server.pool.configure({ ...server.pool.settings, aliases: { other: 'a' } });
    expect(await post('clear', { model: 'other' })).toMatchObject({
      models: [{ id: 'a', cleared: { sequences: 1, blocks: 2, files: 2 }, host: { blocks: 0 } }],
    });
    expect((await read()).map(({ host }) => host?.blocks)).toEqual([0, 2]);
    expect(await post('clear')).toMatchObject({
      models: [
        { id: 'a', cleared: { sequences: 0, blocks: 0, files: 0 } },
        { id: 'b', cleared: { sequences: 1, blocks: 2, files: 2 } },
      ],
    });
  });

  it('verifies files, and loads a model that is named for it', async () => {
    await ask('a');
    await server.pool.unload('a', 0);
    expect(await post('verify', { model: 'a' })).toMatchObject({
      models: [{ id: 'a', verified: { files: 2, bad: 0 } }],
    });
    expect(server.pool.models.map(({ leases }) => leases)).toEqual([0]);
  });

  it('refuses what it does not know', async () => {
    expect((await server.post('/admin/cache/clear', { model: 'nobody' })).status).toBe(404);
    expect((await server.post('/admin/cache/clear', { models: ['a'] })).status).toBe(400);
    expect((await server.post('/admin/cache', {})).status).toBe(405);
  });

  it('shows what is reserved for prompts beside what the engine is predicted to take', async () => {
    await server.pool.load('a');
    const { engines, memory } = (await (await fetch(`${server.url}/admin/engines`)).json()) as {
      engines: { memory: { predicted: number; prompt_cache: number } }[];
      memory: { ledger: { bytes: number }[] };
    };
    // RAM with what is kept for the next blocks, the disk's queue, and its thread.
    expect(engines[0]?.memory).toMatchObject({ predicted: 8 * MiB, prompt_cache: (9 + 8 + 8) * MiB });
    expect(memory.ledger[0]?.bytes).toBe(33 * MiB);
  });
});

describe('metrics of prompt caches', () => {
  it('are those of the models that keep any, and go on when one is loaded again', async () => {
    const model = { model_name: 'a' };
    const scrape = async () => parseMetrics(await (await fetch(`${server.url}/metrics`)).text());
    expect((await scrape()).get('heddle_prompt_cache_directory_bytes')?.samples).toEqual([]);
    await ask('a');
    const first = await scrape();
    const of = (metrics: typeof first, name: string, labels: object = {}) =>
      valueOf(metrics, `heddle_prompt_cache_${name}`, { ...model, ...labels });
    expect(of(first, 'blocks')).toBe(2);
    expect(of(first, 'limit_bytes')).toBe(8 * MiB);
    expect(of(first, 'disk_paused')).toBe(0);
    expect(of(first, 'saved_blocks_total', { kind: 'block' })).toBe(2);
    expect(of(first, 'disk_writes_total', { outcome: 'written' })).toBe(2);
    expect(valueOf(first, 'heddle_prompt_cache_directory_bytes')).toBeGreaterThan(0);
    await server.pool.unload('a', 0);
    await ask('a');
    const second = await scrape();
    expect(of(second, 'saved_blocks_total', { kind: 'block' })).toBe(2);
    expect(of(second, 'hits_total', { tier: 'disk' })).toBe(2);
    expect(of(second, 'restored_tokens_total')).toBe(128);
    expect(of(second, 'disk_writes_total', { outcome: 'written' })).toBe(2);
  });
});
