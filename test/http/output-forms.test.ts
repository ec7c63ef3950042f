import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { FakeServer } from './fake-server.js';
import { chatAnswer, chatLine, generateAnswer, generateLine } from '../../src/http/openapi/answers/ollama.js';
import { transcript } from './ollama-lines.js';
import { responseSchema } from '../../src/http/openapi/answers/responses.js';
import { lastResponse, readTranscript } from './response-transcript.js';

/* What the other APIs than the completions make of a form, and of log-probabilities. */

const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 5 },
    tags: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 2 },
  },
  required: ['name', 'tags'],
  additionalProperties: false,
};
const isValid = new Ajv2020({ strict: false }).compile(schema);
const bad = { ...schema, properties: { n: { type: 'number', multipleOf: 3 } } };

const thinkingTemplate = [
  "{%- for m in messages %}{{ '[' + m.role + ']' + m.content }}{%- endfor %}",
  "{{ '[assistant]' }}{#- <think> </think> #}",
].join('');
const script = '<think>It is a question, ä.</think>\n\n{"name": "7 €", "tags": []}';
const content = '{"name": "7 €", "tags": []}';

let server: FakeServer;

beforeAll(async () => {
  const thinking = new URLSearchParams({ chatTemplate: thinkingTemplate, scriptedText: script });
  server = await FakeServer.start({
    fake: 'fake:',
    thinking: `fake:?${thinking.toString()}`,
    untold: 'fake:?chatTemplate=none',
  });
});

afterAll(async () => server.stop());

const messages = [{ role: 'user', content: 'Hi' }];
const errorSchema = z.object({ error: z.object({ code: z.string(), param: z.string() }) });

async function post(path: string, body: object): Promise<unknown> {
  const response = await server.post(path, body);
  const answer: unknown = await response.json();
  expect([response.status, answer]).toEqual([200, answer]);
  return answer;
}

/** The bytes of tokens, as text. */
function spelled(tokens: readonly { readonly bytes?: readonly number[] | undefined }[]): string {
  return Buffer.from(tokens.flatMap(({ bytes = [] }) => bytes)).toString();
}

