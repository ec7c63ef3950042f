import { afterEach, describe, expect, it } from 'vitest';
import { events, FakeServer } from './fake-server.js';

const hermes = [
  '{%- for tool in tools or [] %}{{ tool | tojson }}{%- endfor %}',
  "{%- for m in messages %}{{ '[' + m.role + ']' + m.content }}",
  "{%- for c in m.tool_calls or [] %}{{ '<tool_call>' + c.function.name + (c.function.arguments | tojson) }}{%- endfor %}",
  "{%- endfor %}{{ '[assistant]' }}{#- <think> </think> #}",
].join('');
const mistral = `${hermes}{#- [TOOL_CALLS] #}`;
const harmony = `${hermes}{#- <|channel|> <|message|> #}{%- if reasoning_effort %}{{ reasoning_effort }}{%- endif %}`;

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const question = { role: 'user', content: 'How is the weather in Paris?' };
const call = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>';

interface Message {
  role: string;
  content: string | null;
  reasoning_content?: string;
  tool_calls?: { index?: number; id?: string; function: { name?: string; arguments: string } }[];
}
interface Choice {
  message: Message;
  delta: Partial<Message>;
  finish_reason: string | null;
  warnings?: string[];
}
interface Answer {
  choices: Choice[];
  usage: { completion_tokens: number; completion_tokens_details: { reasoning_tokens: number } };
}

let server: FakeServer;
afterEach(async () => server.stop());

async function start(
  template: string,
  parts: { text?: string; scripts?: [string, string][] },
): Promise<void> {
  const query = new URLSearchParams({ chatTemplate: template });
  if (parts.text !== undefined) query.set('scriptedText', parts.text);
  if (parts.scripts !== undefined) query.set('scripts', JSON.stringify(parts.scripts));
  // A step has room for a whole prompt.
  server = await FakeServer.start(
    { fake: `fake:?${query.toString()}` },
    { batchSize: 1024, speculation: 'off' },
  );
}

async function ask(body: object): Promise<Choice & { usage: Answer['usage'] }> {
  const response = await server.post('/v1/chat/completions', {
    model: 'fake',
    messages: [question],
    ...body,
  });
  const answer = (await response.json()) as Answer;
  const [choice] = answer.choices ?? [];
  if (choice === undefined) throw new Error(`there is no choice: ${JSON.stringify(answer)}`);
  return { ...choice, usage: answer.usage };
}

/** A stream, put together as clients do it. */
async function stream(body: object): Promise<{ message: Message; finish: string | null; chunks: Choice[] }> {
  const response = await server.post('/v1/chat/completions', {
    model: 'fake',
    messages: [question],
    stream: true,
    ...body,
  });
  const message: Message = { role: '', content: '' };
  const calls: NonNullable<Message['tool_calls']> = [];
  const chunks: Choice[] = [];
  let finish: string | null = null;
  for await (const event of events(response)) {
    if (event === '[DONE]') continue;
    const [choice] = (JSON.parse(event) as Answer).choices;
    if (choice === undefined) throw new Error('there is no choice');
    chunks.push(choice);
    const { role, content, reasoning_content, tool_calls = [] } = choice.delta;
    if (role !== undefined) message.role = role;
    message.content = (message.content ?? '') + (content ?? '');
    if (reasoning_content !== undefined)
      message.reasoning_content = (message.reasoning_content ?? '') + reasoning_content;
    for (const { index = -1, id, function: part } of tool_calls) {
      const known = calls[index];
      if (known === undefined) calls[index] = { id: id ?? '', function: { ...part } };
      else known.function.arguments += part.arguments;
    }
    finish = choice.finish_reason ?? finish;
  }
  if (calls.length > 0) message.tool_calls = calls;
  return { message, finish, chunks };
}

