import { afterEach, describe, expect, it } from 'vitest';
import { parseMetrics, valueOf, type MetricFamily } from '../../src/testing/metrics-text.js';
import { events, FakeServer, textOf } from './fake-server.js';

let server: FakeServer;

afterEach(async () => server.stop());

async function scrape(): Promise<ReadonlyMap<string, MetricFamily>> {
  const response = await fetch(`${server.url}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return parseMetrics(await response.text());
}

/** Waits until the server has counted so many errors of this code: what a client did reaches it in its own time. */
async function untilErrors(code: string, count: number): Promise<void> {
  while (valueOf(await scrape(), 'heddle_request_errors_total', { code }) !== count);
}

const fake = { model_name: 'fake' };

describe('GET /metrics', () => {
  it('has what a server knows before its first request, and no series of a model', async () => {
    server = await FakeServer.start({ fake: 'fake:?' });
    const metrics = await scrape();
    expect(valueOf(metrics, 'heddle_memory_ceiling_bytes')).toBe(server.pool.memoryCeiling);
    expect(valueOf(metrics, 'process_resident_memory_bytes')).toBeGreaterThan(0);
    for (const { samples } of metrics.values()) {
      for (const { labels } of samples) expect(labels).not.toHaveProperty('model_name');
    }
  });

  it.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }] }],
    ['/v1/completions', { prompt: 'Hi' }],
  ])('counts requests to %s as their usage does', async (path, prompt) => {
    server = await FakeServer.start({ fake: 'fake:?scriptedText=Hello%20there' });
    const used = { prompt: 0, completion: 0 };
    const ask = async (body: object): Promise<void> => {
      const response = await server.post(path, { model: 'fake', ...prompt, ...body });
      const { usage } = (await response.json()) as {
        usage: { prompt_tokens: number; completion_tokens: number };
      };
      used.prompt += usage.prompt_tokens;
      used.completion += usage.completion_tokens;
    };
    await ask({});
    await ask({ max_tokens: 4 });
    await ask({ n: 3 });
    const streamed = await server.post(path, {
      model: 'fake',
      ...prompt,
      stream: true,
      stop: 'there',
    });
    const texts: (string | undefined)[] = [];
    for await (const event of events(streamed)) texts.push(textOf(event));
    expect(texts.join('')).toBe('Hello ');

    const metrics = await scrape();
    const value = (name: string, labels: object = {}): number | undefined =>
      valueOf(metrics, name, { ...fake, ...labels });
    const [promptTokens = NaN] = [value('vllm:prompt_tokens_total')];
    expect(promptTokens).toBe(used.prompt + used.prompt / 3);
    // The 'there' that the stop string took was generated too.
    expect(value('vllm:generation_tokens_total')).toBe(used.completion + 'Hello there'.length);
    expect(used.completion).toBe(11 + 4 + 3 * 11);
    const choices = 6;
    expect(value('vllm:time_to_first_token_seconds_count')).toBe(choices);
    expect(value('vllm:e2e_request_latency_seconds_count')).toBe(choices);
    expect(value('vllm:request_prompt_tokens_sum')).toBe((used.prompt / 3) * choices);
    expect(value('vllm:request_generation_tokens_sum')).toBe(used.completion + 11);
    expect(value('vllm:inter_token_latency_seconds_count')).toBe(used.completion + 11 - choices);
    expect(value('vllm:time_per_output_token_seconds_count')).toBe(used.completion + 11 - choices);
    expect(value('vllm:request_success_total', { finished_reason: 'stop' })).toBe(5);
    expect(value('vllm:request_success_total', { finished_reason: 'length' })).toBe(1);
    expect(value('heddle_lease_wait_seconds_count')).toBe(4);
    expect(value('vllm:num_requests_running')).toBe(0);
    expect(value('vllm:num_requests_waiting')).toBe(0);
    expect(value('vllm:kv_cache_usage_perc')).toBe(0);
    expect(value('heddle_engine_report_age_seconds')).toBeGreaterThanOrEqual(0);
    expect(metrics.get('heddle_request_errors_total')?.samples).toEqual([]);
  });

  it('counts what is refused by code, and takes no label from what a client sends', async () => {
    server = await FakeServer.start({ fake: 'fake:?' });
    const forged = 'x"} 1\nforged{y="';
    await server.post('/v1/completions', { model: forged, prompt: 'Hi' });
    await server.post('/v1/completions', { model: forged, prompt: 'Hi' });
    await server.post('/v1/completions', { model: 'fake', prompt: 'Hi', mood: forged });
    await server.post('/v1/completions', '{');
    await fetch(`${server.url}/nope/${encodeURIComponent(forged)}`);
    const metrics = await scrape();
    expect(
      metrics
        .get('heddle_request_errors_total')
        ?.samples.map(({ labels, value }) => [labels['code'], value])
        .toSorted(),
    ).toEqual([
      ['invalid_json', 1],
      ['model_not_found', 2],
      ['route_not_found', 1],
      ['unsupported_parameter', 1],
    ]);
    expect(await (await fetch(`${server.url}/metrics`)).text()).not.toContain('forged');
  });

  it('counts a stream that ends with an error, and the loss of its engine', async () => {
    server = await FakeServer.start({ fake: 'fake:?' });
    server.gate.hold();
    const response = await server.post('/v1/completions', { model: 'fake', prompt: 'Hi', stream: true });
    server.transports[0]?.crash();
    let last = '';
    for await (const event of events(response)) last = event;
    expect(last).toContain('engine_crashed');
    const metrics = await scrape();
    expect(valueOf(metrics, 'heddle_request_errors_total', { code: 'engine_crashed' })).toBe(1);
    expect(valueOf(metrics, 'heddle_engine_losses_total', fake)).toBe(1);
    expect(
      valueOf(metrics, 'heddle_engine_request_failures_total', {
        ...fake,
        task: 'generate',
        code: 'engine_crashed',
      }),
    ).toBe(1);
    expect(valueOf(metrics, 'vllm:prompt_tokens_total', fake)).toBe(0);
  });

  it.each([true, false])(
    'counts a client that leaves as a cancelled request (stream: %s)',
    async (stream) => {
      server = await FakeServer.start({ fake: 'fake:?' });
      server.gate.hold();
      const leaving = new AbortController();
      const asked = server
        .post(
          '/v1/completions',
          { model: 'fake', prompt: 'Hi', stream, max_tokens: 50, ignore_eos: true },
          leaving.signal,
        )
        .then(
          async (response) => response.text(),
          () => '',
        )
        .catch(() => '');
      await server.gate.reached(1);
      leaving.abort();
      await asked;
      while (server.openResponses > 0) await new Promise((resolve) => setImmediate(resolve));
      server.gate.open();
      await untilErrors('request_cancelled', 1);
      const metrics = await scrape();
      expect(valueOf(metrics, 'heddle_request_errors_total', { code: 'request_cancelled' })).toBe(1);
      expect(
        valueOf(metrics, 'heddle_engine_request_failures_total', {
          ...fake,
          task: 'generate',
          code: 'request_cancelled',
        }),
      ).toBe(1);
    },
  );

  it('counts the transitions of an unload, and forgets what the engine reported', async () => {
    server = await FakeServer.start({ fake: 'fake:?' });
    await server.post('/v1/models/fake/load', {});
    expect(valueOf(await scrape(), 'vllm:num_requests_running', fake)).toBe(0);
    await server.post('/v1/models/fake/unload', { grace: 0 });
    const metrics = await scrape();
    const path = ['ready', 'draining', 'unloading', 'settling', 'unloaded'];
    for (const [index, to] of path.entries()) {
      const from = path[index - 1];
      if (from === undefined) continue;
      expect(valueOf(metrics, 'heddle_model_state_transitions_total', { ...fake, from, to })).toBe(1);
    }
    expect(valueOf(metrics, 'heddle_model_state', { ...fake, state: 'unloaded' })).toBe(1);
    expect(valueOf(metrics, 'vllm:num_requests_running', fake)).toBeUndefined();
    expect(metrics.get('heddle_memory_held_bytes')?.samples).toEqual([]);
  });
});

describe('an engine that does not answer', () => {
  it('keeps neither /metrics nor /admin/engines waiting, which show its last report and its age', async () => {
    server = await FakeServer.start({ fake: 'fake:?' });
    await server.engine('fake');
    expect(valueOf(await scrape(), 'vllm:num_requests_running', fake)).toBe(0);
    server.gate.hold();
    const response = await server.post('/v1/completions', {
      model: 'fake',
      prompt: 'Hi',
      stream: true,
      max_tokens: 5,
    });
    await server.gate.reached(1);
    // The engine stands before its step until the gate is opened: it can not have answered any of these.
    const metrics = await scrape();
    expect(valueOf(metrics, 'vllm:num_requests_running', fake)).toBe(0);
    expect(valueOf(metrics, 'heddle_requests_pending', fake)).toBe(1);
    expect(valueOf(metrics, 'heddle_engine_report_age_seconds', fake)).toBeGreaterThan(0);
    const admin = (await (await fetch(`${server.url}/admin/engines`)).json()) as {
      engines: { id: string; requests: number; running: number; report_age_ms: number }[];
    };
    expect(admin.engines).toMatchObject([{ id: 'fake', requests: 1, running: 0 }]);
    server.gate.open();
    await response.text();
  });
});
