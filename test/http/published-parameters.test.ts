import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { FakeServer } from './fake-server.js';

/*
 * Every parameter that the published types of the OpenAI API know is in the tables of docs/api.md, with what is done with
 * it; and that is what is done.
 */

interface Endpoint {
  readonly name: string;
  readonly heading: string;
  readonly types: { readonly file: string; readonly interface: string };
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** A value of each that asks for something. */
  readonly samples: Readonly<Record<string, unknown>>;
  /** Values that ask for nothing, and so pass. */
  readonly neutral?: Readonly<Record<string, readonly unknown[]>>;
}

const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } };

/** Of a model that calls tools and can be told how much to reason. */
const chatTemplate =
  '{%- if tools %}<tool_call>{{ tools | tojson }}</tool_call>{% endif %}{{ reasoning_effort }}' +
  '{%- for message in messages %}{{ message.content }}{% endfor %}';

const sampling = {
  frequency_penalty: 0.5,
  logit_bias: { '97': 1 },
  max_tokens: 3,
  n: 2,
  presence_penalty: 0.5,
  seed: 3,
  stop: ['x'],
  stream: true,
  stream_options: { include_usage: true },
  temperature: 0.5,
  top_p: 0.5,
  user: 'someone',
};

const endpoints: readonly Endpoint[] = [
  {
    name: 'chat completions',
    heading: '### Chat completions, compared',
    types: { file: 'chat/completions/completions.d.ts', interface: 'ChatCompletionCreateParamsBase' },
    path: '/v1/chat/completions',
    body: { model: 'fake', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 2 },
    samples: {
      ...sampling,
      audio: { format: 'wav', voice: 'alloy' },
      function_call: { name: 'look' },
      functions: [{ name: 'look' }],
      logprobs: true,
      max_completion_tokens: 3,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
      metadata: { topic: 'demo' },
      modalities: ['text', 'audio'],
      model: 'fake',
      moderation: { model: 'omni-moderation-latest' },
      parallel_tool_calls: false,
      prediction: { type: 'content', content: 'x' },
      prompt_cache_key: 'some key',
      prompt_cache_options: { mode: 'explicit' },
      prompt_cache_retention: '24h',
      reasoning_effort: 'high',
      response_format: { type: 'json_object' },
      safety_identifier: 'someone',
      service_tier: 'flex',
      store: true,
      tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [] } },
      tools: [tool],
      top_logprobs: undefined,
      verbosity: 'high',
      web_search_options: {},
    },
    neutral: {
      function_call: ['none', 'auto'],
      functions: [[]],
      logprobs: [false],
      metadata: [{}],
      modalities: [['text']],
      parallel_tool_calls: [true, false],
      prompt_cache_options: [{}, { mode: 'implicit' }],
      prompt_cache_retention: ['in_memory'],
      response_format: [{ type: 'text' }],
      store: [false],
      stream_options: [{ include_obfuscation: false }],
      tool_choice: ['none', 'auto'],
      tools: [[]],
      top_logprobs: [0],
      verbosity: ['medium'],
    },
  },
  {
    name: 'completions',
    heading: '### Completions, compared',
    types: { file: 'completions.d.ts', interface: 'CompletionCreateParamsBase' },
    path: '/v1/completions',
    body: { model: 'fake', prompt: 'Hi', max_tokens: 2 },
    samples: {
      ...sampling,
      best_of: 2,
      echo: true,
      logprobs: 3,
      model: 'fake',
      prompt: ['a', 'b'],
      suffix: 'x',
    },
    neutral: { suffix: [''], best_of: [1], echo: [false] },
  },
  {
    name: 'embeddings',
    heading: '### Embeddings, compared',
    types: { file: 'embeddings.d.ts', interface: 'EmbeddingCreateParams' },
    path: '/v1/embeddings',
    body: { model: 'embedder', input: 'Hi' },
    samples: {
      dimensions: 4,
      encoding_format: 'base64',
      input: [
        [1, 2],
        [3, 4],
      ],
      model: 'embedder',
      user: 'someone',
    },
    neutral: { encoding_format: ['float'] },
  },
];

