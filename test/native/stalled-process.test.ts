import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.js';
import { createProcessEngine } from '../../src/engine/create-engine.js';
import { EnginePool } from '../../src/pool/engine-pool.js';
import { ModelCatalogue } from '../../src/pool/model-catalogue.js';
import type { ManagedModel } from '../../src/pool/managed-model.js';
import { defaultModelSettings } from '../../src/pool/pool-settings.js';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { collect, makeRequest } from '../../src/testing/requests.js';
import { fixtureFolder } from './fixture-folder.js';
import { basename } from 'node:path';

let pool: EnginePool;
let id: string;
/** Called at each change of state. */
let onChange: (model: ManagedModel) => void;
const processes = new Set<number>();

beforeEach(() => {
  id = basename(writeFixture('llama', fixtureFolder), '.gguf');
  onChange = () => {};
  pool = new EnginePool({
    catalogue: new ModelCatalogue([fixtureFolder], silentLogger),
    settings: {
      threads: 1,
      defaults: { ...defaultModelSettings, contextSize: 1024 },
      policy: { stallDeadline: 1500, teardownDeadline: 500, firstRetry: 0 },
    },
    createEngine: (model) => createProcessEngine(model.id),
    observer: {
      changed: (model) => {
        const pid = model.engine?.processId;
        if (pid !== undefined) processes.add(pid);
        onChange(model);
      },
      progress() {},
      lost() {},
      settled() {},
    },
  });
});

afterEach(async () => {
  await pool.close();
  for (const pid of processes) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  processes.clear();
});

/** The process of the engine stops at this moment; it will not even notice that it is to end. */
function stop(model: ManagedModel | undefined): void {
  const pid = model?.engine?.processId;
  if (pid === undefined) throw new Error('There is no process.');
  process.kill(pid, 'SIGSTOP');
}

async function use(): Promise<readonly string[]> {
  const lease = await pool.lease(id);
  const text = collect(lease.engine.generate(makeRequest({ stop: { maxTokens: 4 } })));
  lease.release();
  return (await text).texts;
}

describe('a process that is stopped by a signal', () => {
  it.each(['queued', 'loading'] as const)(
    'while it is %s fails the load, and the next one works',
    async (state) => {
      onChange = (model) => {
        if (model.state.kind !== state) return;
        onChange = () => {};
        // The host of a queued model is started next.
        if (state === 'queued') void untilStarted(model).then(() => stop(model));
        else stop(model);
      };
      await expect(pool.lease(id)).rejects.toMatchObject({ code: 'engine_stalled', retryable: true });
      expect(pool.models[0]?.losses.count).toBe(1);
      await use();
    },
  );

  it('while it serves ends its requests, and the next one is served by another', async () => {
    const text = await use();
    const lease = await pool.lease(id);
    const generation = lease.engine.generate(makeRequest({ stop: { maxTokens: 500 } }));
    lease.release();
    await generation.next();
    stop(pool.models[0]);
    await expect(collect(generation)).rejects.toMatchObject({ code: 'engine_stalled', retryable: true });
    expect(pool.models[0]?.problem).toMatch(/no progress/);
    expect(await use()).toEqual(text);
    expect(pool.models[0]?.problem).toBeUndefined();
  });

  it('while it is idle is found out by the next request', async () => {
    await use();
    stop(pool.models[0]);
    await expect(use()).rejects.toMatchObject({ code: 'engine_stalled' });
    await use();
  });

  it('while it drains is killed at the deadline, and the model is unloaded', async () => {
    const lease = await pool.lease(id);
    const generation = lease.engine.generate(makeRequest({ stop: { maxTokens: 500 } }));
    lease.release();
    await generation.next();
    onChange = (model) => {
      if (model.state.kind === 'draining') stop(model);
    };
    const failed = collect(generation).catch((error: unknown) => error);
    await pool.unload(id, 20);
    expect(await failed).toMatchObject({ retryable: true });
    expect(pool.stateOf(id)).toBe('unloaded');
    onChange = () => {};
    await use();
  });

  it('while it is unloading is killed at the deadline', async () => {
    await use();
    onChange = (model) => {
      if (model.state.kind === 'unloading') stop(model);
    };
    await pool.unload(id, 0);
    expect(pool.stateOf(id)).toBe('unloaded');
    onChange = () => {};
    await use();
  });
});

async function untilStarted(model: ManagedModel): Promise<void> {
  while (model.engine?.processId === undefined) await new Promise((resolve) => setImmediate(resolve));
  processes.add(model.engine.processId);
}
