import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, describe, expect, it } from 'vitest';
import { events, FakeServer } from './fake-server.js';

/*
 * The fake model says characters at random: what is a call, and as its schema says, is so because nothing else could be
 * said.
 */

/** The prompt has the tools; the rest of a template says what family it is of. */
const prompt = '{%- for tool in tools or [] %}{{ tool | tojson }}{%- endfor %}{{ messages[0].content }}';
const families = {
  hermes: '{#- <tool_call> #}',
  'qwen-coder': '{#- <tool_call> <function= #}',
  llama: '{#- <|start_header_id|> <|python_tag|> #}',
  mistral: '{#- [TOOL_CALLS] [ARGS] #}',
  glm: '{#- <tool_call> <arg_key> #}',
  deepseek: '{#- <｜tool▁calls▁begin｜> <｜tool▁call▁begin｜> #}',
  dsml: '{#- ｜DSML｜ function_calls #}',
  gemma: '{#- <|tool_call>call: #}',
  harmony: '{#- <|channel|> <|message|> #}',
  kimi: '{#- <|tool_calls_section_begin|> <|tool_call_begin|> #}',
  minimax: '{#- <minimax:tool_call> #}',
};

const schema = {
  type: 'object',
  properties: {
    city: { type: 'string', maxLength: 6 },
    days: { type: ['integer', 'null'], minimum: 1, maximum: 9 },
    units: { enum: ['metric', 'old'] },
    places: { type: 'array', items: { type: 'string', maxLength: 3 }, maxItems: 2 },
  },
  required: ['city', 'days', 'units'],
  additionalProperties: false,
};
const isValid = new Ajv2020().compile(schema);
const parameters = { weather: schema, time: { type: 'object', properties: {}, additionalProperties: false } };
type ToolName = keyof typeof parameters;

const chatTool = (name: ToolName, strict?: boolean): object => ({
  type: 'function',
  function: { name, parameters: parameters[name], ...(strict === undefined ? {} : { strict }) },
});
const question = { model: 'fake', messages: [{ role: 'user', content: 'Hi' }] };
const hot = { temperature: 1, max_tokens: 3000 };

interface ToolCall {
  function: { name: string; arguments: string };
}
interface ChatAnswer {
  choices: {
    message: { content: string | null; tool_calls?: ToolCall[]; reasoning_content?: string };
    finish_reason: string;
    warnings?: string[];
  }[];
  usage: { completion_tokens_details: { reasoning_tokens: number } };
}

let server: FakeServer;
afterEach(async () => server.stop());

async function start(template: string, more: Record<string, string> = {}): Promise<void> {
  const fake = new URLSearchParams({ chatTemplate: prompt + template, ...more });
  server = await FakeServer.start({ fake: `fake:?${fake.toString()}` }, { contextSize: 4096 });
}

async function post<Answer>(path: string, body: object): Promise<Answer> {
  const response = await server.post(path, body);
  const text = await response.text();
  expect([text, response.status]).toEqual([text, 200]);
  return JSON.parse(text) as Answer;
}

async function chat(body: object): Promise<ChatAnswer['choices'][number]> {
  const { choices } = await post<ChatAnswer>('/v1/chat/completions', { ...question, ...hot, ...body });
  const [choice] = choices;
  if (choice === undefined) throw new Error('there is no choice');
  return choice;
}

