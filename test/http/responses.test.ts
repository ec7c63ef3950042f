import OpenAI, { APIError, APIUserAbortError, BadRequestError, NotFoundError } from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { FakeServer } from './fake-server.js';
import { responseSchema, type ResponseObject } from '../../src/http/openapi/answers/responses.js';
import { asClientEvent } from './response-schemas.js';
import { lastResponse, readTranscript, shapeOf } from './response-transcript.js';

const hermes = [
  '{%- for tool in tools or [] %}{{ tool | tojson }}{%- endfor %}',
  "{%- for m in messages %}{{ '[' + m.role + ']' + (m.reasoning_content or '') + m.content }}",
  "{%- for c in m.tool_calls or [] %}{{ '<tool_call>' + c.function.name + (c.function.arguments | tojson) }}{%- endfor %}",
  "{%- endfor %}{{ '[assistant]' }}{#- <think> </think> #}",
].join('');
const effortful = `${hermes}{%- if reasoning_effort %}{{ '(' + reasoning_effort + ')' }}{%- endif %}`;

const weather = {
  type: 'function' as const,
  name: 'get_weather',
  description: 'The weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  strict: false,
};
const call = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>';
const plain = { model: 'fake', input: 'Hi' };

let server: FakeServer;
let client: OpenAI;
afterEach(async () => server.stop());

async function start(
  query: { text?: string; scripts?: [string, string][]; failAtDecode?: number },
  template = hermes,
): Promise<void> {
  const { text, scripts, failAtDecode } = query;
  const fake = new URLSearchParams({ chatTemplate: template });
  if (text !== undefined) fake.set('scriptedText', text);
  if (scripts !== undefined) fake.set('scripts', JSON.stringify(scripts));
  if (failAtDecode !== undefined) fake.set('failAtDecode', String(failAtDecode));
  // A step has room for a whole prompt.
  server = await FakeServer.start({ fake: `fake:?${fake.toString()}` }, { batchSize: 1024 });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
}

async function ask(body: object): Promise<ResponseObject> {
  const response = await server.post('/v1/responses', { ...plain, ...body });
  const answer = await response.json();
  expect(answer).toMatchObject({ object: 'response' });
  return responseSchema.parse(answer);
}

/** Without what no two responses have in common. */
function comparable({ output, ...response }: ResponseObject): object {
  const own = { id: '', created_at: 0, completed_at: 0, usage: null };
  return { ...response, ...own, output: output.map((item) => ({ ...item, id: '', call_id: '' })) };
}