describe('a tool call', () => {
  it('is a field of the answer, and the answer ends for it', async () => {
    await start(hermes, { text: `Let me look.\n${call}` });
    const { message, finish_reason } = await ask({ tools: [weather] });
    expect(message).toEqual({
      role: 'assistant',
      content: 'Let me look.',
      refusal: null,
      tool_calls: [
        {
          id: expect.stringMatching(/^call_\w{24}$/) as string,
          type: 'function',
          function: { name: 'get_weather', arguments: '{"city": "Paris"}' },
        },
      ],
    });
    expect(finish_reason).toBe('tool_calls');
  });

  it('alone leaves no content', async () => {
    await start(hermes, { text: call });
    expect((await ask({ tools: [weather] })).message.content).toBeNull();
  });

  it('is streamed as it is made, its arguments piece by piece', async () => {
    await start(hermes, { text: `Let me look.\n${call}` });
    const { message, finish, chunks } = await stream({ tools: [weather] });
    expect(message).toMatchObject({
      content: 'Let me look.',
      tool_calls: [{ function: { name: 'get_weather', arguments: '{"city": "Paris"}' } }],
    });
    expect(finish).toBe('tool_calls');
    const pieces = chunks.flatMap(({ delta }) => delta.tool_calls ?? []);
    expect(pieces[0]).toMatchObject({ index: 0, function: { arguments: '' } });
    // A token of the fake model is a byte.
    expect(pieces.slice(1).map(({ function: { arguments: text } }) => text)).toEqual(
      '{"city": "Paris"}'.split(''),
    );
  });

  it('is at the client while its arguments are not made yet', async () => {
    await start(hermes, { text: call });
    server.gate.hold();
    const response = await server.post('/v1/chat/completions', {
      model: 'fake',
      messages: [question],
      tools: [weather],
      stream: true,
    });
    const received = events(response);
    const named = call.indexOf('get_weather"') + 'get_weather"'.length;
    // One step for each byte, and some for the prompt. The call goes on for many more.
    const promptSteps = 8;
    server.gate.release(named + promptSteps);
    let event = '';
    while (!event.includes('tool_calls')) event = (await received.next()).value ?? 'tool_calls';
    expect(event).toContain('"name":"get_weather"');
    expect(server.gate.step).toBeLessThan(call.length);
    server.gate.open();
    for await (const rest of received) expect(rest).not.toContain('"error"');
  });

  it('is content where no tools were given, or none may be called', async () => {
    await start(hermes, { text: call });
    for (const body of [{}, { tools: [] }, { tools: [weather], tool_choice: 'none' }]) {
      const { message, finish_reason } = await ask(body);
      expect(message).toEqual({ role: 'assistant', content: call, refusal: null });
      expect(finish_reason).toBe('stop');
    }
  });

  it('that is malformed is content, with a warning', async () => {
    const broken = '<tool_call>\n{"name": "get_weather", "arguments": {"city": Paris}}\n</tool_call>';
    await start(hermes, { text: broken });
    const { message, finish_reason, warnings } = await ask({ tools: [weather] });
    expect(message).toEqual({ role: 'assistant', content: broken, refusal: null });
    expect(finish_reason).toBe('stop');
    expect(warnings).toEqual([expect.stringContaining('not well formed')]);
    const streamed = await stream({ tools: [weather] });
    expect(streamed.message.content).toBe(broken);
    expect(streamed.finish).toBe('stop');
    expect(streamed.chunks.at(-1)?.warnings).toEqual(warnings);
  });

  it('that is cut off by the limit has the arguments that are there', async () => {
    await start(hermes, { text: call });
    const { message, finish_reason } = await ask({ tools: [weather], max_tokens: call.indexOf('Paris') + 2 });
    expect(finish_reason).toBe('length');
    expect(message.tool_calls?.[0]?.function).toEqual({ name: 'get_weather', arguments: '{"city": "Pa' });
  });

  it('is the only one where calls may not be parallel, and nothing is computed after it', async () => {
    await start(hermes, { text: `${call}\n${call}${'.'.repeat(500)}` });
    expect((await ask({ tools: [weather] })).message.tool_calls).toHaveLength(2);
    const single = await ask({ tools: [weather], parallel_tool_calls: false });
    expect(single.message.tool_calls).toHaveLength(1);
    expect(single.finish_reason).toBe('tool_calls');
    expect(single.usage.completion_tokens).toBeLessThan(call.length + 5);
    const streamed = await stream({ tools: [weather], parallel_tool_calls: false });
    expect(streamed.message.tool_calls).toHaveLength(1);
    expect(streamed.finish).toBe('tool_calls');
  });

  it('of each choice is told apart', async () => {
    await start(hermes, { text: call });
    const response = await server.post('/v1/chat/completions', {
      model: 'fake',
      messages: [question],
      tools: [weather],
      n: 2,
    });
    const { choices } = (await response.json()) as Answer;
    const ids = choices.map(({ message }) => message.tool_calls?.[0]?.id);
    expect(new Set(ids).size).toBe(2);
  });

  it('is known by control tokens, which are no part of the text', async () => {
    await start(mistral, { text: 'Let me see.<|end|>[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}' });
    const { message } = await ask({ tools: [weather] });
    expect(message).toMatchObject({
      content: 'Let me see.',
      tool_calls: [
        { id: expect.stringMatching(/^\w{9}$/) as string, function: { arguments: '{"city": "Paris"}' } },
      ],
    });
    expect((await ask({})).message.content).toBe('Let me see.get_weather{"city": "Paris"}');
  });

  it('of gpt-oss is in a channel', async () => {
    await start(harmony, {
      text: '<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather<|message|>{"city": "Paris"}',
    });
    const { message, usage } = await ask({ tools: [weather], reasoning_effort: 'low' });
    expect(message).toMatchObject({
      content: null,
      reasoning_content: 'Hm.',
      tool_calls: [{ function: { name: 'get_weather', arguments: '{"city": "Paris"}' } }],
    });
    expect(usage.completion_tokens_details.reasoning_tokens).toBeGreaterThan(3);
  });
});

