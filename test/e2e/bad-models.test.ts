import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { InternalServerError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  writeNotGguf,
  writeTruncatedFixture,
  writeTruncatedHeader,
  writeUnknownArchitecture,
} from '../../src/testing/gguf/broken-files.js';
import { writeSplitFixture } from '../../src/testing/gguf/fixtures.js';
import { ServerProcess } from './server-process.js';

let directory: string;
let server: ServerProcess;
let client: OpenAI;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'heddle-bad-models-'));
  writeNotGguf(directory);
  writeTruncatedFixture(directory);
  writeTruncatedHeader(directory);
  writeUnknownArchitecture(directory);
  writeSplitFixture(directory, 3);
  copyFileSync(join(process.cwd(), 'models', 'starter', 'starter.gguf'), join(directory, 'good.gguf'));
  server = await ServerProcess.start('--model-dir', directory);
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
  rmSync(directory, { recursive: true });
});

async function ask(model: string): Promise<string | null | undefined> {
  const completion = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'What is the capital of Japan?' }],
    temperature: 0,
    max_tokens: 16,
  });
  return completion.choices[0]?.message.content;
}

describe('model files that can not be loaded', () => {
  it.each([
    ['not-gguf', 'model_file_invalid', /not a GGUF file/],
    ['truncated', 'model_file_truncated', /cut short: its tensors end at byte \d+, the file at byte \d+/],
    ['truncated-header', 'model_file_truncated', /header .* can not be read to its end/],
    ['warp-drive', 'model_architecture_unknown', /the architecture "warp-drive"/],
  ])('%s is answered with %s, and the server serves on', async (model, code, message) => {
    const error: unknown = await ask(model).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 500, code, message: expect.stringMatching(message) as string });
    expect(await ask('good')).toBe('The capital of Japan is Tokyo.');
  });

  it('are not tried again by the official client, which would repeat other 500s', async () => {
    let requests = 0;
    const counting = new OpenAI({
      baseURL: `${server.url}/v1`,
      apiKey: 'none',
      fetch: async (...parameters) => {
        requests++;
        return fetch(...parameters);
      },
    });
    await expect(counting.completions.create({ model: 'not-gguf', prompt: 'A' })).rejects.toThrow(
      InternalServerError,
    );
    expect(requests).toBe(1);
  });
});

describe('a model split over several files', () => {
  it('is listed once and served', async () => {
    const { data } = await client.models.list();
    const split = data.filter(({ id }) => id.startsWith('llama'));
    expect(split).toHaveLength(1);
    expect((await ask(split[0]?.id ?? ''))?.length).toBeGreaterThan(0);
  });
});