describe('a stream', () => {
  it.each([
    ['a text', 'Hello.', ['message']],
    ['nothing', '', ['message']],
    ['reasoning and a text', '<think>\nHm.\n</think>\n\nYes.', ['reasoning', 'message']],
    ['a text and a call', `Let me look.\n${call}`, ['message', 'function_call']],
    [
      'reasoning and two calls',
      `<think>Hm.</think>${call}\n${call}`,
      ['reasoning', 'function_call', 'function_call'],
    ],
  ])(
    'of %s has events that follow the grammar, and is the answer that is not streamed',
    async (_, text, types) => {
      await start({ text });
      const transcript = await readTranscript(
        await server.post('/v1/responses', { ...plain, tools: [weather], stream: true }),
      );
      const streamed = lastResponse(transcript);
      expect(streamed.status).toBe('completed');
      expect(streamed.output.map(({ type }) => type)).toEqual(types);
      expect(comparable(streamed)).toEqual(comparable(await ask({ tools: [weather] })));
    },
  );

  it('of reasoning, text and a call, in full', async () => {
    await start({ text: `<think>Hm.</think>Let me look.\n${call}` });
    const transcript = await readTranscript(
      await server.post('/v1/responses', { ...plain, tools: [weather], stream: true }),
    );
    expect(shapeOf(transcript)).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'content_part.added',
      'reasoning_text.delta',
      'reasoning_text.done',
      'content_part.done',
      'output_item.done',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'output_item.added',
      'function_call_arguments.delta',
      'function_call_arguments.done',
      'output_item.done',
      'completed',
    ]);
    expect(lastResponse(transcript).output).toMatchObject([
      { type: 'reasoning', status: 'completed', content: [{ text: 'Hm.' }] },
      { type: 'message', status: 'completed', content: [{ text: 'Let me look.' }] },
      { type: 'function_call', status: 'completed', name: 'get_weather', arguments: '{"city": "Paris"}' },
    ]);
    for (const event of transcript) expect(asClientEvent(event).type).toBe(event.type);
  });

  it.each([
    ['a text', 'Hello, you.', 5, [{ status: 'incomplete', content: [{ text: 'Hello' }] }]],
    ['reasoning', '<think>Hm.</think>Yes.', 9, [{ status: 'incomplete', content: [{ text: 'Hm' }] }]],
    [
      'a call',
      call,
      call.indexOf('Paris') + 2,
      [{ status: 'incomplete', name: 'get_weather', arguments: '{"city": "Pa' }],
    ],
  ])('that is cut off in %s is incomplete', async (_, text, limit, output) => {
    await start({ text });
    const body = { ...plain, tools: [weather], max_output_tokens: limit };
    const transcript = await readTranscript(await server.post('/v1/responses', { ...body, stream: true }));
    expect(transcript.at(-1)?.type).toBe('response.incomplete');
    const expected = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output };
    expect(lastResponse(transcript)).toMatchObject(expected);
    expect(await ask(body)).toMatchObject(expected);
  });

  it('that fails ends its item and the response, with an error that the client throws', async () => {
    await start({ text: 'Hello, you.', failAtDecode: 6 });
    const transcript = await readTranscript(await server.post('/v1/responses', { ...plain, stream: true }));
    expect(transcript.slice(-2)).toMatchObject([
      {
        type: 'response.failed',
        response: { status: 'failed', error: { code: 'server_error' }, output: [{ status: 'incomplete' }] },
      },
      { type: 'error', code: 'native_call_failed', error: { code: 'native_call_failed' } },
    ]);
    await server.stop();
    await start({ text: 'Hello, you.', failAtDecode: 6 });
    const failing = client.responses.stream(plain).finalResponse();
    await expect(failing).rejects.toThrow(APIError);
    await expect(failing).rejects.toMatchObject({ code: 'native_call_failed' });
  });

  it('with a call that is malformed ends it as incomplete, and goes on with its text', async () => {
    const broken = '<tool_call>\n{"name": "get_weather", "arguments": {"city": Paris}}\n</tool_call>';
    await start({ text: broken });
    const body = { ...plain, tools: [weather] };
    const transcript = await readTranscript(await server.post('/v1/responses', { ...body, stream: true }));
    const streamed = lastResponse(transcript);
    expect(streamed.output).toMatchObject([
      { type: 'function_call', status: 'incomplete' },
      { type: 'message', status: 'completed', content: [{ text: broken }] },
    ]);
    expect(streamed.warnings).toEqual([expect.stringContaining('not well formed')]);
    const whole = await ask(body);
    expect(whole.output).toMatchObject([{ type: 'message', content: [{ text: broken }] }]);
    expect(whole.warnings).toEqual(streamed.warnings);
    // What goes on from it has no such call.
    const next = await ask({ ...body, previous_response_id: streamed.id });
    expect(next.usage?.input_tokens).toBe(
      (await ask({ ...body, previous_response_id: whole.id })).usage?.input_tokens,
    );
  });
});