describe.each(Object.entries(families))('a model of the family %s', (family, template) => {
  // A model that says characters at random would reason for ever.
  const limit = family === 'harmony' ? { thinking_budget: 4 } : {};

  it('calls a tool when it must, with arguments as the schema says', async () => {
    await start(template);
    for (const seed of [1, 2, 3]) {
      const body = { tools: [chatTool('weather', true)], tool_choice: 'required', seed, ...limit };
      const { message, finish_reason, warnings } = await chat({ ...body, parallel_tool_calls: false });
      const [call, ...others] = message.tool_calls ?? [];
      expect([message.content, others, finish_reason, warnings]).toEqual([null, [], 'tool_calls', undefined]);
      expect(call?.function.name).toBe('weather');
      const text = call?.function.arguments ?? '';
      expect([text, isValid(JSON.parse(text))]).toEqual([text, true]);
    }
  });

  it('calls the tool that is named, whatever others there are', async () => {
    await start(template);
    const tool_choice = { type: 'function', function: { name: 'time' } };
    const { message, finish_reason } = await chat({
      tools: [chatTool('weather'), chatTool('time')],
      tool_choice,
      parallel_tool_calls: false,
      ...limit,
    });
    expect(message.tool_calls?.map(({ function: call }) => call)).toEqual([
      { name: 'time', arguments: expect.stringMatching(/^\{\s*\}$/) as string },
    ]);
    expect(finish_reason).toBe('tool_calls');
  });
});

describe('a demanded call', () => {
  const tools = [chatTool('weather'), chatTool('time')];

  it('is streamed, and of the tools that are allowed', async () => {
    await start(families.hermes);
    const tool_choice = {
      type: 'allowed_tools',
      allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'weather' } }] },
    };
    const body = { ...question, ...hot, tools, tool_choice, stream: true, parallel_tool_calls: false };
    const response = await server.post('/v1/chat/completions', body);
    let [name, text, content, finish] = ['', '', '', ''];
    for await (const event of events(response)) {
      if (event === '[DONE]') break;
      const [choice] = (
        JSON.parse(event) as {
          choices: { delta: { content?: string; tool_calls?: ToolCall[] }; finish_reason: string | null }[];
        }
      ).choices;
      const [call] = choice?.delta.tool_calls ?? [];
      name += call?.function.name ?? '';
      text += call?.function.arguments ?? '';
      content += choice?.delta.content ?? '';
      finish = choice?.finish_reason ?? finish;
    }
    expect([name, content, finish]).toEqual(['weather', '', 'tool_calls']);
    expect([text, isValid(JSON.parse(text))]).toEqual([text, true]);
  });

  it('follows reasoning that its budget ends, as every family writes it', async () => {
    const reasoners = [
      ['{#- <think> <tool_call> #}', '<think>'],
      ['{#- <|channel|> <|message|> #}', '<|channel|>analysis<|message|>'],
      ['{#- <｜tool▁calls▁begin｜> <｜tool▁call▁begin｜> <think> #}', '<think>'],
      ['{#- <|tool_call>call: <|channel>thought #}', '<|channel>thought'],
      ['{#- [TOOL_CALLS] [ARGS] [THINK] #}', '[THINK]'],
    ] as const;
    for (const [template, open] of reasoners) {
      // A script has nothing to say to a grammar that does not allow it.
      await start(template, { scriptedText: `${open}${'a'.repeat(40)}` });
      const body = { tools, tool_choice: 'required', parallel_tool_calls: false, thinking_budget: 6 };
      const { message, finish_reason } = await chat(body);
      const [call] = message.tool_calls ?? [];
      expect([template, message.reasoning_content, message.content]).toEqual([template, 'aaaaaa', null]);
      expect([template, finish_reason, typeof call?.function.name]).toEqual([
        template,
        'tool_calls',
        'string',
      ]);
      await server.stop();
    }
    await start(families.hermes);
  });

  it('of other APIs is as they write it', async () => {
    await start(families.hermes);
    const message = await post<{
      content: { type: string; name: string; input: unknown }[];
      stop_reason: string;
    }>('/v1/messages', {
      ...question,
      ...hot,
      tools: [{ name: 'weather', input_schema: schema, strict: true }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
    });
    expect(message).toMatchObject({
      stop_reason: 'tool_use',
      content: [{ type: 'tool_use', name: 'weather' }],
    });
    expect(isValid(message.content[0]?.input)).toBe(true);
    const named = await post('/v1/messages', {
      ...question,
      ...hot,
      tools: [
        { name: 'weather', input_schema: schema },
        { name: 'time', input_schema: parameters.time },
      ],
      tool_choice: { type: 'tool', name: 'time', disable_parallel_tool_use: true },
    });
    expect(named).toMatchObject({ content: [{ type: 'tool_use', name: 'time', input: {} }] });
    const functions = [
      { type: 'function', name: 'weather', parameters: schema, strict: true },
      { type: 'function', name: 'time', parameters: parameters.time },
    ];
    const body = {
      model: 'fake',
      input: 'Hi',
      temperature: 1,
      max_output_tokens: 3000,
      parallel_tool_calls: false,
      tools: functions,
    };
    for (const [tool_choice, name] of [
      [{ type: 'function', name: 'weather' }, 'weather'],
      [{ type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'time' }] }, 'time'],
    ] as const) {
      const response = await post<{
        output: { type: string; name: string; arguments: string }[];
        tools: object[];
      }>('/v1/responses', { ...body, tool_choice });
      expect(response.output).toMatchObject([{ type: 'function_call', status: 'completed', name }]);
      const args = JSON.parse(response.output[0]?.arguments ?? '') as object;
      expect(name === 'weather' ? isValid(args) : Object.keys(args)).toEqual(name === 'weather' ? true : []);
      expect(response.tools).toMatchObject([{ strict: true }, { strict: false }]);
    }
  });
});

