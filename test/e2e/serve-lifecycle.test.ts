import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { parseMetrics, valueOf } from '../../src/testing/metrics-text.js';
import { ServerProcess } from './server-process.js';

const endless = {
  model: 'starter',
  messages: [{ role: 'user' as const, content: 'Tell me a story about Ben and a cat.' }],
  stream: true as const,
  ignore_eos: true,
};

function clientOf(server: ServerProcess): OpenAI {
  return new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
}

describe('heddle serve', () => {
  it('says where it listens, which models there are and how to ask them', async () => {
    const server = await ServerProcess.start();
    await server.stop();
    expect(server.output).toContain(`heddle 0.1.0 is listening on ${server.url}`);
    expect(server.output).toContain('models: starter, starter-draft');
    expect(server.output).toContain(`curl -N ${server.url}/v1/chat/completions`);
    expect(server.output).toContain(`reference: ${server.url}/docs`);
  });

  it('loads nothing before the first request, and says when it does', async () => {
    const server = await ServerProcess.start();
    expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({ status: 'ok', models: [] });
    await clientOf(server).completions.create({ model: 'starter', prompt: 'A', max_tokens: 1 });
    await server.stop();
    expect(server.output).toMatch(/loading starter \(5\.2 MiB\)\nloaded starter in [\d.]+ s/);
    expect(server.output).toContain('unloaded starter');
  });

  it('has metrics of what a model did, in the text format of Prometheus', async () => {
    const server = await ServerProcess.start();
    const { usage } = await clientOf(server).completions.create({
      model: 'starter',
      prompt: 'Once upon a time',
      max_tokens: 20,
    });
    let metrics: ReturnType<typeof parseMetrics> = new Map();
    const value = (name: string, labels: object = {}): number | undefined =>
      valueOf(metrics, name, { model_name: 'starter', ...labels });
    // A machine that is busy enough can keep the engine from answering the first one in time.
    while (value('heddle_engine_steps_total') === undefined) {
      metrics = parseMetrics(await (await fetch(`${server.url}/metrics`)).text());
    }
    expect(await server.stop()).toBe(0);
    expect(value('vllm:prompt_tokens_total')).toBe(usage?.prompt_tokens);
    expect(value('vllm:generation_tokens_total')).toBe(usage?.completion_tokens);
    expect(value('vllm:time_to_first_token_seconds_count')).toBe(1);
    expect(value('vllm:time_to_first_token_seconds_sum')).toBeGreaterThan(0);
    expect(value('heddle_engine_steps_total')).toBeGreaterThanOrEqual(usage?.completion_tokens ?? NaN);
    expect(value('heddle_model_state', { state: 'ready' })).toBe(1);
    expect(value('heddle_memory_held_bytes', { state: 'resident' })).toBeGreaterThan(5 * 2 ** 20);
    expect(value('heddle_load_seconds_count')).toBe(1);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends cleanly on %s, with nothing loaded', async (signal) => {
    const server = await ServerProcess.start();
    server.signal(signal);
    expect(await server.exited()).toBe(0);
  });

  it('lets a running stream finish when it is told to stop', async () => {
    const server = await ServerProcess.start('--grace', '60', '--threads', '1');
    const stream = await clientOf(server).chat.completions.create({ ...endless, max_tokens: 400 });
    let finish: string | null | undefined;
    for await (const { choices } of stream) {
      if (finish === undefined) server.signal('SIGTERM');
      finish = choices[0]?.finish_reason ?? finish ?? null;
    }
    expect(finish).toBe('length');
    expect(await server.exited()).toBe(0);
  });

  it('ends a stream that takes too long with an error event, and exits with 0', async () => {
    const server = await ServerProcess.start('--grace', '0', '--ctx', '65536');
    const stream = await clientOf(server).chat.completions.create(endless);
    const read = async (): Promise<void> => {
      let first = true;
      for await (const chunk of stream) {
        if (first && chunk.choices[0] !== undefined) server.signal('SIGTERM');
        first = false;
      }
    };
    await expect(read()).rejects.toMatchObject({ code: 'model_unloading' });
    expect(await server.exited()).toBe(0);
  });

  it('is not kept from stopping by a client that does not read', async () => {
    const server = await ServerProcess.start('--grace', '0', '--ctx', '65536');
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(endless),
    });
    expect(response.status).toBe(200);
    expect(await server.stop()).toBe(0);
    await response.body?.cancel().catch(() => {}); // the connection was cut by the server
  });

  it('goes on when nobody reads its output any more', async () => {
    const server = await ServerProcess.start('--log-level', 'info');
    server.closeOutput();
    const client = clientOf(server);
    await client.completions.create({ model: 'starter', prompt: 'A', max_tokens: 1 });
    await client.completions.create({ model: 'starter-draft', prompt: 'A', max_tokens: 1 });
    expect(await server.stop()).toBe(0);
  });

  it('is forced to end by a second signal', async () => {
    const server = await ServerProcess.start('--grace', '600', '--ctx', '65536');
    const stream = await clientOf(server).chat.completions.create(endless);
    await stream[Symbol.asyncIterator]().next();
    server.signal('SIGTERM');
    while (!server.output.includes('stopping')) await new Promise((resolve) => setTimeout(resolve, 10));
    server.signal('SIGTERM');
    expect(await server.exited()).toBe(1);
  });
});