describe('the official client', () => {
  it('reads an answer, and what was asked', async () => {
    await start({ text: 'Hello.' });
    const response = await client.responses.create({
      ...plain,
      instructions: 'Be terse.',
      temperature: 0,
      top_p: 0.5,
      max_output_tokens: 100,
      metadata: { a: 'b' },
      safety_identifier: 'ann',
      service_tier: 'auto',
      prompt_cache_key: 'key',
      truncation: 'disabled',
      text: { format: { type: 'text' } },
      tools: [weather],
      tool_choice: 'none',
    });
    expect(response.output_text).toBe('Hello.');
    expect(response).toMatchObject({
      status: 'completed',
      instructions: 'Be terse.',
      temperature: 0,
      top_p: 0.5,
      max_output_tokens: 100,
      metadata: { a: 'b' },
      safety_identifier: 'ann',
      service_tier: 'default',
      prompt_cache_key: 'key',
      tools: [weather],
      tool_choice: 'none',
    });
    // A token of the fake model is a byte; one more begins the prompt.
    const tokens = 1 + '[system]Be terse.[user]Hi[assistant]'.length;
    expect(response.usage).toMatchObject({
      input_tokens: tokens,
      output_tokens: 'Hello.'.length,
      total_tokens: tokens + 'Hello.'.length,
    });
  });

  it('puts a stream together, with its helper and without', async () => {
    await start({ text: `<think>Hm.</think>Let me look.\n${call}` });
    const stream = client.responses.stream({ ...plain, tools: [weather] });
    const deltas: string[] = [];
    const snapshots: string[] = [];
    stream.on('response.output_text.delta', ({ delta, snapshot }) => {
      deltas.push(delta);
      snapshots.push(snapshot);
    });
    const final = await stream.finalResponse();
    expect(deltas.join('')).toBe('Let me look.');
    expect(deltas.length).toBeGreaterThan(5);
    expect(snapshots.at(-1)).toBe('Let me look.');
    expect(final.output_text).toBe('Let me look.');
    expect(final.output.map(({ type }) => type)).toEqual(['reasoning', 'message', 'function_call']);
    const types = new Set<string>();
    for await (const { type } of await client.responses.create({ ...plain, tools: [weather], stream: true }))
      types.add(type);
    expect(types).toContain('response.function_call_arguments.delta');
    expect(types).toContain('response.completed');
  });

  it('gives results of calls back, as items and as what goes on from a response', async () => {
    await start({
      scripts: [
        ['[tool]sunny', 'It is sunny.'],
        ['"get_weather"', `<think>Hm.</think>${call}`],
      ],
    });
    const question = { role: 'user' as const, content: 'How is the weather?' };
    const first = await client.responses.create({ model: 'fake', input: [question], tools: [weather] });
    const made = first.output.find((item) => item.type === 'function_call');
    if (made === undefined) throw new Error('there is no call');
    expect(JSON.parse(made.arguments)).toEqual({ city: 'Paris' });
    const result = { type: 'function_call_output' as const, call_id: made.call_id, output: 'sunny' };
    const again = await client.responses.create({
      model: 'fake',
      input: [question, ...first.output, result],
      tools: [weather],
    } as OpenAI.Responses.ResponseCreateParamsNonStreaming);
    expect(again.output_text).toBe('It is sunny.');
    const next = await client.responses.create({
      model: 'fake',
      input: [result],
      tools: [weather],
      previous_response_id: first.id,
    });
    expect(next.output_text).toBe('It is sunny.');
    expect(next.previous_response_id).toBe(first.id);
    expect(next.usage?.input_tokens).toBe(again.usage?.input_tokens);
  });

  it('sends what its helpers made back', async () => {
    await start({
      scripts: [
        ['[tool]sunny', 'It is sunny.'],
        ['"get_weather"', `Let me look.\n${call}`],
      ],
    });
    const first = await client.responses.stream({ ...plain, tools: [weather] }).finalResponse();
    const made = first.output.find((item) => item.type === 'function_call');
    const input = [
      { role: 'user', content: 'Hi' },
      ...first.output,
      {
        type: 'function_call_output',
        call_id: made?.call_id,
        output: [{ type: 'input_text', text: 'sunny' }],
      },
    ];
    const body = { ...plain, tools: [weather], input } as OpenAI.Responses.ResponseCreateParamsNonStreaming;
    expect((await client.responses.create(body)).output_text).toBe('It is sunny.');
  });

  it('throws errors as its classes', async () => {
    await start({ text: 'Hello.' });
    const unknown = client.responses.create({ ...plain, model: 'x' });
    await expect(unknown).rejects.toThrow(NotFoundError);
    await expect(unknown).rejects.toMatchObject({ code: 'model_not_found', param: 'model' });
    const refused = client.responses.create({ ...plain, background: true });
    await expect(refused).rejects.toThrow(BadRequestError);
    await expect(refused).rejects.toMatchObject({ code: 'unsupported_parameter', param: 'background' });
    const failed = client.responses.stream({ ...plain, model: 'x' }).finalResponse();
    await expect(failed).rejects.toThrow(NotFoundError);
  });

  it('stops the work when it aborts, and the response is not kept', async () => {
    await start({ text: 'x'.repeat(500) });
    server.gate.hold();
    const stream = client.responses.stream(plain);
    let id = '';
    stream.on('response.created', ({ response }) => (id = response.id));
    stream.on('response.output_text.delta', () => stream.abort());
    const aborted = stream.done().catch((error: unknown) => error);
    server.gate.release(10);
    expect(await aborted).toBeInstanceOf(APIUserAbortError);
    while (server.openResponses > 0) await new Promise((resolve) => setImmediate(resolve));
    server.gate.open();
    const engine = await server.engine('fake');
    while (engine.pendingRequests > 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await engine.inspect()).steps).toBeLessThan(20);
    await expect(client.responses.retrieve(id)).rejects.toThrow(NotFoundError);
  });
});