describe('a strict tool that may be called', () => {
  const call = (city: string): string =>
    `I look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "${city}", "days": null, "units": "old"}}\n</tool_call>`;

  it('is not called otherwise than its schema says, and text stays free', async () => {
    await start(families.hermes, { scriptedText: call('Lisbon') });
    const good = await chat({ tools: [chatTool('weather', true)] });
    expect(good.message.content).toBe('I look.');
    expect(JSON.parse(good.message.tool_calls?.[0]?.function.arguments ?? '')).toEqual({
      city: 'Lisbon',
      days: null,
      units: 'old',
    });
    await server.stop();
    await start(families.hermes, { scriptedText: call('Constantinople') });
    const free = await chat({ tools: [chatTool('weather', false)] });
    expect(free.message.tool_calls?.[0]?.function.arguments).toContain('Constantinople');
    const held = await chat({ tools: [chatTool('weather', true)], max_tokens: 400 });
    const [made] = held.message.tool_calls ?? [];
    // Behind the call comes what is left of the script, if it was the shorter one.
    expect(held.message.content).toMatch(/^I look\./);
    expect(made?.function.name).toBe('weather');
    expect(made?.function.arguments).toMatch(/^\{"city": "Consta"/);
  });

  it('can be called where content has a form, and a grammar of all of an answer is refused', async () => {
    await start(families.hermes, { scriptedText: call('Lisbon').replace('I look.\n', '') });
    const response_format = { type: 'json_schema', json_schema: { name: 'a', schema: { const: { a: 1 } } } };
    const tools = [chatTool('weather', true)];
    const called = await chat({ tools, response_format });
    expect(called.message.tool_calls).toHaveLength(1);
    const told = await chat({ tools, response_format, tool_choice: 'none' });
    expect(told.message.content).toBe('{"a":1}');
    const refused = await server.post('/v1/chat/completions', {
      ...question,
      tools,
      grammar: 'root ::= "x"',
    });
    expect(await refused.json()).toMatchObject({ error: { code: 'invalid_parameter', param: 'grammar' } });
  });
});

it('A call ends reasoning, and its budget with it, in families that forget to end it', async () => {
  const text = '<think>Hm.<tool_call>\n<function=time>\n</function>\n</tool_call>';
  await start('{#- <tool_call> <function= <think> #}', { scriptedText: text });
  for (const strict of [false, true]) {
    const { message, warnings } = await chat({ tools: [chatTool('time', strict)], thinking_budget: 20 });
    expect([message.reasoning_content, message.content, warnings]).toEqual(['Hm.', null, undefined]);
    expect(message.tool_calls?.map(({ function: call }) => call)).toEqual([
      { name: 'time', arguments: '{}' },
    ]);
  }
});
