import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScriptedProbe } from '../../src/testing/scripted-probe.js';
import { FakeServer } from './fake-server.js';

const MiB = 2 ** 20;

const probe = new ScriptedProbe();
let server: FakeServer;

beforeAll(async () => {
  probe.gpuMemory = [{ id: 'GPU-1', totalBytes: 100 * MiB, usedBytes: 20 * MiB, processes: new Map() }];
  server = await FakeServer.start(
    {
      fits: `fake:?deviceBytes=${10 * MiB}`,
      crowded: `fake:?deviceBytes=${95 * MiB}`,
      huge: `fake:?deviceBytes=${101 * MiB}`,
    },
    {},
    { probe },
  );
});

afterAll(async () => {
  probe.gpuFailure = true; // the memory of what is loaded still is not waited for
  await server.stop();
});

async function complete(model: string): Promise<Response> {
  return server.post('/v1/completions', { model, prompt: 'Hi', max_tokens: 1 });
}

describe('a server with a GPU', () => {
  it('shows its memory, and what models hold of it', async () => {
    expect((await complete('fits')).status).toBe(200);
    expect(await (await fetch(`${server.url}/admin/engines`)).json()).toMatchObject({
      engines: [{ id: 'fits', memory: { predicted_gpu: 10 * MiB } }],
      memory: {
        ledger: [{ id: 'fits', gpu_bytes: 10 * MiB }],
        gpus: { devices: [{ id: 'GPU-1', total: 100 * MiB, used: 20 * MiB }] },
      },
    });
  });

  it('says that a model that can never fit need not be asked for again', async () => {
    for (const [model, again] of [
      ['crowded', 'true'],
      ['huge', 'false'],
    ] as const) {
      const response = await complete(model);
      expect(response.status).toBe(507);
      expect(response.headers.get('x-should-retry')).toBe(again);
      expect(response.headers.has('retry-after')).toBe(again === 'true');
      expect(await response.json()).toMatchObject({ error: { code: 'insufficient_memory' } });
    }
  });
});
