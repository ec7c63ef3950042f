import { describe, expect, it } from 'vitest';
import { HeddleError } from '../../../src/core/errors.js';
import type { JsonSchema } from '../../../src/http/openapi/json-schema.js';
import type { Operation } from '../../../src/http/openapi/operation.js';
import { operations } from '../../../src/http/openapi/operations.js';
import { parseBody } from '../../../src/http/validation.js';
import { Random } from '../../../src/testing/random.js';
import { BodyMutator } from '../security/body-mutator.js';
import { document, problemsOf } from './document-schemas.js';

/** Bodies of each operation. */
const bodies = 1000;
const seed = 20_261_121;

const tool = { name: 'look', description: 'Looks', parameters: { type: 'object' } };
const message = { role: 'user', content: 'Hi' };

/** Bodies that have most of what there is, by the operation's id; of the others the example. */
const rich: Readonly<Record<string, object>> = {
  createChatCompletion: {
    model: 'fake',
    messages: [
      { role: 'system', content: [{ type: 'text', text: 'Hi' }] },
      message,
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'a', type: 'function', function: { name: 'look', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'a', content: '5' },
    ],
    tools: [{ type: 'function', function: { ...tool, strict: false } }],
    tool_choice: 'auto',
    temperature: 0.5,
    stop: ['a'],
    logit_bias: { 65: -3 },
    n: 2,
    stream: true,
    stream_options: { include_usage: true },
    logprobs: true,
    top_logprobs: 3,
    seed: null,
    modalities: ['text'],
    service_tier: 'flex',
  },
  createCompletion: {
    model: 'fake',
    prompt: [[1, 2], [3]],
    max_tokens: 3,
    logprobs: 2,
    stop: 'x',
    user: 'ann',
  },
  createResponse: {
    model: 'fake',
    input: [
      message,
      {
        type: 'message',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'Yes', annotations: [] }],
      },
      { type: 'function_call', call_id: 'a', name: 'look', arguments: '{}' },
      { type: 'function_call_output', call_id: 'a', output: [{ type: 'input_text', text: '5' }] },
      { type: 'reasoning', content: [{ type: 'reasoning_text', text: 'Hm' }], summary: [] },
    ],
    tools: [{ type: 'function', ...tool }],
    tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'look' }] },
    reasoning: { effort: 'low' },
    metadata: { a: 'b' },
    truncation: 'disabled',
  },
  createMessage: {
    model: 'fake',
    max_tokens: 30,
    system: [{ type: 'text', text: 'Hi', cache_control: { type: 'ephemeral', ttl: '1h' } }],
    messages: [
      message,
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm', signature: 'x' },
          { type: 'tool_use', id: 'a', name: 'look', input: {} },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: '5' }] },
    ],
    tools: [{ name: 'look', input_schema: { type: 'object' } }],
    tool_choice: { type: 'auto', disable_parallel_tool_use: true },
    thinking: { type: 'enabled', budget_tokens: 20, display: 'omitted' },
    context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
    metadata: { user_id: 'ann' },
    speed: 'standard',
  },
  ollamaChat: {
    model: 'fake',
    messages: [{ ...message, images: [] }],
    tools: [{ type: 'function', function: tool }],
    keep_alive: '1h30m',
    think: 'low',
    options: { temperature: 0.2, num_predict: -1, mirostat: 0, num_gpu: null, stop: ['a'] },
  },
  ollamaGenerate: {
    model: 'fake',
    prompt: 'Hi',
    system: '',
    raw: true,
    keep_alive: -1,
    options: {},
    context: [],
  },
  ollamaEmbed: { model: 'fake', input: ['a', 'b'], truncate: false, options: { num_ctx: 10 }, keep_alive: 0 },
  rerank: { model: 'fake', query: 'Hi', documents: ['a', { text: 'b' }], top_n: 1, return_documents: true },
  createEmbeddings: { model: 'fake', input: [[1, 2], [3]], encoding_format: 'base64', dimensions: 4 },
  probePromptCache: {
    model: 'fake',
    messages: [message],
    tools: [{ type: 'function', function: tool }],
    against: { prompt: 'Hi' },
    cache_salt: 'a',
  },
};

