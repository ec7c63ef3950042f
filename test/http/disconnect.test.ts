import { afterEach, describe, expect, it } from 'vitest';
import type { Engine, StepRecord } from '../../src/engine/engine.js';
import { events, FakeServer } from './fake-server.js';

let server: FakeServer;

afterEach(async () => server.stop());

/** Resolves when the engine has no request left: its last word on each has arrived. */
async function idle(engine: Engine): Promise<void> {
  while (engine.pendingRequests > 0) await new Promise((resolve) => setImmediate(resolve));
}

/** Resolves when the gateway has seen that its clients left. */
async function noticed(): Promise<void> {
  while (server.openResponses > 0) await new Promise((resolve) => setImmediate(resolve));
}

function requestsIn(steps: readonly StepRecord[]): Set<string> {
  return new Set(steps.flatMap(({ rows }) => rows.map(({ requestId }) => requestId)));
}

const generate = { model: 'fake', prompt: 'Hi', max_tokens: 200, ignore_eos: true };

describe('when the client goes away', () => {
  it('a running stream stops, and leaves its slot', async () => {
    server = await FakeServer.start({ fake: 'fake:?' });
    server.gate.hold();
    const leaving = new AbortController();
    const response = await server.post('/v1/completions', { ...generate, stream: true }, leaving.signal);
    await server.gate.reached(1);
    server.gate.release(10);
    await events(response).next();
    await server.gate.reached(11);
    leaving.abort();
    await noticed();
    const engine = await server.engine('fake');
    server.gate.open();
    await idle(engine);
    const report = await engine.inspect();
    expect(report.running + report.waiting).toBe(0);
    expect(report.usedCells).toBe(0);
    expect(report.steps).toBe(10);
  });

  it('an answer that is not streamed is not finished either', async () => {
    server = await FakeServer.start({ fake: 'fake:?' });
    server.gate.hold();
    const leaving = new AbortController();
    const answer = server.post('/v1/completions', generate, leaving.signal);
    await server.gate.reached(1);
    leaving.abort();
    await expect(answer).rejects.toThrow('aborted');
    await noticed();
    const engine = await server.engine('fake');
    server.gate.open();
    await idle(engine);
    expect((await engine.inspect()).steps).toBe(0);
  });

  it('a queued request never takes a step', async () => {
    server = await FakeServer.start({ fake: 'fake:?' }, { slots: 1 });
    server.gate.hold();
    const first = server.post('/v1/completions', { ...generate, max_tokens: 20 });
    await server.gate.reached(1);
    const engine = await server.engine('fake');
    const leaving = new AbortController();
    const queued = server.post('/v1/completions', generate, leaving.signal);
    while (engine.pendingRequests < 2) await new Promise((resolve) => setImmediate(resolve));
    leaving.abort();
    await expect(queued).rejects.toThrow('aborted');
    server.gate.open();
    expect((await first).status).toBe(200);
    await idle(engine);
    expect(requestsIn((await engine.inspect()).recentSteps).size).toBe(1);
  });

  it('in the middle of a long prompt, no later step has a row of it', async () => {
    server = await FakeServer.start({ fake: 'fake:?' }, { batchSize: 64 });
    server.gate.hold();
    const leaving = new AbortController();
    const long = { ...generate, prompt: 'word '.repeat(300) };
    const answer = server.post('/v1/completions', long, leaving.signal);
    await server.gate.reached(1);
    server.gate.release(3);
    await server.gate.reached(4); // 192 of its 1500 rows are computed
    leaving.abort();
    await expect(answer).rejects.toThrow('aborted');
    await noticed();
    const engine = await server.engine('fake');
    server.gate.open();
    await idle(engine);
    const { steps, recentSteps, usedCells } = await engine.inspect();
    expect(steps).toBe(3);
    // The step that stood before the gate was scheduled, but not begun.
    expect(recentSteps.slice(3).every(({ outcome }) => outcome === 'aborted')).toBe(true);
    expect(usedCells).toBe(0);
  });

  it('while its model is loaded, the model is there for the next, and nothing was generated', async () => {
    server = await FakeServer.start({ fake: 'fake:?loadDelayMs=30' });
    const leaving = new AbortController();
    const answer = server.post('/v1/completions', generate, leaving.signal);
    while (server.transports.length === 0) await new Promise((resolve) => setImmediate(resolve));
    leaving.abort();
    await expect(answer).rejects.toThrow('aborted');
    const engine = await server.engine('fake');
    await idle(engine);
    expect((await engine.inspect()).steps).toBe(0);
    expect(server.transports).toHaveLength(1);
  });
});