describe('a response', () => {
  const ask = async (body: object) =>
    responseSchema.parse(await post('/v1/responses', { model: 'fake', input: 'Hi', ...body }));
  const stream = async (body: object) =>
    readTranscript(await server.post('/v1/responses', { model: 'fake', input: 'Hi', ...body, stream: true }));
  const textOf = ({ output }: z.infer<typeof responseSchema>): string => {
    const message = output.find((item) => item.type === 'message');
    return message?.content[0]?.text ?? '';
  };
  const format = (of: object = schema, more: object = {}): object => ({
    text: { format: { type: 'json_schema', name: 'answer', schema: of, ...more } },
  });

  it.each([{ strict: true }, { strict: false }, {}])(
    'is held to a schema, and tells its format back: %j',
    async (more) => {
      for (const seed of [1, 2, 3]) {
        const response = await ask({ ...format(schema, more), seed, temperature: 1.2 });
        expect(response.status).toBe('completed');
        expect(isValid(JSON.parse(textOf(response)))).toBe(true);
        expect({ text: response.text }).toEqual(format(schema, more));
      }
    },
  );

  it('tells what was asked for back, and nothing of what was null', async () => {
    const asked = format(schema, { description: 'An answer', strict: null });
    expect((await ask(asked)).text).toEqual({
      format: { type: 'json_schema', name: 'answer', schema, description: 'An answer' },
    });
    const any = { format: { type: 'json_object' } };
    const response = await ask({ text: any, max_output_tokens: 300 });
    expect(response.text).toEqual(any);
    expect(textOf(response)[0]).toBe('{');
    expect((await ask({ max_output_tokens: 1 })).text).toEqual({ format: { type: 'text' } });
  });

  it('is streamed as it is made', async () => {
    const events = await stream({ ...format(), seed: 5 });
    expect(isValid(JSON.parse(textOf(lastResponse(events))))).toBe(true);
    const deltas = events.filter(({ type }) => type === 'response.output_text.delta');
    expect(deltas.length).toBeGreaterThan(10);
    expect({ text: lastResponse(events.slice(0, 1)).text }).toEqual(format());
  });

  it('is held to its form behind its reasoning', async () => {
    const { output } = await ask({ model: 'thinking', ...format() });
    expect(output).toMatchObject([
      { type: 'reasoning', content: [{ text: 'It is a question, ä.' }] },
      { type: 'message', content: [{ text: content, logprobs: [] }] },
    ]);
  });

  it.each([
    [format(bad), 'unsupported_schema', 'text.format.schema.properties.n.multipleOf'],
    [format({ type: 'thing' }), 'invalid_parameter', 'text.format.schema.type'],
    [{ text: { format: { type: 'json_schema', name: 'a' } } }, 'invalid_parameter', 'text.format.schema'],
    [{ text: { format: { type: 'json_schema', schema } } }, 'invalid_parameter', 'text.format.name'],
    [format(schema, { name: 'a b' }), 'invalid_parameter', 'text.format.name'],
    [format([] as object), 'invalid_parameter', 'text.format.schema'],
    [{ text: { format: { type: 'xml' } } }, 'invalid_parameter', 'text.format.type'],
    [{ text: { format: { type: 'json_object', schema } } }, 'unsupported_parameter', 'text.format.schema'],
    [{ top_logprobs: 2 }, 'invalid_parameter', 'top_logprobs'],
    [{ top_logprobs: 21, include: ['message.output_text.logprobs'] }, 'invalid_parameter', 'top_logprobs'],
  ])('refuses %j, with its path', async (body, code, param) => {
    const response = await server.post('/v1/responses', { model: 'fake', input: 'Hi', ...body });
    expect(response.status).toBe(400);
    expect(errorSchema.parse(await response.json()).error).toMatchObject({ code, param });
  });

  it.each([{}, format()])('tells how likely the tokens of its text were, and no others: %j', async (more) => {
    const body = { model: 'thinking', include: ['message.output_text.logprobs'], top_logprobs: 3, ...more };
    const whole = await ask(body);
    expect(whole.top_logprobs).toBe(3);
    const part = whole.output.find((item) => item.type === 'message')?.content[0];
    expect(part?.text).toBe(content);
    expect(spelled(part?.logprobs ?? [])).toBe(content);
    for (const { top_logprobs } of part?.logprobs ?? []) expect(top_logprobs).toHaveLength(3);

    const events = await stream(body);
    const last = lastResponse(events).output.find((item) => item.type === 'message')?.content[0];
    expect(last?.logprobs).toEqual(part?.logprobs);
    const withoutBytes = part?.logprobs.map(({ token: said, logprob: own, top_logprobs: top }) => ({
      token: said,
      logprob: own,
      top_logprobs: top.map(({ token: text, logprob }) => ({ token: text, logprob })),
    }));
    const told = events.flatMap((event) =>
      event.type === 'response.output_text.delta' ? event.logprobs : [],
    );
    expect(told).toEqual(withoutBytes);
    const done = events.find((event) => event.type === 'response.output_text.done');
    expect(done?.logprobs).toEqual(withoutBytes);
    // In a stream they come with their text: those of a delta are the tokens that begin in it.
    const euro = events.find((event) => event.type === 'response.output_text.delta' && event.delta === '€');
    expect(euro).toMatchObject({ logprobs: [{ token: '\\xe2' }, { token: '\\x82' }, { token: '\\xac' }] });
  });

  it('tells nothing of tokens unless it is asked to', async () => {
    const { output, top_logprobs } = await ask({ model: 'thinking', include: [] });
    expect([top_logprobs, output[1]]).toMatchObject([0, { content: [{ logprobs: [] }] }]);
  });

  it('with log-probabilities can be sent back, and gone on from', async () => {
    const first = await ask({ model: 'thinking', include: ['message.output_text.logprobs'] });
    const question = { role: 'user', content: 'And now?' };
    const sent = await ask({ model: 'thinking', input: [...messages, ...first.output, question] });
    const stored = await ask({ model: 'thinking', input: [question], previous_response_id: first.id });
    expect(sent.usage?.input_tokens).toBe(stored.usage?.input_tokens);
  });
});

describe('a message', () => {
  const answerSchema = z.object({
    stop_reason: z.string(),
    content: z.array(
      z.object({ type: z.string(), text: z.string().optional(), thinking: z.string().optional() }),
    ),
  });
  const request = { model: 'fake', max_tokens: 300, messages };
  const ask = async (body: object) => answerSchema.parse(await post('/v1/messages', { ...request, ...body }));
  const format = (of: object = schema): object => ({ type: 'json_schema', schema: of });

  it.each([
    ['output_config.format', { output_config: { format: format() } }],
    ['output_config.format, with an effort', { output_config: { effort: 'high', format: format() } }],
    ['output_format', { output_format: format() }],
  ])('is held to %s', async (_, body) => {
    for (let times = 0; times < 3; times++) {
      const { content: blocks, stop_reason: reason } = await ask(body);
      expect(reason).toBe('end_turn');
      expect(blocks).toHaveLength(1);
      expect(isValid(JSON.parse(blocks[0]?.text ?? ''))).toBe(true);
    }
  });

  it('is held to its form behind its thinking', async () => {
    const { content: blocks } = await ask({ model: 'thinking', output_config: { format: format() } });
    expect(blocks).toMatchObject([
      { type: 'thinking', thinking: 'It is a question, ä.' },
      { type: 'text', text: content },
    ]);
  });

  it('asks for nothing with a format that is null', async () => {
    const whole = await ask({
      model: 'thinking',
      output_config: { format: null },
      output_format: null,
    });
    expect(whole.content.at(-1)?.text).toBe(content);
  });

  it('has its tokens counted, whatever it is held to', async () => {
    const { max_tokens: _, ...counted } = request;
    const count = await post('/v1/messages/count_tokens', counted);
    const held = { ...counted, output_config: { format: format() } };
    expect(await post('/v1/messages/count_tokens', held)).toEqual(count);
  });

  it.each([
    [{ output_config: { format: format(bad) } }, '"output_config.format.schema.properties.n.multipleOf"'],
    [{ output_format: format(bad) }, '"output_format.schema.properties.n.multipleOf"'],
    [{ output_config: { format: { type: 'json_object' } } }, '"output_config.format.type"'],
    [{ output_config: { format: { type: 'json_schema' } } }, '"output_config.format.schema"'],
    [{ output_config: { format: { ...format(), name: 'x' } } }, '"output_config.format.name"'],
    [{ output_config: { format: format() }, output_format: format() }, '"output_format"'],
    [
      {
        output_config: { format: format() },
        messages: [...messages, { role: 'assistant', content: '{"name":' }],
      },
      '"output_config.format.schema"',
    ],
  ])('refuses %j, with its path', async (body, path) => {
    const response = await server.post('/v1/messages', { ...request, ...body });
    expect([response.status, await response.json()]).toMatchObject([
      400,
      {
        type: 'error',
        error: { type: 'invalid_request_error', message: expect.stringContaining(path) as string },
      },
    ]);
  });
});

