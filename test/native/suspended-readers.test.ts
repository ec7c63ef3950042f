import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hostBytes } from '../../src/core/memory.js';
import { createThreadEngine } from '../../src/engine/create-engine.js';
import { until } from '../../src/testing/engine-conformance.js';
import { eventsIn } from '../http/stream-events.js';
import { draftModel, starterModel } from './fixture-folder.js';
import { isolations, readAll, RealServer, realServerDefaults, type Isolation } from './real-server.js';

const readers = 20;
const settings = { contextSize: 16_384, slots: readers, batchSize: 512 };

/** Every event bears the model's id: with a long one it takes fewer of them to fill a socket. */
const first = `first-${'x'.repeat(200)}`;

let folder: string;
let server: RealServer | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-readers-'));
  copyFileSync(draftModel, join(folder, `${first}.gguf`));
  copyFileSync(starterModel, join(folder, 'second.gguf'));
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  rmSync(folder, { recursive: true });
});

/** A server with memory for one of the two models. */
async function start(isolation: Isolation): Promise<RealServer> {
  const engine = createThreadEngine('measure');
  const needs = [];
  for (const modelPath of [draftModel, starterModel])
    needs.push(await engine.predict({ ...settings, threads: 1, modelPath }));
  await engine.close();
  const [draft, starter] = needs.map(({ totalBytes }) => totalBytes);
  const memoryCeiling = (draft ?? 0) / 2 + (starter ?? 0) + hostBytes[isolation];
  const defaults = { ...realServerDefaults, ...settings };
  server = await RealServer.start(folder, isolation, { defaults, memoryCeiling });
  return server;
}

/** Streams whose clients have stopped reading, so that every one of the server's sockets is full. */
async function suspend(of: RealServer, maxTokens: number | undefined): Promise<IncomingMessage[]> {
  const writing: ServerResponse[] = [];
  const note = (_: unknown, response: ServerResponse): void => void writing.push(response);
  of.server.server.on('request', note);
  const streams = await Promise.all(
    Array.from({ length: readers }, async () =>
      of.post('/v1/completions', {
        model: first,
        prompt: 'Once upon a time',
        temperature: 0,
        ignore_eos: true,
        stream: true,
        ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
      }),
    ),
  );
  of.server.server.off('request', note);
  await until(() => writing.every(({ writableNeedDrain }) => writableNeedDrain));
  expect(writing).toHaveLength(readers);
  return streams;
}

const question = { model: 'second', prompt: 'The capital of Japan is', temperature: 0, max_tokens: 2 };
const answer = expect.stringContaining('"text":" Tokyo."') as string;

/** The data of the stream's last event, and how many bore text. */
async function readEvents(stream: IncomingMessage): Promise<{ last: string | undefined; pieces: number }> {
  const events = eventsIn(await readAll(stream)).map(({ data }) => data);
  return { last: events.at(-1), pieces: events.filter((event) => event.includes('"text":"')).length };
}

describe.each(isolations)('a model in a %s, 20 readers of which have stopped reading', (isolation) => {
  test('is unloaded as soon as its engine has done their requests, whatever the grace', async () => {
    const running = await start(isolation);
    const streams = await suspend(running, 500);
    streams.pop()?.destroy();
    const { status, text } = await running.ask(`/v1/models/${first}/unload`, { grace: 600 });
    expect({ status, text }).toMatchObject({
      status: 200,
      text: expect.stringContaining('unloaded') as string,
    });
    expect(await running.ask('/v1/completions', question)).toMatchObject({ status: 200, text: answer });
    // The readers were suspended all the time; what was made for them is still theirs.
    const all = await Promise.all(streams.map(readEvents));
    expect(all.map(({ last }) => last)).toEqual(streams.map(() => '[DONE]'));
    expect(new Set(all.map(({ pieces }) => pieces)).size).toBe(1);
  });

  test('is unloaded without grace in the middle of them, and makes room for one that waits for it', async () => {
    const running = await start(isolation);
    const streams = await suspend(running, undefined);
    const vanished = streams.pop();
    const queued = running.entered('second', 'queued');
    const waiting = running.ask('/v1/completions', question);
    await queued;
    expect(running.pool.stateOf(first)).toBe('ready');
    vanished?.destroy();
    const { status } = await running.ask(`/v1/models/${first}/unload`, { grace: 0 });
    expect(status).toBe(200);
    expect(await waiting).toMatchObject({ status: 200, text: answer });
    expect(running.events.indexOf(`${first} unloaded`)).toBeLessThan(
      running.events.indexOf('second loading'),
    );
    const all = await Promise.all(streams.map(readEvents));
    expect(all.map(({ last }) => last)).toEqual(
      streams.map(() => expect.stringContaining('"code":"model_unloading"') as string),
    );
  });

  test('is idle once their requests are done, and makes room by itself', async () => {
    const running = await start(isolation);
    const streams = await suspend(running, 400);
    streams.pop()?.destroy();
    expect(await running.ask('/v1/completions', question)).toMatchObject({ status: 200, text: answer });
    expect(running.pool.stateOf(first)).toBe('unloaded');
    const all = await Promise.all(streams.map(readEvents));
    expect(all.map(({ last }) => last)).toEqual(streams.map(() => '[DONE]'));
  });
});
