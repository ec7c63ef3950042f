import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { fixtureFolder } from '../native/fixture-folder.js';
import { childrenOf } from './processes.js';
import { ServerProcess } from './server-process.js';

const prompts = [
  'Hello!',
  'What is the capital of Japan?',
  'One, two, three, four,',
  'Which day comes after Friday?',
  'A cow says',
];

let folder: string;
let ids: string[];
let server: ServerProcess | undefined;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-many-'));
  ids = (['llama', 'qwen3moe', 'falcon-h1'] as const).map((name) => {
    const path = writeFixture(name, fixtureFolder);
    copyFileSync(path, join(folder, basename(path)));
    return basename(path, '.gguf');
  });
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** The text of a stream that came to its proper end. */
async function stream(client: OpenAI, model: string, prompt: string): Promise<string> {
  const parameters = {
    model,
    prompt,
    temperature: 0,
    max_tokens: 16,
    ignore_eos: true,
    stream: true as const,
  };
  let text = '';
  let finish: string | null | undefined;
  for await (const { choices } of await client.completions.create(parameters)) {
    text += choices[0]?.text ?? '';
    finish = choices[0]?.finish_reason ?? finish;
  }
  expect(finish).toBe('length');
  return text;
}

/** Works through jobs, so many at once. @returns the most that were under way at the same time */
async function atOnce(limit: number, jobs: (() => Promise<void>)[]): Promise<number> {
  let running = 0;
  let most = 0;
  const worker = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      most = Math.max(most, ++running);
      await job();
      running--;
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  return most;
}

describe.each(['process', 'thread'])('a server with --isolation %s', (isolation) => {
  it('answers 355 requests to 3 architectures, up to 20 at once, and 48 at 12, 16 and 20, all in the same processes', async () => {
    server = await ServerProcess.start('--isolation', isolation, '--model-dir', folder, '--threads', '1');
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const expected = new Map<string, string>();
    for (const id of ids) {
      for (const prompt of prompts) expected.set(`${id} ${prompt}`, await stream(client, id, prompt));
    }
    expect(new Set(expected.values()).size).toBe(expected.size);
    const engines = childrenOf(server.processId);
    const threads = await engineThreads(server);
    expect(threads).toHaveLength(ids.length);

    for (const [count, limit] of [
      [355, 20],
      [48, 12],
      [48, 16],
      [48, 20],
    ] as const) {
      let answered = 0;
      const jobs = Array.from({ length: count }, (_, index) => async () => {
        const id = ids[index % ids.length] ?? '';
        const prompt = prompts[(index * 7) % prompts.length] ?? '';
        expect(await stream(client, id, prompt)).toBe(expected.get(`${id} ${prompt}`));
        answered++;
      });
      expect(await atOnce(limit, jobs)).toBe(limit);
      expect(answered).toBe(count);
    }
    expect(childrenOf(server.processId)).toEqual(engines);
    expect(await engineThreads(server)).toEqual(threads);
    expect(server.output).not.toContain('unloaded');
    expect(await server.stop()).toBe(0);
  });
});

interface Engines {
  engines: { id: string; process_id: number | null; thread_id: number }[];
}

/** Model, process and thread of each engine. */
async function engineThreads({ url }: ServerProcess): Promise<string[]> {
  const { engines } = (await (await fetch(`${url}/admin/engines`)).json()) as Engines;
  return engines.map(({ id, process_id, thread_id }) => `${id} ${process_id} ${thread_id}`);
}
