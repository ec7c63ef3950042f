import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { ServerProcess } from './server-process.js';

interface Health {
  models: { id: string; process_id: number | null }[];
}

let server: ServerProcess | undefined;

afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function start(...args: string[]): Promise<{ client: OpenAI; server: ServerProcess }> {
  server = await ServerProcess.start(...args);
  return { client: new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 }), server };
}

async function engineProcess(of: ServerProcess, id: string): Promise<number> {
  const { models } = (await (await fetch(`${of.url}/health`)).json()) as Health;
  const found = models.find((model) => model.id === id)?.process_id;
  if (typeof found !== 'number') throw new Error(`${id} lives in no process`);
  return found;
}

function exists(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}

async function gone(processId: number): Promise<void> {
  while (exists(processId)) await new Promise((resolve) => setTimeout(resolve, 10));
}

const endless = (model: string) => ({
  model,
  prompt: 'Once upon a time',
  stream: true as const,
  temperature: 0,
  max_tokens: 1500,
  ignore_eos: true,
});

describe('engines in processes of their own', () => {
  it.each(['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const)(
    'when one dies of %s its streams end with engine_crashed, others do not notice, and it comes back',
    async (signal) => {
      const { client, server: running } = await start();
      const other = await client.completions.create(endless('starter-draft'));
      const victim = await client.completions.create(endless('starter'));
      const processId = await engineProcess(running, 'starter');

      const readVictim = async (): Promise<void> => {
        let pieces = 0;
        for await (const _ of victim) if (++pieces === 5) process.kill(processId, signal);
      };
      await expect(readVictim()).rejects.toMatchObject({ code: 'engine_crashed' });

      let finish: string | null | undefined;
      for await (const { choices } of other) finish = choices[0]?.finish_reason ?? finish;
      expect(finish).toBe('length');

      const again = await client.completions.create({
        model: 'starter',
        prompt: 'The capital of Japan is',
        temperature: 0,
        max_tokens: 2,
      });
      expect(again.choices[0]?.text).toBe(' Tokyo.');
      expect(await engineProcess(running, 'starter')).not.toBe(processId);
      expect(running.output).toContain('the engine of starter ended unexpectedly');
    },
  );

  it('end with the server, however that ends', async () => {
    const { client, server: running } = await start();
    const stream = await client.completions.create(endless('starter'));
    await stream[Symbol.asyncIterator]().next();
    const processId = await engineProcess(running, 'starter');
    running.signal('SIGKILL');
    expect(await running.exited()).toBeNull();
    await gone(processId);
  });

  it('are not ended by a signal to the whole group before the server ends them', async () => {
    const { client, server: running } = await start('--grace', '30');
    const stream = await client.completions.create({ ...endless('starter'), max_tokens: 300 });
    const processId = await engineProcess(running, 'starter');
    process.kill(processId, 'SIGINT');
    process.kill(processId, 'SIGTERM');
    running.signal('SIGINT');
    let finish: string | null | undefined;
    for await (const { choices } of stream) finish = choices[0]?.finish_reason ?? finish;
    expect(finish).toBe('length');
    expect(await running.exited()).toBe(0);
    await gone(processId);
  });

  it('can be threads of the server instead', async () => {
    const { client, server: running } = await start('--isolation', 'thread');
    await client.completions.create({ model: 'starter', prompt: 'A', max_tokens: 1 });
    const { models } = (await (await fetch(`${running.url}/health`)).json()) as Health;
    expect(models).toMatchObject([{ id: 'starter', process_id: null }]);
  });
});
