import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeServer } from './fake-server.js';

/*
 * The parameters that Ollama's description of its API names (docs/openapi.yaml and docs/api.md of its repository, and of its
 * options those that its clients' types have), each with a value that asks for something. Each of them has a row in
 * docs/api.md, and is honoured, or refused by its name where the row says so. None is taken and ignored.
 */

const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } };

/** Of both endpoints for text. */
const text = {
  model: 'fake:latest',
  format: 'json',
  stream: false,
  think: true,
  keep_alive: '5m',
  options: { temperature: 0.5 },
  logprobs: true,
  top_logprobs: 3,
};

const endpoints = {
  '/api/generate': {
    ...text,
    prompt: 'Hi',
    suffix: 'x',
    images: ['aGk='],
    system: 'Be terse.',
    template: '{{ .Prompt }}',
    context: [1, 2],
    raw: true,
  },
  '/api/chat': { ...text, messages: [{ role: 'user', content: 'Ho' }], tools: [tool] },
  '/api/embed': {
    model: 'embedder',
    input: ['Hi', 'Ho'],
    truncate: false,
    dimensions: 4,
    keep_alive: '5m',
    options: { num_ctx: 64 },
  },
  '/api/embeddings': {
    model: 'embedder',
    prompt: 'Ho',
    keep_alive: '5m',
    options: { num_ctx: 64 },
  },
  '/api/show': { model: 'fake', name: 'fake', verbose: true },
} as const;

const bodies: Readonly<Record<keyof typeof endpoints, object>> = {
  '/api/generate': { model: 'fake', prompt: 'Hi', stream: false },
  '/api/chat': { model: 'fake', messages: [{ role: 'user', content: 'Hi' }], stream: false },
  '/api/embed': { model: 'embedder', input: 'Hi' },
  '/api/embeddings': { model: 'embedder', prompt: 'Hi' },
  '/api/show': { model: 'fake' },
};

/** In `options` of a request for text. */
const options = {
  f16_kv: false,
  frequency_penalty: 0.5,
  logits_all: true,
  low_vram: true,
  main_gpu: 1,
  min_p: 0.1,
  mirostat: 1,
  mirostat_eta: 0.1,
  mirostat_tau: 5,
  num_batch: 64,
  num_ctx: 64,
  num_gpu: 1,
  num_keep: 4,
  num_predict: 2,
  num_thread: 3,
  numa: true,
  penalize_newline: false,
  presence_penalty: 0.5,
  repeat_last_n: 64,
  repeat_penalty: 1.1,
  seed: 3,
  stop: ['x'],
  temperature: 0.5,
  tfs_z: 0.5,
  top_k: 5,
  top_p: 0.5,
  typical_p: 0.5,
  use_mlock: true,
  use_mmap: false,
  vocab_only: true,
} as const;

const [, section = ''] = readFileSync('docs/api.md', 'utf8').split('## The Ollama API\n');
const rows = (section.split('\n## ', 1)[0] ?? '').split('\n').filter((line) => line.startsWith('| `'));

/** The rows whose first column names a parameter. */
function rowsOf(name: string): string[] {
  return rows.filter((row) => row.split('|')[1]?.includes(`\`${name}\``));
}

let server: FakeServer;

beforeAll(async () => {
  const chatTemplate =
    '{%- if tools %}<tool_call>{{ tools | tojson }}</tool_call>{% endif %}' +
    '{%- for m in messages %}{{ m.content }}{% endfor %}{{ enable_thinking }}{#- <think> </think> #}';
  server = await FakeServer.start({
    fake: `fake:?${new URLSearchParams({ chatTemplate }).toString()}&endAfter=4`,
    embedder: 'fake:?kind=embedding&pooling=last',
  });
});
afterAll(async () => server.stop());

/** Undefined where it is answered, or refused by its name, as documented; else what is wrong. */
async function problemOf(path: keyof typeof endpoints, name: string, asked: object): Promise<unknown> {
  const response = await server.post(path, { ...bodies[path], ...asked });
  const { error } = (await response.json()) as { error?: string };
  const documented = rowsOf(name);
  if (documented.length === 0) return 'it has no row';
  if (response.status === 200)
    return documented.some((row) => /\| refused *\|$/.test(row)) ? 'it is answered' : undefined;
  if (response.status !== 400 || error?.includes(name) !== true) return { status: response.status, error };
  return documented.some((row) => row.includes('refused')) ? undefined : { refused: error };
}

describe.each(Object.keys(endpoints) as (keyof typeof endpoints)[])('%s', (path) => {
  it.each(Object.entries(endpoints[path]))('honours or refuses %s: %j', async (name, value) => {
    expect(await problemOf(path, name, { [name]: value })).toBeUndefined();
  });

  it('refuses what is not documented', async () => {
    const response = await server.post(path, { ...bodies[path], frobnicate: 1 });
    expect([response.status, await response.json()]).toEqual([
      400,
      { error: expect.stringContaining('frobnicate') as string },
    ]);
  });
});

describe('options', () => {
  it.each(Object.entries(options))('are honoured or refused: %s %j', async (name, value) => {
    expect(await problemOf('/api/generate', name, { options: { [name]: value } })).toBeUndefined();
  });
});

it('the tables of docs/api.md have no row that says "ignored"', () => {
  const tables = readFileSync('docs/api.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'));
  expect(tables.length).toBeGreaterThan(200);
  expect(
    tables.filter((row) => /\bignored?\b|\bignores\b/i.test(row.replaceAll('`ignore_eos`', ''))),
  ).toEqual([]);
});
