import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../core/errors.js';
import { silentLogger } from '../core/logger.js';
import { Engine, type EngineTask } from '../engine/engine.js';
import { EnginePool } from '../pool/engine-pool.js';
import { EngineReports } from '../pool/engine-reports.js';
import { ModelCatalogue } from '../pool/model-catalogue.js';
import type { PoolPolicy } from '../pool/pool-policy.js';
import { defaultModelSettings } from '../pool/pool-settings.js';
import { InMemoryTransport } from '../testing/in-memory-transport.js';
import { parseMetrics, valueOf, type MetricFamily } from '../testing/metrics-text.js';
import {
  collect,
  makeEmbedRequest,
  makeRequest,
  makeRerankRequest,
  makeScoreRequest,
} from '../testing/requests.js';
import { Metrics } from './metrics.js';

let folder: string;
let pool: EnginePool;
let metrics: Metrics;
let reports: EngineReports;
let transports: InMemoryTransport[];

function start(policy: Partial<PoolPolicy> = {}): void {
  metrics = new Metrics();
  reports = new EngineReports(60_000);
  pool = new EnginePool({
    catalogue: new ModelCatalogue([folder], silentLogger),
    settings: {
      defaults: { ...defaultModelSettings, contextSize: 256, slots: 2, batchSize: 64 },
      memoryCeiling: 1000,
      policy: { firstRetry: 0, minimumResidency: 0, ...policy },
    },
    createEngine() {
      const transport = new InMemoryTransport();
      transports.push(transport);
      return new Engine(transport);
    },
    observer: metrics.observer,
  });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-metrics-'));
  transports = [];
  start();
});

afterEach(async () => {
  for (const { gate } of transports) gate.open();
  await pool.close();
  rmSync(folder, { recursive: true });
});

function addModel(id: string, url = 'fake:?bytes=100'): void {
  writeFileSync(join(folder, `${id}.gguf`), url);
}

async function engineOf(id: string): Promise<Engine> {
  const lease = await pool.lease(id);
  lease.release();
  return lease.engine;
}

async function read(): Promise<ReadonlyMap<string, MetricFamily>> {
  return parseMetrics(await metrics.text(pool, await reports.of(pool.models)));
}

const a = { model_name: 'a' };

function failures(
  now: ReadonlyMap<string, MetricFamily>,
  model: string,
  task: EngineTask,
  code: ErrorCode,
): number | undefined {
  return valueOf(now, 'heddle_engine_request_failures_total', { model_name: model, task, code });
}

describe('the states of models', () => {
  it('are each 0 or 1, and every transition is counted', async () => {
    addModel('a');
    await engineOf('a');
    await pool.unload('a', 0);
    await engineOf('a');
    const now = await read();
    expect(
      now
        .get('heddle_model_state')
        ?.samples.filter(({ value }) => value === 1)
        .map(({ labels }) => labels),
    ).toEqual([{ ...a, state: 'ready' }]);
    expect(now.get('heddle_model_state')?.samples).toHaveLength(9);
    const transition = (from: string, to: string): number | undefined =>
      valueOf(now, 'heddle_model_state_transitions_total', { ...a, from, to });
    expect(transition('unloaded', 'queued')).toBe(2);
    expect(transition('loading', 'ready')).toBe(2);
    expect(transition('settling', 'unloaded')).toBe(1);
    expect(valueOf(now, 'heddle_load_seconds_count', a)).toBe(2);
    expect(valueOf(now, 'heddle_load_queue_seconds_count', a)).toBe(2);
    expect(valueOf(now, 'heddle_lease_wait_seconds_count', a)).toBe(2);
  });

  it('show the model that is in them, not the one that was', async () => {
    addModel('a');
    await engineOf('a');
    await read();
    await pool.unload('a', 0);
    const now = await read();
    expect(valueOf(now, 'heddle_model_state', { ...a, state: 'ready' })).toBe(0);
    expect(valueOf(now, 'heddle_model_state', { ...a, state: 'unloaded' })).toBe(1);
    expect(valueOf(now, 'heddle_memory_held_bytes', { ...a, state: 'resident' })).toBeUndefined();
    expect(valueOf(now, 'vllm:num_requests_running', a)).toBeUndefined();
  });

  it('count engines that are lost, from 0', async () => {
    addModel('a');
    const engine = await engineOf('a');
    expect(valueOf(await read(), 'heddle_engine_losses_total', a)).toBe(0);
    transports[0]?.crash();
    await engine.exited;
    expect(valueOf(await read(), 'heddle_engine_losses_total', a)).toBe(1);
  });

  it('have no series for a model that does not exist', async () => {
    await expect(pool.lease('nope')).rejects.toMatchObject({ code: 'model_not_found' });
    expect(await metrics.text(pool, new Map())).not.toContain('nope');
  });
});