describe('tools', () => {
  it('are those that are allowed', async () => {
    await start({
      scripts: [
        ['"other"', 'Two.'],
        ['"get_weather"', 'One.'],
      ],
    });
    const tools = [weather, { ...weather, name: 'other' }];
    expect((await client.responses.create({ ...plain, tools })).output_text).toBe('Two.');
    const choice = { type: 'allowed_tools' as const, mode: 'auto' as const };
    const allowed = { ...choice, tools: [{ type: 'function', name: 'get_weather' }] };
    const response = await client.responses.create({ ...plain, tools, tool_choice: allowed });
    expect(response.output_text).toBe('One.');
    expect(response.tool_choice).toEqual(allowed);
  });

  it('are called once where calls may not be parallel', async () => {
    await start({ text: `${call}\n${call}` });
    const { output } = await ask({ tools: [weather], parallel_tool_calls: false });
    expect(output).toMatchObject([{ type: 'function_call', status: 'completed' }]);
  });
});

describe('reasoning', () => {
  it('is as much as was asked for, where the template knows of it', async () => {
    await start(
      {
        scripts: [
          ['(high)', 'Much.'],
          ['Hi', 'Little.'],
        ],
      },
      effortful,
    );
    const response = await ask({ reasoning: { effort: 'high' } });
    expect(response.output).toMatchObject([{ content: [{ text: 'Much.' }] }]);
    expect(response.reasoning.effort).toBe('high');
    await server.stop();
    await start({ text: 'x' });
    const refused = client.responses.create({ ...plain, reasoning: { effort: 'high' } });
    await expect(refused).rejects.toMatchObject({ code: 'unsupported_by_model', param: 'reasoning.effort' });
  });
});

describe('what is not supported', () => {
  const item = (fields: object): object => ({ input: [{ role: 'user', content: 'Hi' }, fields] });
  it.each<[object, string]>([
    [{ include: ['reasoning.encrypted_content'] }, 'include[0]'],
    [{ reasoning: { summary: 'auto' } }, 'reasoning.summary'],
    [{ reasoning: { mode: 'pro' } }, 'reasoning.mode'],
    [{ reasoning: { context: 'all_turns' } }, 'reasoning.context'],
    [{ text: { format: { type: 'xml' } } }, 'text.format.type'],
    [{ include: ['message.output_text.logprobs', 'file_search_call.results'] }, 'include[1]'],
    [{ text: { verbosity: 'low' } }, 'text.verbosity'],
    [{ stream_options: { include_obfuscation: true } }, 'stream_options.include_obfuscation'],
    [{ conversation: 'conv_1' }, 'conversation'],
    [{ truncation: 'auto' }, 'truncation'],
    [{ top_logprobs: 2 }, 'top_logprobs'],
    [{ n: 2 }, 'n'],
    [{ max_tokens: 2 }, 'max_tokens'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [
      { tools: [{ ...weather, strict: true, parameters: { type: 'object', patternProperties: {} } }] },
      'tools[0].parameters.patternProperties',
    ],
    [{ tools: [weather, weather] }, 'tools[1].name'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    [{ tools: [weather], tool_choice: { type: 'function', name: 'other' } }, 'tool_choice.name'],
    [{ input: [] }, 'input'],
    [{ input: 5 }, 'input'],
    [item({ role: 'bob', content: 'x' }), 'input[1].role'],
    [item({ type: 'web_search_call', id: 'x' }), 'input[1].type'],
    [item({ role: 'user', content: [{ type: 'input_image', image_url: 'x' }] }), 'input[1].content'],
    [
      item({ type: 'reasoning', id: 'x', summary: [{ type: 'summary_text', text: 'x' }] }),
      'input[1].summary',
    ],
    [item({ type: 'function_call_output', call_id: 'x', output: 'x' }), 'input[1].call_id'],
    [{ metadata: { ['x'.repeat(65)]: 'x' } }, `metadata.${'x'.repeat(65)}`],
  ])('is refused with its path: %j', async (body, param) => {
    await start({ text: 'Hello.' });
    const response = await server.post('/v1/responses', { ...plain, ...body });
    expect(response.status).toBe(400);
    const { error } = errorSchema.parse(await response.json());
    expect(error.param).toBe(param);
    expect(['invalid_parameter', 'unsupported_parameter', 'unsupported_schema']).toContain(error.code);
  });
});

const errorSchema = z.object({ error: z.object({ code: z.string(), param: z.string().nullable() }) });
