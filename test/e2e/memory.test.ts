import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ServerProcess } from './server-process.js';

let folder: string;
let server: ServerProcess;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-memory-'));
  const starter = join(process.cwd(), 'models', 'starter', 'starter.gguf');
  for (const id of ['a', 'b', 'c']) copyFileSync(starter, join(folder, `${id}.gguf`));
});

afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function ask(client: OpenAI, model: string): Promise<string | null | undefined> {
  const completion = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'What is the capital of Japan?' }],
    temperature: 0,
  });
  return completion.choices[0]?.message.content;
}

it('three models take turns in memory for one', async () => {
  server = await ServerProcess.start('--model-dir', folder, '--memory', '0.05');
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  const models = ['a', 'b', 'c', 'a', 'b', 'c'];
  const texts = await Promise.all(models.map(async (model) => ask(client, model)));
  expect(new Set(texts)).toEqual(new Set(['The capital of Japan is Tokyo.']));
  const { memory } = (await (await fetch(`${server.url}/admin/engines`)).json()) as {
    memory: { ceiling: number; ledger: { bytes: number }[] };
  };
  const held = memory.ledger.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(held).toBeGreaterThan(0);
  expect(held).toBeLessThanOrEqual(memory.ceiling);
  expect(server.output).toContain('unloaded ');
});

it('a model that can not fit is refused with 507, and what to do', async () => {
  server = await ServerProcess.start('--model-dir', folder, '--memory', '0.01');
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  const error: unknown = await ask(client, 'a').catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ status: 507, code: 'insufficient_memory' });
  expect((error as Error).message).toMatch(/Loading a needs \d+ MiB of memory.*raise the memory limit/);
});