/** So many parameters each of them has at least: fewer were not read from the types. */
const fewest = 5;

let server: FakeServer;

beforeAll(async () => {
  const template = encodeURIComponent(chatTemplate);
  server = await FakeServer.start({
    fake: `fake:?fillInMiddle=true&chatTemplate=${template}`,
    embedder: 'fake:?kind=embedding&pooling=last',
  });
});

afterAll(async () => server.stop());

const errorSchema = z.object({ error: z.object({ code: z.string(), param: z.string().nullable() }) });

/** The names of an interface's own fields. */
function publishedNames({ file, interface: name }: Endpoint['types']): string[] {
  const types = readFileSync(`node_modules/openai/resources/${file}`, 'utf8');
  const body = new RegExp(`^export interface ${name} \\{\\n(.*?)^\\}`, 'ms').exec(types)?.[1] ?? '';
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, field = '']) => field).toSorted();
}

const api = readFileSync('docs/api.md', 'utf8');

function documented(heading: string): Map<string, string> {
  const [, after = ''] = api.split(`${heading}\n`);
  const [section = ''] = after.split('\n## ', 1)[0]?.split('\n### ') ?? [];
  const rows = section.matchAll(/^\| `(\w+)` \| (\w+) \| .*\|$/gm);
  return new Map([...rows].map(([, name = '', verdict = '']) => [name, verdict]));
}

describe.each(endpoints)('$name', ({ heading, types, path, body, samples, neutral = {} }) => {
  const table = documented(heading);
  const names = publishedNames(types);

  test('are documented parameter by parameter, each once, and no other', () => {
    expect(names.length).toBeGreaterThanOrEqual(fewest);
    expect([...table.keys()]).toEqual(names);
    for (const verdict of table.values()) expect(['honoured', 'refused']).toContain(verdict);
    expect(Object.keys(samples).toSorted()).toEqual(names);
  });

  const asked = names.filter((name) => samples[name] !== undefined);
  const send = async (name: string, value: unknown): Promise<{ status: number; text: string }> => {
    const response = await server.post(path, { ...body, [name]: value });
    return { status: response.status, text: await response.text() };
  };

  test.each(asked.filter((name) => table.get(name) === 'honoured'))('honour %s', async (name) => {
    const { status, text } = await send(name, samples[name]);
    expect({ status, text }).toMatchObject({ status: 200 });
    expect(text).not.toContain('"error"');
  });

  const refused = asked.filter((name) => table.get(name) === 'refused');
  test.runIf(refused.length > 0).each(refused)('refuse %s, by its name', async (name) => {
    const { status, text } = await send(name, samples[name]);
    const { code, param } = errorSchema.parse(JSON.parse(text)).error;
    expect({ status, code, param }).toEqual({ status: 400, code: 'unsupported_parameter', param: name });
  });

  const passing = Object.entries(neutral).flatMap(([name, values]) =>
    values.map((value) => [name, value] as const),
  );
  test.each([...passing, ...names.filter((name) => !(name in body)).map((name) => [name, null] as const)])(
    'let pass what asks for nothing: %s %j',
    async (name, value) => {
      expect(await send(name, value)).toMatchObject({ status: 200 });
    },
  );
});

test('top_logprobs goes with logprobs, and padded streams are refused', async () => {
  const body = { model: 'fake', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 2 };
  const ask = async (more: object): Promise<string | null | undefined> => {
    const response = await server.post('/v1/chat/completions', { ...body, ...more });
    const answer: unknown = await response.json();
    return response.status === 200 ? undefined : errorSchema.parse(answer).error.param;
  };
  expect(await ask({ top_logprobs: 3 })).toBe('top_logprobs');
  expect(await ask({ top_logprobs: 3, logprobs: true })).toBeUndefined();
  expect(await ask({ top_logprobs: 21, logprobs: true })).toBe('top_logprobs');
  expect(await ask({ stream_options: { include_obfuscation: true } })).toBe(
    'stream_options.include_obfuscation',
  );
});
