import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.js';
import type { SettleReport } from '../../src/core/memory.js';
import { createProcessEngine, createThreadEngine } from '../../src/engine/create-engine.js';
import { EnginePool } from '../../src/pool/engine-pool.js';
import { ModelCatalogue } from '../../src/pool/model-catalogue.js';
import { defaultModelSettings } from '../../src/pool/pool-settings.js';
import { collect, makeRequest } from '../../src/testing/requests.js';
import { starterDirectory } from '../../src/config/settings.js';

const MiB = 2 ** 20;
let pool: EnginePool;

afterEach(async () => pool.close());

describe.each([
  ['threads', createThreadEngine],
  ['processes', createProcessEngine],
] as const)('the memory of engines in %s', (kind, createEngine) => {
  it('is seen to come back, a few hundred megabytes of it, before the model counts as unloaded', async () => {
    const reports: SettleReport[] = [];
    const ready: number[] = [];
    const left: number[] = [];
    /** Measured over predicted, where the engine's process is its own. */
    const shares: number[] = [];
    pool = new EnginePool({
      catalogue: new ModelCatalogue([starterDirectory], silentLogger),
      settings: {
        threads: 1,
        // A large KV cache, which is anonymous memory.
        defaults: { ...defaultModelSettings, contextSize: 65_536, slots: 2 },
        policy: { memoryInterval: 5 },
      },
      createEngine: ({ id }) => createEngine(id),
      observer: {
        changed: ({ state, memory }) => {
          if (state.kind === 'ready') ready.push(memory.engineBytes);
          if (state.kind === 'unloaded') left.push(memory.engineBytes);
        },
        progress() {},
        lost() {},
        settled: (_, report) => reports.push(report),
      },
    });
    for (let cycle = 0; cycle < 3; cycle++) {
      const lease = await pool.lease('starter');
      const text = collect(lease.engine.generate(makeRequest({ stop: { maxTokens: 8 } })));
      lease.release();
      await text;
      const [model] = pool.models;
      if (kind === 'processes') {
        // It is measured while it runs, and close to what was predicted: the context was never full.
        while (model?.memory.measuredBytes === undefined)
          await new Promise((resolve) => setTimeout(resolve, 5));
        shares.push(model.memory.measuredBytes / model.memory.predictedBytes);
      }
      await pool.unload('starter', 0);
    }
    expect(left).toEqual([0, 0, 0]);
    expect(shares.every((share) => share > 0.5 && share < 1.1)).toBe(true);
    expect(ready.every((bytes) => bytes > 200 * MiB)).toBe(true);
    expect(reports).toHaveLength(3);
    for (const { verdict, expectedBytes, returnedBytes = 0 } of reports) {
      expect(verdict).toBe('settled');
      expect(expectedBytes).toBeGreaterThan(150 * MiB);
      expect(returnedBytes).toBeGreaterThan(expectedBytes * 0.9);
    }
    expect(pool.ledger).toEqual([]);
  });
});