describe('the Ollama API', () => {
  const chat = async (body: object) =>
    chatAnswer.parse(await post('/api/chat', { model: 'fake', messages, stream: false, ...body }));
  const generate = async (body: object) =>
    generateAnswer.parse(
      await post('/api/generate', { model: 'fake', prompt: 'Hi', stream: false, ...body }),
    );
  const options = { temperature: 1.2, num_predict: 300 };

  it.each([1, 2, 3])('holds a chat and a text to a schema', async (seed) => {
    const body = { format: schema, options: { ...options, seed } };
    const texts = [
      (await chat(body)).message.content,
      (await generate(body)).response,
      (await generate({ ...body, raw: true })).response,
      (await generate({ ...body, model: 'untold' })).response,
    ];
    for (const text of texts) expect(isValid(JSON.parse(text))).toBe(true);
  });

  it('holds them to any object', async () => {
    expect((await chat({ format: 'json', options })).message.content[0]).toBe('{');
    expect((await generate({ format: 'json', options })).response[0]).toBe('{');
    expect((await generate({ format: 'json', raw: true, options })).response[0]).toBe('{');
  });

  it('leaves thinking free, but not in a raw text', async () => {
    const body = { model: 'thinking', format: schema };
    expect((await chat(body)).message).toMatchObject({ content, thinking: 'It is a question, ä.' });
    const { response, thinking } = await generate(body);
    expect([response, thinking]).toEqual([content, 'It is a question, ä.']);
    expect((await generate({ ...body, raw: true })).response[0]).toBe('{');
  });

  it('streams what is held to a form', async () => {
    const body = { model: 'fake', format: schema, options };
    const lines = await transcript(await server.post('/api/chat', { ...body, messages }), chatLine);
    expect(isValid(JSON.parse(lines.map(({ message }) => message.content).join('')))).toBe(true);
    expect(lines.length).toBeGreaterThan(10);
  });

  it('loads a model, whatever the format', async () => {
    expect(await post('/api/generate', { model: 'fake', format: schema })).toMatchObject({
      done_reason: 'load',
    });
  });

  it.each([
    ['/api/chat', { messages }],
    ['/api/generate', { prompt: 'Hi' }],
    ['/api/generate', { prompt: 'Hi', raw: true }],
  ])('refuses what can not be enforced, with its path: %s %j', async (path, body) => {
    for (const [format, message] of [
      [bad, '"format.properties.n.multipleOf"'],
      [{ type: 'thing' }, '"format.type"'],
      ['xml', '"format"'],
    ] as const) {
      const response = await server.post(path, { model: 'fake', ...body, format });
      expect([response.status, await response.json()]).toEqual([
        400,
        { error: expect.stringContaining(message) as string },
      ]);
    }
  });

  it('tells how likely tokens were, in an answer and line by line', async () => {
    const body = { model: 'thinking', format: schema, logprobs: true, top_logprobs: 2 };
    const whole = (await chat(body)).logprobs ?? [];
    expect(spelled(whole)).toBe(script);
    for (const { top_logprobs: top } of whole) expect(top).toHaveLength(2);
    const lines = await transcript(await server.post('/api/chat', { ...body, messages }), chatLine);
    expect(lines.flatMap(({ logprobs = [] }) => logprobs)).toEqual(whole);
    let told = '';
    let text = '';
    for (const { message, logprobs = [] } of lines) {
      told += spelled(logprobs);
      text += message.content + ('thinking' in message ? (message.thinking ?? '') : '');
      // What is told of tokens is never behind the text that is told.
      expect(told.replaceAll(/<\/?think>|\n/g, '').startsWith(text)).toBe(true);
    }
    const written = await transcript(
      await server.post('/api/generate', { model: 'thinking', prompt: 'Hi', logprobs: true }),
      generateLine,
    );
    const tokens = written.flatMap(({ logprobs = [] }) => logprobs);
    expect(spelled(tokens)).toBe(script);
    for (const { top_logprobs: top } of tokens) expect(top).toBeUndefined();
  });

  it('tells nothing of tokens unless it is asked to', async () => {
    expect(await chat({ options: { num_predict: 3 } })).not.toHaveProperty('logprobs');
  });
});
