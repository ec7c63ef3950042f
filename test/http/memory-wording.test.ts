import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, test } from 'vitest';
import { errorCatalogue } from '../../src/core/errors.js';
import type { PoolSettings } from '../../src/pool/pool-settings.js';
import { ScriptedProbe } from '../../src/testing/scripted-probe.js';
import { FakeServer } from './fake-server.js';

/*
 * Agents take an error that speaks of the context for a conversation that is too long, and throw a part of it away. Where
 * memory is short that helps nothing, so no such error may be worded so, by any API.
 */

/** What makes a client cut its conversation. */
const aboutLength =
  /context|prompt|token|message|conversation|reduc|shorten|shorter|too (?:long|large)|truncat|compact/i;

const hi = [{ role: 'user', content: 'Hi' }];
const requests: readonly (readonly [path: string, body: Readonly<Record<string, unknown>>])[] = [
  ['/v1/chat/completions', { messages: hi, stream: false }],
  ['/v1/chat/completions', { messages: hi, stream: true }],
  ['/v1/completions', { prompt: 'Hi' }],
  ['/v1/responses', { input: 'Hi', stream: true }],
  ['/v1/messages', { messages: hi, max_tokens: 5, stream: true }],
  ['/v1/messages/count_tokens', { messages: hi }],
  ['/api/chat', { messages: hi }],
  ['/api/generate', { prompt: 'Hi' }],
  ['/admin/cache/probe', { prompt: 'Hi' }],
];

let server: FakeServer;

async function start(probe?: ScriptedProbe): Promise<void> {
  const url = 'fake:?bytes=1000';
  server = await FakeServer.start(
    { wanted: url, other: url, huge: 'fake:?bytes=100000' },
    {},
    probe === undefined ? {} : { probe },
  );
}

function configure(changes: Partial<PoolSettings>): void {
  const { settings } = server.pool;
  server.pool.configure({ ...settings, ...changes, policy: { ...settings.policy, ...changes.policy } });
}

/** The answers of every API, all of which must be errors of this status. */
async function refusals(model: string, status: number): Promise<string[]> {
  const texts: string[] = [];
  for (const [path, body] of requests) {
    const response = await server.post(path, { model, ...body });
    const text = await response.text();
    expect([path, response.status, text]).toEqual([path, status, text]);
    const { error } = JSON.parse(text) as { error: string | { message: string } };
    texts.push(typeof error === 'string' ? error : error.message);
  }
  expect(new Set(texts).size).toBe(1);
  return texts;
}

describe('an error about memory says nothing of how long a conversation is', () => {
  afterEach(async () => server.stop());

  it('when the model needs more than there can be', async () => {
    await start();
    configure({ memoryCeiling: 5000 });
    const [text] = await refusals('huge', 507);
    expect(text).toContain('It can not fit: raise the memory limit');
    expect(text).not.toMatch(aboutLength);
  });

  it('when another model stays', async () => {
    await start();
    configure({ memoryCeiling: 1500, models: { other: { pinned: true } } });
    await server.engine('other');
    const [text] = await refusals('wanted', 507);
    expect(text).toContain('unpin or unload');
    expect(text).not.toMatch(aboutLength);
  });

  it('when another model is in use for too long', async () => {
    await start();
    configure({ memoryCeiling: 1500, policy: { queueWait: 0 } });
    const lease = await server.pool.lease('other');
    const [text] = await refusals('wanted', 507);
    lease.release();
    expect(text).toContain('Send the request again later');
    expect(text).not.toMatch(aboutLength);
  });

  it('when the machine has none left', async () => {
    const probe = new ScriptedProbe();
    probe.availableBytes = 2 ** 50;
    await start(probe);
    configure({ policy: { memoryInterval: 2, queueWait: 0 } });
    await server.engine('wanted');
    probe.availableBytes = server.pool.machineBytes * 0.03;
    while (server.pool.pressure === 'none') await new Promise((resolve) => setImmediate(resolve));
    const [text] = await refusals('wanted', 503);
    expect(text).toContain('short of memory');
    expect(text).not.toMatch(aboutLength);
  });
});

test('nor do the documents of such an error', () => {
  const api = readFileSync('docs/api.md', 'utf8');
  const codes = Object.keys(errorCatalogue).filter((code) => code.includes('memory'));
  expect(codes).toEqual(['insufficient_memory', 'memory_pressure']);
  for (const code of codes) {
    const [, when] = new RegExp(`^\\| \`${code}\` \\| \\d+ \\| \\w+ \\| (.+) \\|$`, 'm').exec(api) ?? [];
    expect(when).toMatch(/memory/);
    expect(when).not.toMatch(aboutLength);
  }
});
