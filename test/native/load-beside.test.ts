import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Gate } from '../../src/testing/gate.js';
import { loadGate } from '../../src/testing/gated-runner.js';
import { collect, makeRequest } from '../../src/testing/requests.js';
import { draftModel, starterModel } from './fixture-folder.js';
import { isolations, readAll, RealServer } from './real-server.js';

let folder: string;
let server: RealServer;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-beside-'));
  copyFileSync(starterModel, join(folder, 'resident.gguf'));
  copyFileSync(draftModel, join(folder, 'other.gguf'));
});

afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const question = { model: 'resident', prompt: 'The capital of Japan is', temperature: 0, max_tokens: 2 };

describe.each(isolations)('while a model is half-way through its load in a %s, another one', (isolation) => {
  test('starts streams, goes on with those it has, and answers calls', async () => {
    server = await RealServer.start(folder, isolation);
    const { pool } = server;
    const before = await server.post('/v1/completions', {
      ...question,
      max_tokens: 400,
      ignore_eos: true,
      stream: true,
    });
    const gate = new Gate(loadGate(join(folder, 'other.gguf')));
    const loaded = server.ask('/v1/completions', { ...question, model: 'other' });
    await gate.reached();
    expect(server.events.at(-1)).toBe('other loading');

    const { engine, ...lease } = await pool.lease('resident');
    const stream = engine.generate(makeRequest({ prompt: 'Once upon a time', stop: { maxTokens: 8 } }));
    lease.release();
    for await (const update of stream) if (update.kind === 'choice') server.note('a token');
    expect((await engine.tokenize('Hello!')).length).toBeGreaterThan(0);
    expect(await server.ask('/v1/completions', question)).toMatchObject({
      status: 200,
      text: expect.stringContaining('"text":" Tokyo."') as string,
    });
    server.note('an answer');
    expect(await readAll(before)).toMatch(/"finish_reason":"length"[^]*\[DONE\]\n\n$/);
    const all = await Promise.all(
      Array.from({ length: 8 }, async () =>
        collect(engine.generate(makeRequest({ prompt: 'One, two,', stop: { maxTokens: 8 } }))),
      ),
    );
    expect(new Set(all.map(({ texts }) => texts[0])).size).toBe(1);

    expect(pool.stateOf('other')).toBe('loading');
    await gate.open();
    expect((await loaded).status).toBe(200);
    const order = ['other queued', 'other loading', 'a token', 'an answer', 'other ready'];
    expect(order.toSorted((a, b) => server.events.indexOf(a) - server.events.indexOf(b))).toEqual(order);
  });
});
