import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../core/logger.js';
import { Engine } from '../engine/engine.js';
import { InMemoryTransport } from '../testing/in-memory-transport.js';
import { collect, makeRequest } from '../testing/requests.js';
import { EnginePool } from './engine-pool.js';
import { ModelCatalogue } from './model-catalogue.js';

let folder: string;
let pool: EnginePool;
let transports: InMemoryTransport[];
let happened: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-pool-'));
  transports = [];
  happened = [];
  pool = new EnginePool({
    catalogue: new ModelCatalogue([folder], silentLogger),
    settings: { contextSize: 512, slots: 2, batchSize: 64 },
    createEngine() {
      const transport = new InMemoryTransport();
      transports.push(transport);
      return new Engine(transport);
    },
    observer: {
      loading: ({ id }, fraction) => fraction === 0 && happened.push(`loading ${id}`),
      loaded: ({ id }) => happened.push(`loaded ${id}`),
      failed: ({ id }) => happened.push(`failed ${id}`),
      ended: ({ id }, _, expected) => happened.push(`${expected ? 'ended' : 'lost'} ${id}`),
    },
  });
});

afterEach(async () => {
  await pool.close();
  rmSync(folder, { recursive: true });
});

function addModel(id: string, url = 'fake:?'): void {
  writeFileSync(join(folder, `${id}.gguf`), url);
}

describe('an engine pool', () => {
  it('loads a model once, however many ask for it at the same time', async () => {
    addModel('a', 'fake:?loadDelayMs=5');
    const leases = await Promise.all(Array.from({ length: 20 }, async () => pool.lease('a')));
    expect(new Set(leases.map(({ engine }) => engine)).size).toBe(1);
    expect(transports).toHaveLength(1);
    expect(happened).toContain('loaded a');
  });

  it('starts nothing before a model is asked for', async () => {
    addModel('a');
    await pool.catalogue.scan();
    expect(transports).toHaveLength(0);
  });

  it('serves a loaded model while another one is loading', async () => {
    addModel('quick');
    addModel('slow', 'fake:?loadDelayMs=50');
    await pool.lease('quick');
    const slow = pool.lease('slow');
    const { engine } = await pool.lease('quick');
    expect((await collect(engine.generate(makeRequest()))).completionTokens[0]).toBeGreaterThan(0);
    expect(happened).not.toContain('loaded slow');
    await slow;
  });

  it('tells every waiting request why a load failed, and tries again when asked again', async () => {
    addModel('a', 'fake:?loadFails=model_load_failed');
    await pool.catalogue.scan();
    const asked = await Promise.allSettled([pool.lease('a'), pool.lease('a')]);
    for (const result of asked) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'model_load_failed' } });
    }
    expect(pool.residents).toEqual([]);
    addModel('a');
    await pool.lease('a');
    expect(transports).toHaveLength(2);
  });

  it('forgets an engine that was lost, and loads the model again for the next request', async () => {
    addModel('a');
    const { engine } = await pool.lease('a');
    transports[0]?.crash();
    await engine.exited;
    const again = await pool.lease('a');
    expect(again.engine).not.toBe(engine);
    expect(happened).toContain('lost a');
  });

  it('counts leases, and each release once', async () => {
    addModel('a');
    const one = await pool.lease('a');
    await pool.lease('a');
    one.release();
    one.release();
    expect(pool.residents).toMatchObject([{ id: 'a', leases: 1 }]);
  });

  it('drains when the last lease is given back', async () => {
    addModel('a');
    const lease = await pool.lease('a');
    const drained = pool.drain(60_000);
    await expect(pool.lease('a')).rejects.toMatchObject({ code: 'server_shutting_down' });
    lease.release();
    expect(await drained).toBe(true);
    expect(await pool.drain(0)).toBe(true);
  });

  it('gives up draining at the deadline', async () => {
    addModel('a');
    await pool.lease('a');
    expect(await pool.drain(1)).toBe(false);
  });

  it('unloads every model when it closes', async () => {
    addModel('a');
    addModel('b');
    await pool.lease('a');
    await pool.lease('b');
    await pool.close();
    expect(transports.every((transport) => !transport.running)).toBe(true);
    expect(happened.slice(-2).toSorted()).toEqual(['ended a', 'ended b']);
  });
});