describe('memory', () => {
  it('is shown as it stands on the ledger', async () => {
    addModel('a');
    addModel('b', 'fake:?bytes=200');
    await engineOf('a');
    await engineOf('b');
    const now = await read();
    expect(valueOf(now, 'heddle_memory_ceiling_bytes')).toBe(1000);
    expect(now.get('heddle_memory_held_bytes')?.samples.map(({ labels, value }) => [labels, value])).toEqual([
      [{ model_name: 'a', state: 'resident' }, 100],
      [{ model_name: 'b', state: 'resident' }, 200],
    ]);
  });

  it('of quarantined engines is added to that of the model', async () => {
    start({ teardownDeadline: 10 });
    addModel('a');
    for (const index of [0, 1]) {
      const engine = await engineOf('a');
      const gate = transports[index]?.gate;
      gate?.hold();
      const generation = engine.generate(makeRequest());
      await gate?.reached(1);
      await pool.unload('a', 0);
      generation.cancel();
    }
    const now = await read();
    expect(valueOf(now, 'heddle_engines_quarantined', a)).toBe(2);
    expect(valueOf(now, 'heddle_memory_held_bytes', { ...a, state: 'quarantined' })).toBe(200);
  });

  it('that came back, or did not, is counted by verdict and timed', async () => {
    const file = { id: 'a', path: '', bytes: 1, modified: 0 };
    const report = { expectedBytes: 100, returnedBytes: 90, milliseconds: 40 };
    metrics.observer.settled(file, { ...report, verdict: 'settled' });
    metrics.observer.settled(file, { ...report, verdict: 'settled' });
    metrics.observer.settled(file, { ...report, verdict: 'leaked' });
    const now = await read();
    expect(valueOf(now, 'heddle_settle_total', { ...a, verdict: 'settled' })).toBe(2);
    expect(valueOf(now, 'heddle_settle_total', { ...a, verdict: 'leaked' })).toBe(1);
    expect(valueOf(now, 'heddle_settle_seconds_sum', a)).toBeCloseTo(0.12);
  });
});