describe('the prompt', () => {
  it('has the tools, and calls and results as the template writes them', async () => {
    await start(hermes, {
      scripts: [
        ['[tool]sunny', 'It is sunny.'],
        ['"get_weather"', call],
      ],
    });
    const { message } = await ask({ tools: [weather] });
    const [made] = message.tool_calls ?? [];
    const after = await ask({
      tools: [weather],
      messages: [question, message, { role: 'tool', tool_call_id: made?.id, content: 'sunny' }],
    });
    expect(after.message.content).toBe('It is sunny.');
    expect(after.finish_reason).toBe('stop');
  });
});

describe('reasoning', () => {
  const text = '<think>\nHm.\n</think>\n\nYes.';

  it('is a field of its own, and its tokens are counted', async () => {
    await start(hermes, { text });
    const { message, usage } = await ask({});
    expect(message).toEqual({
      role: 'assistant',
      content: 'Yes.',
      reasoning_content: 'Hm.',
      refusal: null,
    });
    expect(usage.completion_tokens).toBe(text.length);
    // A token is a byte here: those from the end of the first marker to the end of the last.
    expect(usage.completion_tokens_details.reasoning_tokens).toBe('>\nHm.\n</think>'.length);
    const streamed = await stream({});
    expect(streamed.message).toEqual({ role: 'assistant', content: 'Yes.', reasoning_content: 'Hm.' });
  });

  it('that is cut off is reasoning all the same', async () => {
    await start(hermes, { text });
    const { message, finish_reason } = await ask({ max_tokens: 11 });
    expect(message).toMatchObject({ content: '', reasoning_content: 'Hm.' });
    expect(finish_reason).toBe('length');
  });

  it('stays in the content when the client wants it there', async () => {
    await start(hermes, { text });
    expect((await ask({ reasoning_format: 'none' })).message).toMatchObject({ content: text });
  });

  it('is ended by its budget, with tokens that count', async () => {
    await start(hermes, { text: '<think>abcdefghijklmnop</think>Yes.' });
    const { message, usage } = await ask({ thinking_budget: 5, max_tokens: 40 });
    expect(message.reasoning_content).toBe('abcde');
    expect(message.content).toBe('fghijklmnop</thin');
    expect(usage.completion_tokens).toBe(40);
  });
});