const withBodies = operations.filter(
  (one): one is Operation & { body: NonNullable<Operation['body']> } => one.body !== undefined,
);

describe(`the schemas of bodies, held against what routes parse, with bodies made from the seed ${seed}`, () => {
  it.each(withBodies.map((operation) => [operation.id, operation] as const))(
    '%s',
    (id, { body, example = {} }) => {
      const start = rich[id] ?? example;
      const disagreements: string[] = [];
      const counts = { taken: 0, refused: 0 };
      for (let number = 0; number < bodies; number++) {
        const text =
          number === 0 ? JSON.stringify(start) : new BodyMutator(new Random(seed + number)).mutate(start);
        const value = withoutStrangers(parsed(text), schemasOf(body.name));
        if (value === undefined) continue;
        const refusal = refusalOf(body, value);
        const [problem] = problemsOf({ $ref: `#/components/schemas/${body.name}` }, value);
        counts[refusal === undefined ? 'taken' : 'refused']++;
        if ((problem === undefined) === (refusal === undefined)) continue;
        // Rules are there in words: what breaks one can be right by the schema, and never the other way round.
        if (problem === undefined && isRule(refusal)) continue;
        disagreements.push(`${text.slice(0, 600)}: ${refusal?.message ?? 'taken'}; ${problem ?? 'right'}`);
      }
      expect(disagreements).toEqual([]);
      expect(counts.taken).toBeGreaterThan(0);
      expect(counts.refused).toBeGreaterThan(bodies / 10);
    },
  );
});

/**
 * Nothing is said in the document of unknown parameters that are null, which count as not sent as all others do: types that
 * are made of it would have every name in them.
 * @param schemas those that the document has for this place
 */
function withoutStrangers(value: unknown, schemas: readonly JsonSchema[]): unknown {
  const choices = schemas.flatMap(choicesOf);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = choices.flatMap(({ items: one }) => (typeof one === 'object' ? [one] : []));
    return value.map((one) => withoutStrangers(one, items));
  }
  const objects = choices.filter(({ properties }) => properties !== undefined);
  const isClosed = objects.length > 0 && objects.every((one) => one.additionalProperties === false);
  const fields = Object.entries(value).flatMap(([name, field]) => {
    const known = objects.flatMap(({ properties = {} }) => {
      const one = Object.hasOwn(properties, name) ? properties[name] : undefined;
      return one === undefined ? [] : [one];
    });
    return known.length === 0 && field === null && isClosed ? [] : [[name, withoutStrangers(field, known)]];
  });
  return Object.fromEntries(fields);
}

function schemasOf(name: string): readonly JsonSchema[] {
  const schema = document.components.schemas[name];
  return schema === undefined ? [] : [schema];
}

function choicesOf(schema: JsonSchema): readonly JsonSchema[] {
  const choices = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return choices.length === 0 ? [schema] : choices.flatMap(choicesOf);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // it is no JSON: that is another matter
  }
}

function refusalOf(
  { schema, neutral }: NonNullable<Operation['body']>,
  value: unknown,
): HeddleError | undefined {
  try {
    parseBody(schema, value, neutral);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof HeddleError) return thrown;
    throw thrown;
  }
}

const rules = [
  /must not be empty/,
  /only with echo|must be at least n|can not be streamed|combined with echo|prompt that is text/,
  /budget_tokens must be less/,
  /either messages or a prompt/,
  /penalties look at all tokens/,
  /16 pairs/,
];

function isRule(refusal: HeddleError | undefined): boolean {
  return refusal !== undefined && rules.some((rule) => rule.test(refusal.message));
}