describe('requests', () => {
  it('are counted when their updates arrive, though nobody reads them', async () => {
    addModel('a', 'fake:?bytes=100&scriptedText=continues');
    const engine = await engineOf('a');
    const unread = engine.generate(makeRequest({ prompt: [70, 71, 72], stop: { maxTokens: 9 } }));
    await engine.idle();
    const now = await read();
    expect(valueOf(now, 'vllm:prompt_tokens_total', a)).toBe(3);
    expect(valueOf(now, 'vllm:generation_tokens_total', a)).toBe(9);
    expect(valueOf(now, 'vllm:inter_token_latency_seconds_count', a)).toBe(8);
    expect(valueOf(now, 'vllm:request_success_total', { ...a, finished_reason: 'length' })).toBe(1);
    expect(valueOf(now, 'heddle_requests_pending', a)).toBe(0);
    expect((await collect(unread)).completionTokens).toEqual([9]);
  });

  it('that run and wait, and the cells they hold, are what the engine says', async () => {
    addModel('a');
    const engine = await engineOf('a');
    const [transport] = transports;
    transport?.gate.hold();
    const texts = Array.from({ length: 5 }, async () =>
      collect(engine.generate(makeRequest({ prompt: Array.from({ length: 32 }, () => 70) }))),
    );
    await transport?.gate.reached(1);
    transport?.gate.release(1);
    const asked = reports.of(pool.models); // answered between the steps
    await transport?.gate.reached(2);
    transport?.gate.release(1);
    const now = parseMetrics(await metrics.text(pool, await asked));
    expect(valueOf(now, 'vllm:num_requests_running', a)).toBe(2);
    expect(valueOf(now, 'vllm:num_requests_waiting', a)).toBe(3);
    expect(valueOf(now, 'heddle_requests_pending', a)).toBe(5);
    const used = 2 * (32 + 1);
    expect(valueOf(now, 'vllm:kv_cache_usage_perc', a)).toBeCloseTo(used / 256);
    transport?.gate.open();
    await Promise.all(texts);
  });

  it("steps and preemptions go on when an engine's own counts begin anew", async () => {
    addModel('a');
    const preempting = async (): Promise<number> => {
      const engine = await engineOf('a');
      const long = (first: number) =>
        makeRequest({
          prompt: [first, ...Array.from({ length: 99 }, () => 70)],
          stop: { maxTokens: 60, ignoreEos: true },
        });
      await Promise.all([71, 72].map(async (first) => collect(engine.generate(long(first)))));
      await read();
      return (await engine.inspect()).preemptions;
    };
    const first = await preempting();
    expect(first).toBeGreaterThan(0);
    expect(valueOf(await read(), 'vllm:num_preemptions_total', a)).toBe(first);
    await pool.unload('a', 0);
    const second = await preempting();
    const now = await read();
    expect(valueOf(now, 'vllm:num_preemptions_total', a)).toBe(first + second);
    expect(valueOf(now, 'heddle_engine_steps_total', a)).toBeGreaterThan(120);
  });

  it('that fail in the engine are counted by code', async () => {
    addModel('a', 'fake:?bytes=100&failAtDecode=3');
    const engine = await engineOf('a');
    await expect(collect(engine.generate(makeRequest()))).rejects.toMatchObject({
      code: 'native_call_failed',
    });
    const cancelled = engine.generate(makeRequest());
    cancelled.cancel();
    await engine.idle();
    const now = await read();
    expect(failures(now, 'a', 'generate', 'native_call_failed')).toBe(1);
    expect(failures(now, 'a', 'generate', 'request_cancelled')).toBe(1);
  });

  it('that fail in the engine are counted by what was asked for', async () => {
    addModel('e', 'fake:?bytes=100&causal=false&failAtDecode=1');
    addModel('r', 'fake:?bytes=100&pooling=none&failAtDecode=1');
    addModel('a', 'fake:?bytes=100&failAtDecode=1');
    const embedder = await engineOf('e');
    await expect(embedder.embed(makeEmbedRequest(['a']))).rejects.toThrow('decode 1');
    const reranker = await engineOf('r');
    await expect(reranker.rerank(makeRerankRequest('a', ['b']))).rejects.toThrow('decode 1');
    const engine = await engineOf('a');
    await expect(engine.spell([1_000_000])).rejects.toMatchObject({ code: 'invalid_parameter' });
    await expect(engine.score(makeScoreRequest('a', 'b'))).rejects.toThrow('decode 1');
    const signal = AbortSignal.abort();
    await expect(embedder.embed(makeEmbedRequest(['a']), { signal })).rejects.toMatchObject({
      code: 'request_cancelled',
    });
    await embedder.idle();
    const now = await read();
    expect(failures(now, 'e', 'embed', 'native_call_failed')).toBe(1);
    expect(failures(now, 'e', 'embed', 'request_cancelled')).toBe(1);
    expect(failures(now, 'r', 'rerank', 'native_call_failed')).toBe(1);
    expect(failures(now, 'a', 'score', 'native_call_failed')).toBe(1);
    expect(failures(now, 'a', 'tokenize', 'invalid_parameter')).toBe(1);
    expect(failures(now, 'a', 'generate', 'native_call_failed')).toBeUndefined();
  });
});

describe('names', () => {
  it('of models are written so that any of them can be read back', async () => {
    const id = 'we"ird\\näme';
    addModel(id);
    await engineOf(id);
    const now = await read();
    expect(valueOf(now, 'vllm:prompt_tokens_total', { model_name: id })).toBe(0);
    expect(valueOf(now, 'heddle_model_state', { model_name: id, state: 'ready' })).toBe(1);
  });

  it('do not collide between several servers of one process, nor do their counts', async () => {
    const other = new Metrics();
    metrics.requestFailed('invalid_json');
    const count = async (of: Metrics): Promise<number | undefined> =>
      valueOf(parseMetrics(await of.text(pool, new Map())), 'heddle_request_errors_total', {
        code: 'invalid_json',
      });
    expect(await count(metrics)).toBe(1);
    expect(await count(other)).toBeUndefined();
    expect(
      valueOf(parseMetrics(await other.text(pool, new Map())), 'process_start_time_seconds'),
    ).toBeGreaterThan(0);
  });
});

it('docs/operations.md lists every metric with its type, and no other', async () => {
  const rows = readFileSync('docs/operations.md', 'utf8').matchAll(
    /^\| ((?:`(?:vllm:|heddle_)\w+`(?:, )?)+) \| (counter|gauge|histogram) \|/gm,
  );
  const documented = [...rows].flatMap(([, names = '', type]) =>
    [...names.matchAll(/`([\w:]+)`/g)].map(([, name]) => `${name} ${type}`),
  );
  const shown = [...(await read())]
    .filter(([name]) => !/^(process|nodejs)_/.test(name))
    .map(([name, { type }]) => `${name} ${type}`);
  expect(documented.toSorted()).toEqual(shown.toSorted());
});

it('a process with metrics ends by itself', async () => {
  const module = pathToFileURL(resolve('dist/metrics/metrics.js')).href;
  const script = `import { Metrics } from ${JSON.stringify(module)}; new Metrics(); process.stdout.write('made');`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    timeout: 9000,
  });
  expect(stdout).toBe('made');
});
